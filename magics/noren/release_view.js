// The release view: draws one Snapshot (noren_bento/control/snapshot.py) and lets a person ask for an action.
//
// One ES module without dependencies, for any host that gives it a model with get, on, off and send: anywidget in
// a notebook cell, the JupyterLab panel. It reads `snapshot` and `trouble`, sends {type: "request", action} and
// {type: "report"}, and hears {type: "answer", action, ok, text} and {type: "report", ok, text}. magics/noren/fallback.py draws the same in plain HTML, with the same
// words: a test compares them.

const SVG = "http://www.w3.org/2000/svg";
const THIN = "\u202f";
const UNKNOWN = "–";
const STALE_SECONDS = 15;
const CONFIRM_AFTER_MS = 350;
const ENDED = ["promoted", "rolled back"];
const VERDICT_WORDS = { pass: "safe", unsure: "undecided", fail: "regressed" };
const ROWS = [
  ["requests", [], "Requests for which this version was chosen since the release started, and how many a second now. From Envoy's counters."],
  ["errors", ["errors"], "Share of requests whose first attempt failed on this version (5xx, reset, deadline), whoever answered in the end. From Envoy's access log."],
  ["p95", ["p95", "latency"], "95 of 100 requests are answered faster than this. From the service's latency counts."],
  ["outputs", ["outputs", "predictions"], "What this version answers. From the service's counts of its predictions."],
];

// ---------------------------------------------------------------------------------------------- numbers as words

const pad = (number) => String(number).padStart(2, "0");
const grouped = (number) => number.toLocaleString("en-US");
const number = (version) => (version ? `v${version.split("/").pop()}` : "");
const plural = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

function share(rate) {
  if (rate == null) return UNKNOWN;
  const percent = 100 * rate;
  const digits = percent === 0 || percent >= 10 ? 0 : percent >= 1 ? 1 : 2;
  return percent > 0 && percent < 0.01 ? `<${THIN}0.01${THIN}%` : `${percent.toFixed(digits)}${THIN}%`;
}

function latency(ms) {
  if (ms == null) return UNKNOWN;
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)}${THIN}s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)}${THIN}ms`;
}

/** An e-value as the odds that it is: what a bet of 1 against "all is well" has won. Nothing below 2 to 1. */
function odds(logEvidence) {
  if (logEvidence == null || logEvidence < Math.log(2)) return "";
  if (logEvidence >= Math.log(1e6)) return "over 1,000,000 to 1";
  return `${grouped(Number(Math.exp(logEvidence).toPrecision(2)))} to 1`;
}

function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)}${THIN}s`;
  if (seconds < 90) return `${seconds.toFixed(0)}${THIN}s`;
  const minutes = Math.floor(seconds / 60 + 0.5);
  if (minutes < 60) return `${minutes}${THIN}min`;
  return `${Math.floor(minutes / 60)}${THIN}h ${minutes % 60}${THIN}min`;
}

function clock(at, now) {
  const time = new Date(1000 * at);
  const minute = `${pad(time.getHours())}:${pad(time.getMinutes())}`;
  return now - at < 86400 ? minute : `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${minute}`;
}

// ------------------------------------------------------------------------------------------------------ elements

/** A description of one element: `update` makes the page equal to it. */
function h(tag, attributes, ...children) {
  const kept = children.flat(Infinity).filter((child) => child != null && child !== false && child !== "");
  return { tag, attributes: attributes ?? {}, children: kept.map((child) => (child.tag ? child : String(child))) };
}

/** Make the children of an element equal to the described ones, touching only what differs: focus and hover stay. */
function update(parent, nodes, space = null) {
  nodes.forEach((node, index) => {
    const old = parent.childNodes[index];
    if (typeof node === "string") {
      if (old?.nodeType !== Node.TEXT_NODE) put(parent, document.createTextNode(node), old);
      else if (old.data !== node) old.data = node;
      return;
    }
    const inner = node.tag === "svg" ? SVG : space;
    const same = old?.localName === node.tag;
    const element = same ? old : inner ? document.createElementNS(inner, node.tag) : document.createElement(node.tag);
    for (const [name, value] of Object.entries(node.attributes)) {
      if (value == null || value === false) element.removeAttribute(name);
      else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
    }
    for (const { name } of [...element.attributes]) {
      if (!(name in node.attributes) && name !== "open") element.removeAttribute(name);
    }
    update(element, node.children, inner);
    if (!same) put(parent, element, old);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

function put(parent, node, old) {
  if (old) parent.replaceChild(node, old);
  else parent.append(node);
}

function sparkline(series, top, role, label) {
  const width = 72, height = 18, points = series.length;
  if (points < 2 || !(top > 0)) return null;
  const x = (index) => (1 + (index / (points - 1)) * (width - 4)).toFixed(1);
  const y = (value) => (height - 2 - (Math.min(value, top) / top) * (height - 4)).toFixed(1);
  const floor = height - 1.5, stretches = [];
  series.forEach((value, index) => {
    if (value == null) return;
    if (series[index - 1] == null) stretches.push([]);
    stretches.at(-1).push(`${x(index)} ${y(value)}`);
  });
  const curve = stretches.map((points) => `M${points.join("L")}`).join("");
  const area = stretches.map((points) => `M${points[0].split(" ")[0]} ${floor}L${points.join("L")}L${points.at(-1).split(" ")[0]} ${floor}Z`).join("");
  const [tipX, tipY] = stretches.at(-1)?.at(-1).split(" ") ?? [];
  return h("svg", { class: `nr-spark nr-${role}`, viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    h("path", { class: "nr-base", d: `M1 ${floor}H${width - 3}` }),
    h("path", { class: "nr-area", d: area }), h("path", { class: "nr-curve", d: curve }),
    tipX && h("circle", { class: "nr-tip", cx: tipX, cy: tipY, r: 2 }));
}

// ------------------------------------------------------------------------------------------------------ sections

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

// ---------------------------------------------------------------------------------------------------------- host

/** When each snapshot came. Hosts hand every view its own model, but one and the same snapshot. */
const arrivals = new WeakMap();

/** Once a model: note when news comes, so that each view of it can say when it is out of date. */
function initialize({ model }) {
  const note = () => {
    const snapshot = model.get("snapshot");
    if (snapshot && !arrivals.has(snapshot)) arrivals.set(snapshot, Date.now());
  };
  note();
  model.on("change:snapshot", note);
  return () => model.off("change:snapshot", note);
}

/** Once a view: draw into `el` and keep it current; returns what ends it. */
function render({ model, el }) {
  const root = document.createElement("section");
  const ui = { confirming: null, confirmingSince: 0, asked: null, answer: "", refused: false, stale: false, tab: null, reportTrouble: "" };
  let frame = 0;
  root.className = "noren-release";
  el.append(root);

  const show = () => {
    const snapshot = model.get("snapshot");
    frame = 0;
    if (!snapshot?.name) return;
    ui.stale = underWay(snapshot) && Date.now() - (arrivals.get(snapshot) ?? Date.now()) > 1000 * STALE_SECONDS;
    root.setAttribute("aria-label", `Release of ${snapshot.name}`);
    update(root, draw(snapshot, model.get("trouble"), ui));
  };
  const soon = () => { frame ||= requestAnimationFrame(show); };
  const ask = (action) => {
    Object.assign(ui, { confirming: null, asked: action, answer: `Asked for: ${action}.`, refused: false });
    model.send({ type: "request", action });
  };
  const click = (event) => {
    const { action, confirm, cancel, report } = event.target.closest("button")?.dataset ?? {};
    if (report != null) {
      ui.tab = window.open("", "_blank"); // now, while it is a person's click; the kernel sends what it shows
      model.send({ type: "report" });
    } else if (action && action in QUESTIONS) Object.assign(ui, { confirming: action, confirmingSince: Date.now(), answer: "" });
    else if (action) ask(action);
    else if (confirm && Date.now() - ui.confirmingSince > CONFIRM_AFTER_MS) ask(confirm);
    else if (cancel != null) ui.confirming = null;
    show();
  };
  const news = () => {
    if (ui.asked && !model.get("snapshot").actions.includes(ui.asked)) Object.assign(ui, { asked: null, answer: "" });
    soon();
  };
  const open = (message) => {
    ui.reportTrouble = message.ok ? "" : message.text;
    const place = message.ok && URL.createObjectURL(new Blob([message.text], { type: "text/html;charset=utf-8" }));
    if (ui.tab && place) ui.tab.location.replace(place);
    else ui.tab?.close();
    if (place && !ui.tab) ui.reportTrouble = "This page may open no other one; the report lies on the kernel's machine.";
    ui.tab = null;
    soon();
  };
  const hear = (message) => {
    if (message?.type === "report") return open(message);
    if (message?.type !== "answer") return;
    Object.assign(ui, { asked: message.ok ? ui.asked : null, answer: message.text, refused: !message.ok });
    soon();
  };

  root.addEventListener("click", click);
  model.on("change:snapshot", news);
  model.on("change:trouble", soon);
  model.on("msg:custom", hear);
  const watch = setInterval(soon, 5000);
  show();
  return () => {
    cancelAnimationFrame(frame);
    clearInterval(watch);
    model.off("change:snapshot", news);
    model.off("change:trouble", soon);
    model.off("msg:custom", hear);
    root.remove();
  };
}

export default { initialize, render };
