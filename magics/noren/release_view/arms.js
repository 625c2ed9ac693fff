// The table of the two versions: requests, errors, latency and outputs of each, and what was judged of them.

const VERDICT_WORDS = { pass: "safe", unsure: "undecided", fail: "regressed" };
const ROWS = [
  ["requests", [], "Requests for which this version was chosen since the release started, and how many a second now. From Envoy's counters."],
  ["errors", ["errors"], "Share of requests whose first attempt failed on this version (5xx, reset, deadline), whoever answered in the end. From Envoy's access log."],
  ["p95", ["p95", "latency"], "95 of 100 requests are answered faster than this. From the service's latency counts."],
  ["outputs", ["outputs", "predictions"], "What this version answers. From the service's counts of its predictions."],
];

function verdictCell(s, verdict, attributes) {
  if (!verdict) return h("td", attributes);
  const rate = s.arms.reduce((total, arm) => total + (arm.requests_per_second ?? 0), 0);
  const more = underWay(s) && verdict.outcome === "unsure" && verdict.more_requests
    ? `about ${plural(verdict.more_requests, "more request")}${rate > 0 ? `, ${duration(verdict.more_requests / rate)}` : ""}` : "";
  const title = [verdict.because, verdict.limit && `Limit: ${verdict.limit}.`, verdict.log_evidence != null &&
    `The evidence is an e-value, ${Math.exp(verdict.log_evidence).toPrecision(2)}: it may be looked at as often as one likes.`];
  const proof = odds(verdict.log_evidence);
  return h("td", { ...attributes, class: "nr-verdict", "data-outcome": verdict.outcome, title: title.filter(Boolean).join(" ") },
    h("b", null, VERDICT_WORDS[verdict.outcome]), " ", more && h("span", { class: "nr-more" }, more), " ",
    (verdict.because || proof) && h("span", { class: "nr-because" }, verdict.because, " ", proof && h("span", { class: "nr-proof" }, `Evidence ${proof}`)));
}

function armCell(key, { arm, role, word }, tops) {
  const spark = (series, what) => sparkline(series, tops[key], role, `${what} of ${number(arm.version)} over the last minutes, 0 to ${key === "p95" ? latency(tops.p95) : share(tops.errors)}`);
  const cells = {
    requests: () => [grouped(arm.requests), arm.requests_per_second != null && arm.share > 0 && `${arm.requests_per_second.toFixed(1)}${THIN}/s`],
    errors: () => [share(arm.error_rate), arm.requests > 0 && `${grouped(arm.failed)} of ${grouped(arm.requests)}`, spark(arm.error_series, "errors")],
    p95: () => [latency(arm.p95_ms), arm.p50_ms != null && `p50 ${latency(arm.p50_ms)}`, spark(arm.p95_series, "p95")],
    outputs: () => [arm.output || UNKNOWN],
  };
  const [value, note, curve] = cells[key]();
  return h("td", { "aria-label": `${key} of the ${word} ${arm.version}` },
    h("div", { class: "nr-cell" }, h("span", { class: "nr-value" }, value), " ", note && h("span", { class: "nr-note" }, note), curve));
}

function table(s) {
  if (!s.arms.length) return null;
  const roles = rolesOf(s);
  const top = (key, floor) => Math.max(floor, ...s.arms.flatMap((arm) => arm[key].filter((value) => value != null)));
  const seen = s.arms.some((arm) => arm.requests > 0);
  const tops = { errors: top("error_series", 0.01), p95: 1.15 * top("p95_series", 0) };
  const known = ROWS.flatMap(([, checks]) => checks);
  const find = (checks) => s.verdicts.find((verdict) => checks.includes(verdict.check));
  return h("table", { class: "nr-table" },
    h("thead", null, h("tr", null, h("td", null), roles.map(({ arm, role, word }) =>
      h("th", { scope: "col", class: `nr-${role}`, title: arm.version }, h("i", { class: "nr-swatch" }), word, " ", number(arm.version))),
      h("th", { scope: "col" }, s.verdicts.length > 0 && "verdict"))),
    h("tbody", null,
      ROWS.filter(([key, checks]) => seen || key === "requests" || find(checks)).map(([key, checks, title]) => h("tr", null, h("th", { scope: "row", title }, key), roles.map((one) => armCell(key, one, tops)), verdictCell(s, find(checks)))),
      s.verdicts.filter((verdict) => !known.includes(verdict.check)).map((verdict) =>
        h("tr", { class: "nr-wide" }, h("th", { scope: "row", title: verdict.limit || null }, verdict.check), verdictCell(s, verdict, { colspan: roles.length + 1 })))));
}
