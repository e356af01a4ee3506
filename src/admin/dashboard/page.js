// Elements: made as trees and laid over what stands there, so that focus, selection and what is folded open survive an update.
// Text of strangers only ever becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false && child !== "") element.append(child);
  }
  return element;
}

export const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
export const s = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
export const at = (id) => document.getElementById(id);

// What belongs to whoever reads, and not to the update.
const KEPT = new Set(["open"]);

function key(node) {
  return node.nodeType === 1 ? node.getAttribute("data-key") : null;
}

function same(old, fresh) {
  return old.nodeName === fresh.nodeName && key(old) === key(fresh);
}

function morph(old, fresh) {
  if (old.nodeType !== 1) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !(KEPT.has(name) && old.hasAttribute(name))) old.setAttribute(name, value);
  }
  children(old, [...fresh.childNodes]);
}

function children(parent, fresh) {
  const keyed = new Map();
  for (const child of parent.childNodes) if (key(child) !== null) keyed.set(key(child), child);
  let place = parent.firstChild;
  for (const wanted of fresh) {
    const known = key(wanted) === null ? place : keyed.get(key(wanted));
    if (known && same(known, wanted)) {
      if (known === place) place = place.nextSibling;
      else parent.insertBefore(known, place);
      morph(known, wanted);
    } else {
      parent.insertBefore(wanted, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

// Makes `place` hold these and nothing else.
export function put(place, ...fresh) {
  const holder = document.createDocumentFragment();
  for (const child of fresh.flat(Infinity)) if (child !== null && child !== undefined && child !== false) holder.append(child);
  children(typeof place === "string" ? at(place) : place, [...holder.childNodes]);
}

// The state of an endpoint by shape as well as by colour.
export function mark(state) {
  const shape = {
    up: s("circle", { cx: 6, cy: 6, r: 4.5, class: "solid" }),
    unknown: s("circle", { cx: 6, cy: 6, r: 4, class: "line" }),
    down: s("path", { d: "M2 2l8 8M10 2l-8 8", class: "line heavy" }),
    ejected: s("path", { d: "M6 1.500l5 9H1z", class: "solid" }),
    draining: s("path", { d: "M6 1v8M2.500 6L6 9.500 9.500 6", class: "line heavy" }),
  }[state] ?? s("circle", { cx: 6, cy: 6, r: 2, class: "solid" });
  return s("svg", { viewBox: "0 0 12 12", class: "mark", "aria-hidden": "true" }, shape);
}

// A line of the last values, for beside a name; the words stand beside it.
export function spark(values, width = 120, height = 22) {
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, 0);
  if (known.length < 2 || top === 0) {
    return s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, s("path", { d: `M0 ${height - 1}H${width}`, class: "none" }));
  }
  const step = width / (values.length - 1);
  let path = "";
  values.forEach((value, place) => {
    if (value === null) return;
    const pen = place === 0 || values[place - 1] === null ? "M" : "L";
    path += `${pen}${(place * step).toFixed(1)} ${(height - 1 - (value / top) * (height - 3)).toFixed(1)}`;
  });
  return s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, s("path", { d: path }));
}
