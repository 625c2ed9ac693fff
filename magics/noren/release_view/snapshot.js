// What a Snapshot (noren_bento/control/snapshot.py) says of its release.

const ENDED = ["promoted", "rolled back"];

function rolesOf(s) {
  const promoted = s.state === "promoted", back = s.state === "rolled back";
  return s.arms.map((arm) => {
    const part = arm.version === s.candidate ? "candidate" : "champion";
    const role = promoted && !s.champion ? "champion" : part; // a first release replaces nobody
    const now = promoted || back ? { champion: arm.share ? "champion" : "previous", candidate: back ? "rolled back" : arm.share ? "champion" : "superseded" } : {};
    return { arm, role, word: now[part] ?? part };
  });
}

const failedStage = (s) => s.stages.find((stage) => stage.status === "failed");
const troubled = (s) => Boolean(failedStage(s)) || s.verdicts.some((verdict) => verdict.outcome === "fail");
const underWay = (s) => !ENDED.includes(s.state) && !s.not_released;
const urgent = (s) => Boolean(s.not_released) || (Boolean(failedStage(s)) && underWay(s));
const stateOf = (s) => (s.not_released ? "not released" : s.state || "deploying");
