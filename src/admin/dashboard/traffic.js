// The figures, and how it was over time.

import { at, h, put } from "./page.js";
import { chart } from "./chart.js";
import { bytes, clock, count, lately, many, millis, rate, share } from "./words.js";

const CLASSES = [["5xx", "5xx", "c5"], ["4xx", "4xx", "c4"], ["none", "no answer", "c0"], ["1xx", "1xx", "c1"], ["3xx", "3xx", "c3"], ["2xx", "2xx", "c2"]];
const ratio = (one) => (one.cache_hits + one.cache_misses > 0 ? one.cache_hits / (one.cache_hits + one.cache_misses) : null);

const CHARTS = [
  { id: "requests", title: "Requests", unit: "a second, by class of the status", stacked: true, least: 4, height: 250, signs: true, format: rate,
    layers: CLASSES.map(([name, label, look]) => ({ of: (one) => one.status[name], label, look })), total: (one) => one.requests },
  { id: "latency", title: "Latency", unit: "to the last byte", log: true, height: 250, signs: true, format: millis, band: [(one) => one.p50_ms, (one) => one.p99_ms],
    layers: [{ of: (one) => one.p99_ms, label: "p99", look: "p99" }, { of: (one) => one.p95_ms, label: "p95", look: "p95" }, { of: (one) => one.p50_ms, label: "p50", look: "p50" }] },
  { id: "cache", title: "Cache", unit: "without the upstream", top: 1, height: 120, format: share, layers: [{ of: ratio, label: "hits", look: "c2", filled: true }] },
  { id: "volume", title: "Volume", unit: "a second", binary: true, height: 120, least: 1024, format: bytes,
    layers: [{ of: (one) => one.response_bytes, label: "out", look: "c2", filled: true }, { of: (one) => one.request_bytes, label: "in", look: "ink" }] },
  { id: "open", title: "Open", unit: "", height: 120, least: 4, format: count,
    layers: [{ of: (one) => one.connections, label: "connections", look: "c2", filled: true }, { of: (one) => one.in_flight, label: "in flight", look: "ink" }] },
  { id: "busy", title: "Workers", unit: "busy share", top: 1, height: 120, format: share, layers: [{ of: (one) => one.busy, label: "busy", look: "c2", filled: true }] },
];

function figure(name, value, note, tone) {
  const [number, unit] = String(value).split(" ");
  return h("div", { "data-key": name, "data-tone": tone }, h("dt", {}, name), h("dd", {}, h("b", {}, number), unit ? h("i", {}, ` ${unit}`) : null, h("small", {}, note)));
}

export function figures(world) {
  const now = lately(world.samples);
  const { status } = world;
  const files = status.max_files ? status.open_files / status.max_files : 0;
  put("figures",
    figure("Requests", `${rate(now.requests)} /s`, `peak ${rate(now.peak)} · ${count(status.requests)} in all`),
    figure("Errors", now.requests > 0 ? share(now.errors) : "–", `5xx · refused ${now.requests > 0 ? share(now.refused) : "–"}`, now.errors >= 0.01 ? "bad" : null),
    figure("Half within", millis(now.p50), "p50"),
    figure("Slowest 1 %", millis(now.p99), `p99 · p95 ${millis(now.p95)}`),
    figure("In flight", count(status.in_flight), `on ${many(status.connections, "connection", "connections")}`),
    figure("Cache hits", now.hits === null ? "–" : share(now.hits), now.hits === null ? "no cache was asked" : `of ${rate(now.cached)} /s`),
    figure("Workers", share(now.busy), `busy, of ${status.workers}`, now.busy > 0.9 ? "warn" : null),
    figure("Memory", bytes(status.resident_bytes), `${count(status.open_files)} files open`, files > 0.8 ? "warn" : null));
}

function legend(spec, one, cursor) {
  const layers = spec.layers.filter((layer) => !spec.stacked || layer.seen);
  const items = layers.map((layer) => h("span", { class: layer.look }, h("i", { "aria-hidden": "true" }), `${layer.label} `, h("b", {}, one ? spec.format(layer.of(one)) : "–")));
  return h("p", { class: "legend" }, items, cursor ? h("time", {}, clock(one.time)) : null);
}

// In words, for those who do not see it.
function told(spec, samples) {
  const values = (of) => samples.map(of).filter((value) => value !== null);
  const parts = (spec.total ? [{ label: "in all", of: spec.total }] : []).concat(spec.layers).map((layer) => {
    const known = values(layer.of);
    return known.length ? `${layer.label}: now ${spec.format(known.at(-1))}, lowest ${spec.format(Math.min(...known))}, highest ${spec.format(Math.max(...known))}` : null;
  });
  return `${spec.title}${spec.unit ? `, ${spec.unit}` : ""}. ${parts.filter(Boolean).join("; ") || "Nothing was measured"}.`;
}

// The same as a table: a row for every thirtieth of the span.
function table(spec, samples, view) {
  const step = (view.to - view.from) / 30;
  const rows = [];
  for (let from = view.to - step; from >= view.from && rows.length < 30; from -= step) {
    const inside = samples.filter((one) => one.time > from && one.time <= from + step);
    if (inside.length) rows.push(inside.at(-1));
  }
  const layers = spec.layers.filter((layer) => !spec.stacked || layer.seen);
  return h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "time"), layers.map((layer) => h("th", { scope: "col" }, layer.label)))),
    h("tbody", {}, rows.map((one) => h("tr", {}, h("th", { scope: "row" }, clock(one.time)), layers.map((layer) => h("td", {}, spec.format(layer.of(one))))))));
}

export function charts(world) {
  const { view } = world;
  const samples = view.samples;
  const picked = view.cursor === null ? samples.at(-1) : samples.findLast((one) => one.time <= view.cursor + view.step / 2);
  const width = (id) => Math.round(at(`plot-${id}`)?.clientWidth ?? 0) || 300;
  const folded = (id) => !at(`table-${id}`)?.open;
  const draw = (spec) => {
    for (const layer of spec.layers) layer.seen = layer.look === "c2" || samples.some((one) => layer.of(one) > 0);
    const empty = samples.length === 0 || (spec.id === "cache" && !samples.some((one) => ratio(one) !== null)) || (spec.id === "latency" && !samples.some((one) => one.p50_ms !== null));
    return h("figure", { "data-key": spec.id, class: spec.height > 200 ? "large" : "small" },
      h("figcaption", {}, h("h2", {}, spec.title), h("p", { class: "note" }, spec.unit), legend(spec, picked, view.cursor !== null && picked)),
      h("div", { class: "plot", id: `plot-${spec.id}`, tabindex: "0", role: "img", "aria-label": told(spec, samples) },
        chart(spec, samples, view, width(spec.id), spec.height), empty ? h("p", { class: "nothing" }, spec.id === "cache" ? "no cache was asked" : "nothing was measured yet") : null),
      h("details", { id: `table-${spec.id}` }, h("summary", {}, "as a table"), folded(spec.id) ? null : table(spec, samples, view)));
  };
  put("charts", CHARTS.map(draw));
}
