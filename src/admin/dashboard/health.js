// Upstreams and their endpoints, and what became of them.

import { at, h, mark, put, spark } from "./page.js";
import { count, failing, many, millis, moment, plain, rate, share, span } from "./words.js";

// Endpoints of an upstream that are shown before somebody asks for all.
const SHOWN = 12;
const WORSE = ["down", "ejected", "draining", "unknown", "up"];

function endpoint(world, upstream, one, slowest) {
  const name = `${upstream.name} ${one.address}`;
  const since = world.since(upstream.name, one.address);
  const why = [one.reason && plain(one.reason), one.probe_failure && one.probe_failure !== one.reason && `probe: ${plain(one.probe_failure)}`, one.ejected_for_seconds && `back in ${span(one.ejected_for_seconds)}`, since && `for ${span(world.now - since)}`];
  const kind = [one.name && one.name !== one.address && one.name, one.backup && "backup", one.weight !== 1 && `weight ${one.weight}`, one.zone];
  const drained = one.state === "draining";
  const sure = world.sure === name;
  const verb = drained ? "undrain" : "drain";
  return h("tr", { "data-key": name, "data-endpoint": one.address, "data-state": one.state },
    h("td", { class: "state" }, mark(one.state), h("span", {}, one.state)),
    h("th", { scope: "row" }, h("code", {}, one.address), kind.some(Boolean) ? h("small", {}, kind.filter(Boolean).join(" · ")) : null),
    h("td", { class: "why" }, why.filter(Boolean).join(", ")),
    h("td", { class: "n", "data-label": "in flight" }, count(one.in_flight)),
    h("td", { class: "n time", "data-label": "first byte" }, h("meter", { min: 0, max: 1, value: slowest > 0 ? Number(((one.latency_ms ?? 0) / slowest).toFixed(2)) : 0, "aria-hidden": "true", tabindex: "-1" }), h("span", {}, millis(one.latency_ms))),
    h("td", { class: "n", "data-label": "attempts" }, count(one.attempts)),
    h("td", { class: one.failures ? "n some" : "n", "data-label": "failed" }, count(one.failures)),
    h("td", { class: "act" }, h("button", { type: "button", class: sure ? "sure" : null, "data-action": verb, "data-upstream": upstream.name, "data-endpoint": one.address, "aria-label": `${verb} ${one.address} of ${upstream.name}${sure ? ": press again to do it" : ""}` }, sure ? `${verb}, sure?` : verb)));
}

function upstream(world, one, opened) {
  const recent = world.samples.slice(-60).map((sample) => sample.upstreams?.[one.name] ?? null);
  const last = recent.slice(-10);
  const sum = (name) => last.reduce((total, sample) => total + (sample?.[name] ?? 0), 0);
  const per = last.length ? sum("requests") / last.length : 0;
  const slow = last.filter((sample) => sample?.p95_ms != null).map((sample) => sample.p95_ms);
  const good = one.endpoints.filter((endpoint) => !failing(endpoint.state)).length;
  const worst = [...one.endpoints].sort((a, b) => WORSE.indexOf(a.state) - WORSE.indexOf(b.state));
  const all = opened.has(one.name) || one.endpoints.length <= SHOWN;
  const list = all ? one.endpoints : worst.slice(0, SHOWN);
  const slowest = Math.max(...one.endpoints.map((endpoint) => endpoint.latency_ms ?? 0), 0);
  const head = ["state", "endpoint", "why", "in flight", "first byte", "attempts", "failed", ""];
  return h("article", { "data-key": one.name, "data-upstream": one.name, "data-tone": good === 0 && one.endpoints.length ? "bad" : good < one.endpoints.length ? "warn" : null },
    h("header", {}, h("h3", {}, one.name), h("p", { class: "note" }, [plain(one.balance), one.protocol, one.tls && "TLS"].filter(Boolean).join(" · ")), spark(recent.map((sample) => sample?.requests ?? 0)),
      h("p", { class: "facts" }, h("b", {}, `${rate(per)} /s`), ` · p95 ${millis(slow.length ? slow.reduce((total, one) => total + one, 0) / slow.length : null)} · 5xx `, h("span", { class: sum("errors") > 0 ? "some" : null }, sum("requests") > 0 ? share(sum("errors") / sum("requests")) : "–"), ` · ${count(one.retries)} retries · ${good} of ${one.endpoints.length} well`)),
    one.endpoints.length === 0 ? h("p", { class: "nothing" }, "no endpoint is known") : h("table", { class: "endpoints" },
      h("thead", {}, h("tr", {}, head.map((name, place) => h("th", { scope: "col", class: place > 2 && place < 7 ? "n" : null }, name || h("span", { class: "unheard" }, "change"))))),
      h("tbody", {}, list.map((endpoint_) => endpoint(world, one, endpoint_, slowest)))),
    all ? null : h("button", { type: "button", class: "more", "data-action": "all", "data-upstream": one.name }, `all ${one.endpoints.length} endpoints`));
}

export function health(world, opened) {
  const endpoints = world.upstreams.flatMap((one) => one.endpoints);
  const out = endpoints.filter((one) => failing(one.state)).length;
  at("health-note").textContent = world.upstreams.length ? `${many(endpoints.length, "endpoint", "endpoints")}${out ? `, ${out} out` : ""}` : "";
  put("upstreams", world.upstreams.length ? world.upstreams.map((one) => upstream(world, one, opened)) : h("p", { class: "nothing" }, "The config names no upstream."));
}

function words(event) {
  if (event.after === null) return "has left";
  if (event.before === null) return event.after === "unknown" ? "is new" : `is new, and ${event.after}`;
  if (event.before === "unknown" && event.after === "up") return "is well";
  const names = { up: "is well again", down: "went down", ejected: "was ejected", draining: "is kept out by hand", unknown: "is taken in again" };
  return names[event.after] ?? `is ${event.after}`;
}

const TONES = { up: "good", down: "bad", ejected: "bad", draining: "note", unknown: "note" };

const GUARD = { watching: "is tried, and watched", kept: "is kept", undecided: "stays: too little was seen of it", rolled_back: "was taken back", replaced: "was replaced before it was judged", stuck: "could not be taken back" };

// Endpoints and configs in one list, the latest first.
export function happenings(world) {
  const of = (event) => ({ time: event.time, at: Date.parse(event.time) / 1000, tone: TONES[event.after] ?? "note", mark: event.after ?? "", first: event.before === "unknown" && event.after === "up", who: event.endpoint, where: event.upstream, what: words(event), why: plain(event.reason) });
  const config = (one) => ({ time: one.time, at: Date.parse(one.time) / 1000, tone: one.result === "published" ? "note" : "bad", mark: "config", who: one.result === "published" ? `generation ${one.generation}` : "a config", where: "", what: { published: "came into force", refused: "was refused", rolled_back: "was taken back" }[one.result], why: one.cause });
  const guard = (one) => ({ time: one.time, at: Date.parse(one.time) / 1000, tone: one.event === "rolled_back" || one.event === "stuck" ? "bad" : "note", mark: "config", who: `generation ${one.generation}`, where: "guard", what: GUARD[one.event] ?? one.event, why: one.message ?? "" });
  // Endpoints that were there from the start are no news.
  const news = world.events.filter((event) => event.kind === "endpoint").filter((event) => event.before !== null || event.after !== "unknown");
  return [...news.map(of), ...world.events.filter((event) => event.kind === "guard").map(guard), ...world.reloads.map(config)].sort((a, b) => b.at - a.at);
}

export function events(world) {
  const list = world.happenings.slice(0, 40);
  at("happened-note").textContent = list.length ? "the latest first" : "";
  const one = (event) => h("li", { "data-key": `${event.time} ${event.where} ${event.who} ${event.what}`, "data-tone": event.tone },
    h("time", { datetime: event.time }, moment(event.time, world.now)),
    h("p", {}, event.mark === "config" ? null : mark(event.mark), h("code", {}, event.who), ` ${event.what}`, event.why ? h("small", {}, `${event.where ? `${event.where} · ` : ""}${event.why}`) : h("small", {}, event.where)));
  put("events", list.length ? h("ol", {}, list.map(one)) : h("p", { class: "nothing" }, "Nothing happened to endpoints."));
}
