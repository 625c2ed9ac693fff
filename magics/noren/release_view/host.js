// The host: any that gives a model with get, on, off and send, such as anywidget in a notebook cell.
//
// It reads `snapshot` and `trouble`, sends {type: "request", action} and {type: "report"}, and hears
// {type: "answer", action, ok, text} and {type: "report", ok, text}.

const STALE_SECONDS = 15;
const CONFIRM_AFTER_MS = 350;

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
