// Elements: descriptions of them, and a page that is made equal to those.

const SVG = "http://www.w3.org/2000/svg";

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
