// Puts it together: asks each second, and shows what came.

import { at, h, put } from "./page.js";
import { Locked, Source } from "./source.js";
import { charts, figures } from "./traffic.js";
import { events, happenings, health } from "./health.js";
import { faults, routes } from "./routes.js";
import { certificates, listeners, process, reloads } from "./house.js";
import { clock, sentence, span } from "./words.js";

const THEME = "tidegate-theme";
const THEMES = ["auto", "light", "dark"];
const source = new Source();
const chosen = { span: "1s", paused: false, cursor: null, side: "", order: { by: "", turned: false }, wanted: "", sure: null };
const opened = new Set();
let said = null;
let timer = null;
let failures = 0;

function world() {
  const { status, upstreams, routes, listeners, events, faults, reloads, certificates } = source.answers;
  const samples = source.series["1s"];
  const now = samples.at(-1)?.time ?? Date.now() / 1000;
  // When an endpoint came into the state that it has: what is said of it last.
  const changed = new Map();
  for (const event of events.filter((event) => event.kind === "endpoint")) {
    const name = `${event.upstream} ${event.endpoint}`;
    if (!changed.has(name)) changed.set(name, event);
  }
  const since = (upstream, address) => {
    const event = changed.get(`${upstream} ${address}`);
    return event && (event.before !== null || event.after === "down") && event.after !== "up" ? Date.parse(event.time) / 1000 : null;
  };
  const all = { status, upstreams, routes, listeners, events, faults, reloads, certificates, samples, now, since, rates: source.rates(), sure: chosen.sure };
  all.happenings = happenings(all);
  const long = chosen.span === "10s";
  const marks = all.happenings.filter((one) => !one.first).map((one) => ({ time: one.at, tone: one.tone, text: `${clock(one.at)} ${one.where} ${one.who} ${one.what} ${one.why}`.replace(/\s+/g, " ") }));
  all.view = { samples: source.series[chosen.span], step: long ? 10 : 1, from: now - (long ? 3600 : 300), to: now, cursor: chosen.cursor, marks };
  return all;
}

function lede(all) {
  const { tone, kind, head, more } = sentence(all);
  document.documentElement.dataset.tone = tone;
  document.title = tone === "bad" || tone === "warn" ? `! ${head} · Tidegate` : "Tidegate";
  put("lede", document.createTextNode(head));
  put("lede-more", more.map((one) => h("p", { "data-tone": one.tone }, one.text)), all.status.requests === 0 ? hint(all) : null);
  // Only what is new is told, and not each second's numbers.
  if (said !== kind) at("announce").textContent = [head, ...more.map((one) => one.text)].join(" ");
  said = kind;
}

function hint(all) {
  const open = all.listeners.find((one) => !one.tls && !one.address.startsWith("unix:") && !one.address.endsWith(":0"));
  return open ? h("p", {}, "Try ", h("code", {}, `curl -i http://${open.address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")}/`), ", and watch it come in.") : null;
}

function show() {
  if (!source.answers.status || !source.answers.certificates) return;
  const all = world();
  at("main").hidden = false;
  at("meta").textContent = `${all.status.version} · generation ${all.status.generation} · up ${span(all.status.uptime_seconds)}`;
  lede(all);
  figures(all);
  charts(all);
  health(all, opened);
  events(all);
  routes(all, chosen.order, chosen.wanted);
  faults(all, chosen.side);
  certificates(all);
  reloads(all);
  listeners(all);
  process(all);
}

function pulse(state, text) {
  document.documentElement.dataset.state = state;
  if (at("pulse").textContent !== text) at("pulse").textContent = text;
}

function stale(error) {
  failures += 1;
  if (failures < 2 && source.heard !== null) return;
  pulse("stale", "no answer");
  const seen = source.heard === null ? "Nothing was heard from it yet." : `What you see is of ${clock(source.heard / 1000)}, ${span((Date.now() - source.heard) / 1000)} ago.`;
  at("stale").hidden = false;
  at("stale").textContent = `The admin address does not answer${error.message && error.name !== "TypeError" ? ` (${error.message})` : ""}. ${seen} It is asked again and again.`;
}

function locked() {
  pulse("locked", "locked");
  at("token-wrong").textContent = source.token === null ? "" : "That is not the token.";
  source.keep(null);
  at("main").hidden = true;
  at("stale").hidden = true;
  if (at("ask").hidden) {
    at("ask").hidden = false;
    at("token").focus();
  }
}

async function tick() {
  clearTimeout(timer);
  let next = document.hidden ? 5000 : 1000;
  try {
    if (!chosen.paused) {
      await source.round();
      failures = 0;
      at("stale").hidden = true;
      at("ask").hidden = true;
      pulse("live", "live");
      show();
    }
  } catch (error) {
    if (error instanceof Locked) return locked();
    stale(error);
    next = Math.min(5000, 1000 * failures);
  }
  clearTimeout(timer);
  timer = setTimeout(tick, next);
}

async function change(verb, { upstream, endpoint }) {
  const name = `${upstream} ${endpoint}`;
  if (chosen.sure !== name) {
    chosen.sure = name;
    setTimeout(() => {
      if (chosen.sure === name) chosen.sure = null;
      show();
    }, 4000);
    return show();
  }
  chosen.sure = null;
  try {
    await source.ask(`/api/endpoints/${verb}`, { upstream, endpoint });
    at("announce").textContent = `${endpoint} of ${upstream}: ${verb} is done.`;
  } catch (error) {
    at("announce").textContent = `${endpoint} of ${upstream} could not be changed: ${error.message}`;
  }
  source.again("events");
  await tick();
}

function press(selector, value) {
  for (const button of document.querySelectorAll(`[data-action="${selector}"]`)) button.setAttribute("aria-pressed", String(button.dataset.value === value));
}

function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  at("theme").textContent = { auto: "Auto", light: "Light", dark: "Dark" }[name];
  at("theme").setAttribute("aria-label", `Theme: ${name === "auto" ? "as the system has it" : name}`);
}

const actions = {
  span: ({ value }) => {
    chosen.span = value;
    chosen.cursor = null;
    press("span", value);
  },
  side: ({ value }) => {
    chosen.side = value;
    press("side", value);
  },
  pause: () => {
    chosen.paused = !chosen.paused;
    at("pause").setAttribute("aria-pressed", String(chosen.paused));
    at("pause").textContent = chosen.paused ? "Go on" : "Pause";
    pulse(chosen.paused ? "paused" : "live", chosen.paused ? "paused" : "live");
    if (!chosen.paused) tick();
  },
  theme: () => {
    const name = THEMES[(THEMES.indexOf(localStorage.getItem(THEME) ?? "auto") + 1) % THEMES.length];
    localStorage.setItem(THEME, name);
    theme(name);
  },
  sort: ({ value }) => {
    const { by, turned } = chosen.order;
    // Once: by this; twice: the other way; a third time: as the config has them.
    chosen.order = by !== value ? { by: value, turned: false } : turned ? { by: "", turned: false } : { by, turned: true };
  },
  all: ({ upstream }) => opened.add(upstream),
  drain: (which) => change("drain", which),
  undrain: (which) => change("undrain", which),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  actions[button.dataset.action]?.(button.dataset);
  show();
});

at("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  source.keep(at("token").value);
  at("token").value = "";
  tick();
});

at("routes-find").addEventListener("input", (event) => {
  chosen.wanted = event.target.value.trim().toLowerCase();
  show();
});

// A line through all charts: by the pointer, or by the arrows where a chart has the focus.
function point(share) {
  const seconds = chosen.span === "10s" ? 3600 : 300;
  const end = source.series["1s"].at(-1)?.time ?? 0;
  chosen.cursor = Math.round(end - seconds * (1 - Math.min(1, Math.max(0, share))));
  if (source.answers.certificates) charts(world());
}

at("charts").addEventListener("pointermove", (event) => {
  const plot = event.target.closest(".plot");
  if (!plot) return;
  const box = plot.getBoundingClientRect();
  point((event.clientX - box.left) / box.width);
});
at("charts").addEventListener("pointerleave", () => {
  chosen.cursor = null;
  show();
});
at("charts").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
  if (event.key === "Escape") chosen.cursor = null;
  else if (step && event.target.closest(".plot")) {
    const long = chosen.span === "10s";
    const end = source.series["1s"].at(-1)?.time ?? 0;
    chosen.cursor = Math.min(end, Math.max(end - (long ? 3600 : 300), (chosen.cursor ?? end) + step * (long ? 10 : 1)));
    event.preventDefault();
  } else return;
  show();
  const one = source.series[chosen.span].findLast((sample) => chosen.cursor !== null && sample.time <= chosen.cursor);
  const figure = event.target.closest("figure");
  if (one && figure) at("announce").textContent = figure.querySelector(".legend").textContent;
});
// A table that is folded open has to be filled.
document.addEventListener("toggle", () => show(), true);
document.addEventListener("visibilitychange", () => document.hidden || chosen.paused || tick());
let width = 0;
new ResizeObserver(() => {
  if (width !== document.body.clientWidth) show();
  width = document.body.clientWidth;
}).observe(document.body);

theme(localStorage.getItem(THEME) ?? "auto");
tick();
