// Charts as SVG, drawn anew each second from the samples. One time axis for all of them; the pointer on one is a line on each.

import { s } from "./page.js";
import { clock } from "./words.js";

const TOP = 16;
const BOTTOM = 20;

// Round values at which lines are drawn: about `wanted` of them up to `top`.
function rungs(top, wanted, binary) {
  if (binary) {
    const step = 2 ** Math.ceil(Math.log2(top / wanted));
    return Array.from({ length: Math.floor(top / step) }, (_, place) => step * (place + 1));
  }
  const raw = top / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const lines = [];
  for (let value = step; value <= top * 1.0001; value += step) lines.push(value);
  return lines;
}

function linear(spec, samples, height) {
  const totals = samples.map((one) => spec.layers.reduce((sum, layer) => Math.max(spec.stacked ? sum + layer.of(one) : Math.max(sum, layer.of(one) ?? 0), 0), 0));
  const top = spec.top ?? Math.max(...totals, spec.least ?? 1) * 1.08;
  const y = (value) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
  return { y, lines: spec.top ? [top / 2, top] : rungs(top, height > 180 ? 4 : 2, spec.binary), base: y(0) };
}

function logarithmic(spec, samples, height) {
  const known = samples.flatMap((one) => spec.layers.map((layer) => layer.of(one))).filter((value) => value > 0);
  const low = 10 ** Math.floor(Math.log10(known.length ? Math.min(...known) : 0.1));
  const high = Math.max(10 ** Math.ceil(Math.log10((known.length ? Math.max(...known) : 100) * 1.0001)), low * 100);
  const y = (value) => TOP + (1 - Math.log(Math.max(value, low) / low) / Math.log(high / low)) * (height - TOP - BOTTOM);
  const lines = [];
  for (let value = low * 10; value <= high * 1.0001; value *= 10) lines.push(value);
  return { y, lines, base: y(low) };
}

// Runs without a hole: a value that is not there, or a time that was not seen, ends one.
function runs(samples, has, most) {
  const all = [];
  let run = [];
  for (const one of samples) {
    if (run.length && (!has(one) || one.time - run.at(-1).time > most)) {
      all.push(run);
      run = [];
    }
    if (has(one)) run.push(one);
  }
  if (run.length) all.push(run);
  return all;
}

const point = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;

function line(run, x, value) {
  const points = run.map((one) => point(x(one.time), value(one)));
  return run.length === 1 ? `M${points[0]}h1` : `M${points.join("L")}`;
}

function area(run, x, upper, lower) {
  if (run.length === 1) return "";
  const back = [...run].reverse().map((one) => point(x(one.time), lower(one)));
  return `${line(run, x, upper)}L${back.join("L")}Z`;
}

function drawn(spec, samples, x, y, most) {
  const shapes = [];
  if (spec.stacked) {
    let below = samples.map(() => 0);
    for (const layer of spec.layers) {
      const floor = new Map(samples.map((one, place) => [one, below[place]]));
      below = samples.map((one, place) => below[place] + layer.of(one));
      const roof = new Map(samples.map((one, place) => [one, below[place]]));
      if (!samples.some((one) => layer.of(one) > 0)) continue;
      for (const run of runs(samples, () => true, most)) {
        shapes.push(s("path", { class: `area ${layer.look}`, d: area(run, x, (one) => y(roof.get(one)), (one) => y(floor.get(one))) }));
        shapes.push(s("path", { class: `edge ${layer.look}`, d: line(run, x, (one) => y(roof.get(one))) }));
      }
    }
    return shapes;
  }
  if (spec.band) {
    const [low, high] = spec.band;
    for (const run of runs(samples, (one) => low(one) !== null && high(one) !== null, most)) {
      shapes.push(s("path", { class: "band", d: area(run, x, (one) => y(high(one)), (one) => y(low(one))) }));
    }
  }
  for (const layer of spec.layers) {
    for (const run of runs(samples, (one) => layer.of(one) !== null, most)) {
      if (layer.filled) shapes.push(s("path", { class: `area ${layer.look}`, d: area(run, x, (one) => y(layer.of(one)), () => y(0)) }));
      shapes.push(s("path", { class: `edge ${layer.look}`, d: line(run, x, (one) => y(layer.of(one))) }));
    }
  }
  return shapes;
}

function times(view, x, width, height) {
  const step = [30, 60, 300, 600, 900, 1800].find((one) => ((view.to - view.from) / one) * (one < 60 ? 74 : 52) < width) ?? 1800;
  const zone = new Date(view.to * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((view.from - zone) / step) * step + zone;
  const labels = [];
  for (let time = first; time <= view.to; time += step) {
    const place = x(time);
    labels.push(s("path", { class: "tick", d: `M${place.toFixed(1)} ${height - BOTTOM}v4` }));
    if (place > 16 && place < width - 16) labels.push(s("text", { class: "time", x: place.toFixed(1), y: height - 5, "text-anchor": "middle" }, clock(time, step < 60)));
  }
  return labels;
}

// What happened, as signs on top: endpoints that went and came, and configs.
function signs(view, x, height) {
  return view.marks.filter((one) => one.time >= view.from && one.time <= view.to).map((one) => {
    const place = x(one.time);
    const sign = { bad: "M-4 1h8l-4 7z", good: "M-4 8h8l-4-7z", note: "M0 .5l4 4-4 4-4-4z" }[one.tone];
    return s("g", { class: `sign ${one.tone}`, transform: `translate(${place.toFixed(1)} 2)` }, s("title", {}, one.text), s("path", { class: "post", d: `M0 9V${height - BOTTOM - 2}` }), s("path", { class: "head", d: sign }));
  });
}

// A chart of a spec: { layers: [{ of, label, look, filled }], stacked, log, band, top, least, format }.
export function chart(spec, samples, view, width, height) {
  const x = (time) => ((time - view.from) / (view.to - view.from)) * width;
  const shown = samples.filter((one) => one.time >= view.from - view.step);
  const { y, lines, base } = (spec.log ? logarithmic : linear)(spec, shown, height);
  const rules = lines.map((value) => s("path", { class: "rule", d: `M0 ${y(value).toFixed(1)}H${width}` }));
  const labels = lines.map((value) => s("text", { class: "rung", x: 0, y: (y(value) - 4).toFixed(1) }, spec.format(value)));
  const cursor = view.cursor === null ? null : s("path", { class: "cursor", d: `M${x(view.cursor).toFixed(1)} ${TOP}V${height - BOTTOM}` });
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    s("g", {}, rules),
    s("g", { class: "shapes" }, drawn(spec, shown, x, y, view.step * 3)),
    s("path", { class: "base", d: `M0 ${base.toFixed(1)}H${width}` }),
    s("g", {}, times(view, x, width, height)),
    s("g", {}, spec.signs ? signs(view, x, height) : null),
    s("g", {}, labels),
    s("g", {}, cursor),
  );
}
