// Certificates, configs, listeners and the process itself.

import { at, h, put } from "./page.js";
import { bytes, count, many, moment, rate, share } from "./words.js";

export function certificates(world) {
  const list = [...world.certificates].sort((a, b) => a.days_left - b.days_left);
  const one = (certificate) => {
    const { days_left: days } = certificate;
    const tone = days < 3 ? "bad" : days < 14 ? "warn" : null;
    return h("li", { "data-key": `${certificate.listener} ${certificate.source} ${certificate.names.join()}`, "data-tone": tone },
      h("p", {}, h("b", {}, certificate.names.slice(0, 3).join(", ") || "no name"), certificate.names.length > 3 ? ` and ${certificate.names.length - 3} more` : null, h("small", {}, `${certificate.listener} · ${certificate.source}`)),
      h("p", { class: "days" }, h("b", {}, days < 0 ? "over" : count(days)), days < 0 ? null : days === 1 ? " day left" : " days left"),
      h("meter", { min: 0, max: 90, low: 3, high: 14, optimum: 90, value: Math.max(0, Math.min(90, days)), "aria-hidden": "true" }));
  };
  put("certificates", list.length ? h("ol", {}, list.map(one)) : h("p", { class: "nothing" }, "No listener has TLS."));
}

function problem(one) {
  const place = [one.file, one.line].filter((part) => part !== undefined && part !== null).join(":");
  return h("li", {}, place ? h("code", {}, place) : null, ` ${one.message ?? one.key ?? ""}`, one.help ? h("small", {}, one.help) : null);
}

export function reloads(world) {
  at("reloads-note").textContent = `generation ${world.status.generation} is in force`;
  const one = (reload) => h("li", { "data-key": `${reload.time} ${reload.result}`, "data-tone": reload.result === "published" ? null : "bad" },
    h("time", { datetime: reload.time }, moment(reload.time, world.now)),
    h("p", {}, h("b", {}, { published: `generation ${reload.generation}`, refused: "refused", rolled_back: `taken back to ${reload.generation}` }[reload.result]), h("small", {}, `${reload.cause} · ${reload.took_ms} ms`)),
    reload.message ? h("details", {}, h("summary", {}, Array.isArray(reload.problems) && reload.problems.length ? many(reload.problems.length, "problem", "problems") : "why"), h("p", {}, reload.message ?? ""), h("ul", {}, (Array.isArray(reload.problems) ? reload.problems : []).map(problem))) : null);
  put("reloads", h("ol", {}, world.reloads.slice(0, 8).map(one)));
}

export function listeners(world) {
  const one = (listener) => {
    const now = world.rates.listeners.get(listener.name) ?? {};
    const speaks = [listener.tls ? "TLS" : "clear text", listener.http2 ? "HTTP/1.1, HTTP/2" : "HTTP/1.1", listener.proxy_protocol && "PROXY"].filter(Boolean);
    return h("li", { "data-key": listener.name, "data-listener": listener.name },
      h("p", {}, h("b", {}, listener.name), " ", h("code", {}, listener.address), h("small", {}, speaks.join(" · "))),
      h("p", { class: "days" }, h("b", {}, count(listener.connections)), ` open · ${rate(now.requests)} /s`, listener.refused ? h("span", { class: "some" }, ` · ${count(listener.refused)} turned away`) : null));
  };
  put("listeners", h("ol", {}, world.listeners.map(one)));
}

export function process(world) {
  const { status, rates } = world;
  const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  const worker = (busy, place) => h("li", { "data-key": place }, h("span", {}, `worker ${place}`), h("meter", { min: 0, max: 1, value: (busy ?? 0).toFixed(3), "aria-hidden": "true" }), h("b", {}, share(busy)));
  put("process",
    h("ol", { class: "workers", "data-key": "workers" }, rates.workers.map(worker)),
    h("dl", { "data-key": "facts" },
      fact("memory", bytes(status.resident_bytes)),
      fact("open files", `${count(status.open_files)} of ${count(status.max_files)}`),
      fact("started", moment(status.started_at, world.now)),
      fact("version", status.version)));
}
