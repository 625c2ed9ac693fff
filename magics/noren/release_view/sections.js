// The sections of the view, from the head with the names to the foot with the addresses.

function header(s, ui) {
  const facts = s.not_released ? [s.not_released] : s.state === "canary" && s.step > 0
    ? [`step ${s.step} of ${s.steps}`, `${s.weight}${THIN}%`, duration(s.step_seconds)]
    : [underWay(s) ? `for ${duration(s.now - s.opened_at)}` : `opened ${clock(s.opened_at, s.now)}`];
  const from = s.champion ? `${number(s.champion)} → ` : "";
  return h("header", { class: "nr-head" },
    h("span", { class: "nr-name" }, s.name),
    h("span", { class: "nr-change", title: s.candidate && `${s.candidate} ${s.champion ? `in place of ${s.champion}` : "as the first release"}` }, from, h("b", null, number(s.candidate))),
    h("span", { class: "nr-status", role: "status" },
      h("span", { class: "nr-state", "data-state": s.state, "data-live": underWay(s) && !ui.stale ? "" : null }, stateOf(s)),
      h("span", { class: "nr-facts", title: s.release && `${s.release}, opened ${clock(s.opened_at, s.now)}` }, facts.join(" · "))));
}

function stages(s) {
  if (!s.stages.length) return null;
  const mark = { done: "M4.5 8.2l2.4 2.4 4.6-5", failed: "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2" };
  return h("ol", { class: "nr-stages", "aria-label": "Stages of the release" }, s.stages.map((stage) =>
    h("li", { "data-status": stage.status, title: [`${stage.name}: ${stage.status}`, stage.detail].filter(Boolean).join(", ") },
      h("svg", { class: "nr-mark", viewBox: "0 0 16 16", width: 16, height: 16, role: "img", "aria-label": stage.status },
        h("circle", { cx: 8, cy: 8, r: 6.5 }), mark[stage.status] && h("path", { d: mark[stage.status] })),
      h("span", { class: "nr-stage" }, stage.name, " ", stage.seconds != null && h("span", { class: "nr-time" }, duration(stage.seconds))),
      " ", stage.detail && h("span", { class: "nr-detail" }, stage.detail))));
}

function unharmed(s) {
  const sum = (key) => s.arms.reduce((total, arm) => total + arm[key], 0);
  const requests = sum("requests"), failed = sum("failed"), harmed = sum("harmed");
  if (!requests) return [false, "No requests yet."];
  if (harmed) return [true, `${plural(harmed, "request")} failed for users.`];
  if (failed) return [false, `Every request was answered, ${grouped(failed)} of them at the second try.`];
  return [false, "Every request was answered."];
}

function traffic(s) {
  if (!s.arms.length) return null;
  const [harm, words] = unharmed(s);
  const roles = rolesOf(s);
  return h("div", { class: "nr-traffic", title: "Who gets which share of the requests, from the release's route." },
    h("div", { class: "nr-arms" }, roles.map(({ arm, role, word }) =>
      h("span", { class: `nr-arm nr-${role}` }, h("i", { class: "nr-swatch" }), h("b", null, number(arm.version)), ` ${word} `,
        h("span", { class: "nr-share" }, `${arm.share}${THIN}%`), !arm.ready && underWay(s) && h("span", { class: "nr-detail" }, " starting")))),
    h("div", { class: "nr-bar", role: "img", "aria-label": roles.map(({ arm, word }) => `${word} ${arm.version} ${arm.share} %`).join(", ") },
      roles.map(({ arm, role }) => h("i", { class: `nr-${role}`, style: `width: ${arm.share}%` }))),
    h("p", { class: harm ? "nr-harm nr-alarm" : "nr-harm", title: "Whether any user saw a failure: a request that no version answered. From Envoy's access log." }, words));
}

function drift(s) {
  if (!s.drift.length) return null;
  if (!s.drift_rows) return h("div", { class: "nr-line nr-drift" }, h("span", { class: "nr-label" }, "drift"), " ", h("span", { class: "nr-worst" }, "no rows yet"));
  const rank = (column) => (column.alarm ? 1e6 : 0) + column.psi;
  const alarms = s.drift.filter((column) => column.alarm).length;
  const worst = s.drift.reduce((best, column) => (rank(column) > rank(best) ? column : best));
  const since = (column) => (column.alarm && column.since != null ? `, since ${clock(column.since, s.now)}` : "");
  const others = alarms > 1 ? `, and ${plural(alarms - 1, "other column")}` : "";
  const words = alarms ? `PSI ${worst.psi.toFixed(2)}${since(worst)}${others}` : `PSI ${worst.psi.toFixed(2)} at most`;
  const title = `How far inputs and outputs are from the reference data, over ${plural(s.drift_rows, "row")}. An alarm needs both: PSI ${s.psi_limit} and evidence 10^${s.evidence_limit}.`;
  return h("div", { class: "nr-line nr-drift" },
    h("span", { class: "nr-label", title }, "drift"),
    h("div", { class: "nr-strip" },
      h("span", { class: "nr-cells", role: "list", "aria-label": `Drift of ${plural(s.drift.length, "column")}` }, s.drift.map((column) =>
        h("i", { role: "listitem", "data-alarm": column.alarm ? "" : null, "data-level": s.psi_limit > 0 ? Math.min(4, Math.floor((4 * column.psi) / s.psi_limit)) : 4,
          title: `${column.name}: PSI ${column.psi.toFixed(2)}, evidence 10^${column.evidence.toFixed(1)}${since(column)}`, "aria-label": `${column.name} PSI ${column.psi.toFixed(2)}` }))),
      " ", h("span", { class: alarms ? "nr-worst nr-alarm" : "nr-worst" }, h("b", null, worst.name), " ", words)));
}

const QUESTIONS = {
  promote: (s) => `Give ${number(s.candidate)} all the traffic now?`,
  "roll back": (s) => (s.champion ? `Give ${number(s.champion)} all the traffic now?` : `Stop ${number(s.candidate)}? Users get a 503 then.`),
};
const label = (action) => action.charAt(0).toUpperCase() + action.slice(1);
const button = (text, attributes) => h("button", { type: "button", ...attributes }, text);

function buttons(s, ui) {
  if (ui.confirming && s.actions.includes(ui.confirming)) {
    return [h("span", { class: "nr-question" }, QUESTIONS[ui.confirming](s)),
      button(label(ui.confirming), { "data-confirm": ui.confirming, class: "nr-strong" }), button("Cancel", { "data-cancel": "" })];
  }
  return s.actions.map((action) => button(label(action), {
    "data-action": action, disabled: ui.asked ? "" : null, class: action === "roll back" && troubled(s) && underWay(s) ? "nr-urgent" : null }));
}

function next(s, ui) {
  const lede = s.because && (!underWay(s) || troubled(s));
  if (!lede && !s.next && !s.actions.length && !ui.answer) return null;
  return h("div", { class: "nr-next" },
    h("div", { class: "nr-say" },
      lede && h("p", { class: urgent(s) ? "nr-lede nr-alarm" : "nr-lede" }, s.because),
      s.next && h("p", null, h("span", { class: "nr-label" }, "next"), " ", h("span", null, s.next)),
      ui.answer && h("p", { class: ui.refused ? "nr-answer nr-alarm" : "nr-answer", role: "status" }, ui.answer)),
    s.actions.length > 0 && h("div", { class: "nr-buttons" }, buttons(s, ui)));
}

function story(s) {
  const line = (event) => h("li", { title: `by ${event.who}` },
    h("time", null, clock(event.at, s.now)), " ", h("b", null, event.kind), " ", h("span", null, event.why), " ", event.who !== "noren" && h("span", { class: "nr-who" }, event.who));
  const [recent, earlier] = [s.events.slice(0, 3), s.events.slice(3)];
  return [recent.length > 0 && h("ul", { class: "nr-story", "aria-label": "What happened, newest first" }, recent.map(line)),
    earlier.length > 0 && h("details", { class: "nr-earlier" }, h("summary", null, `${earlier.length} earlier`), h("ul", { class: "nr-story" }, earlier.map(line)))];
}

function foot(s, trouble, ui) {
  const isLink = /^https?:\/\//.test(s.report);
  const url = s.not_released ? "" : s.url;
  return [
    (trouble || ui.stale) && h("p", { class: "nr-trouble nr-alarm", role: "alert" }, trouble || "No news from the kernel.", ` This is the state at ${clock(s.now, s.now)}.`),
    (url || s.report) && h("footer", { class: "nr-foot" },
      url && h("span", { title: "Where users send their requests." }, h("span", { class: "nr-label" }, "requests to"), " ", h("code", null, url)), " ",
      s.report && h("span", { title: "What the validation notebooks found." }, isLink ? h("a", { href: s.report, target: "_blank", rel: "noopener" }, "validation report") : [h("span", { class: "nr-label" }, "report"), " ",
        h("button", { type: "button", class: "nr-link", "data-report": "", title: "Open the report" }, h("code", null, s.report))])),
    ui.reportTrouble && h("p", { class: "nr-trouble nr-alarm", role: "alert" }, ui.reportTrouble),
  ];
}

/** Everything that the view shows for one snapshot, as descriptions of elements. */
const draw = (s, trouble, ui) => [header(s, ui), stages(s), traffic(s), table(s), drift(s), next(s, ui), story(s), foot(s, trouble, ui)].flat(Infinity).filter(Boolean);
