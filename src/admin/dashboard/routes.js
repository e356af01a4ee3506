// Routes with what they did, and the requests that failed.

import { at, h, put } from "./page.js";
import { bytes, count, many, millis, moment, plain, rate, share } from "./words.js";

const SHOWN = 60;

function matches(route) {
  const [path] = [route.path.exact ?? null, route.path.prefix && `${route.path.prefix.replace(/\/$/, "")}/*`, route.path.regex && `~ ${route.path.regex}`].filter((one) => one !== null && one !== undefined);
  const more = [route.methods.length && route.methods.join(" "), route.headers.length && `with ${route.headers.map((one) => one.name).join(", ")}`, route.query.length && `?${route.query.map((one) => one.name).join("&")}`];
  return [`${route.hosts.join(" ") || ""}${path ?? "/*"}`, ...more.filter(Boolean)].join(" · ");
}

function goes(route) {
  const { action } = route;
  if (action.upstream) return ["to ", action.upstream];
  if (action.split) {
    const arms = route.weights_in_force ?? action.split;
    const all = arms.reduce((sum, arm) => sum + arm.weight, 0) || 1;
    return ["split ", arms.map((arm) => `${arm.upstream} ${Math.round((arm.weight / all) * 100)} %`).join(", ")];
  }
  if (action.redirect) return ["redirect ", `${action.redirect.status} ${action.redirect.to}`];
  if (action.respond) return ["answer ", String(action.respond.status)];
  return ["files ", action.files?.root ?? ""];
}

const COLUMNS = [
  { name: "route", of: (row) => row.route.name, text: true },
  { name: "goes to", of: (row) => goes(row.route)[1], text: true },
  { name: "requests", of: (row) => row.requests ?? -1 },
  { name: "4xx", of: (row) => row.refused ?? -1 },
  { name: "5xx", of: (row) => row.errors ?? -1 },
  { name: "p50", of: (row) => row.p50 ?? -1 },
  { name: "p95", of: (row) => row.p95 ?? -1 },
  { name: "out", of: (row) => row.response_bytes ?? -1 },
  { name: "in all", of: (row) => row.route.requests },
];

function sorted(rows, order) {
  const column = COLUMNS.find((one) => one.name === order.by);
  if (!column) return rows;
  const compare = (a, b) => (column.text ? column.of(a).localeCompare(column.of(b)) : column.of(b) - column.of(a));
  return [...rows].sort((a, b) => (order.turned ? compare(b, a) : compare(a, b)));
}

export function routes(world, order, wanted) {
  const rows = world.routes.map((route) => {
    const now = world.rates.routes.get(route.name) ?? {};
    const part = (value) => (now.requests > 0 ? value / now.requests : null);
    return { route, ...now, refused: part(now.client_errors), errors: part(now.server_errors) };
  });
  const found = rows.filter((row) => !wanted || `${row.route.name} ${matches(row.route)} ${goes(row.route)[1]}`.toLowerCase().includes(wanted));
  const most = Math.max(...rows.map((row) => row.requests ?? 0), 0);
  const list = sorted(found, order).slice(0, SHOWN);
  at("routes-note").textContent = `${many(world.routes.length, "route", "routes")}${found.length > SHOWN ? `, ${SHOWN} shown` : ""}${order.by ? "" : ", in the order of the config"}`;
  const title = (column, place) => h("th", { scope: "col", class: place > 1 ? "n" : null, "data-column": column.name, "aria-sort": order.by === column.name ? (order.turned === Boolean(column.text) ? "descending" : "ascending") : null },
    h("button", { type: "button", "data-action": "sort", "data-value": column.name }, column.name));
  const row = (one) => h("tr", { "data-key": one.route.name, "data-route": one.route.name, class: one.requests > 0 ? null : "still" },
    h("th", { scope: "row" }, h("b", {}, one.route.name), h("small", {}, matches(one.route))),
    h("td", { class: "goes" }, goes(one.route)[0], h("code", {}, goes(one.route)[1])),
    h("td", { class: "n bar", "data-label": "a second" }, h("meter", { min: 0, max: 1, value: most > 0 ? Number(((one.requests ?? 0) / most).toFixed(3)) : 0, "aria-hidden": "true" }), h("span", {}, `${rate(one.requests)} /s`)),
    h("td", { class: one.refused > 0 ? "n few" : "n", "data-label": "4xx" }, share(one.refused)),
    h("td", { class: one.errors > 0 ? "n some" : "n", "data-label": "5xx" }, share(one.errors)),
    h("td", { class: "n", "data-label": "p50" }, millis(one.p50)),
    h("td", { class: "n", "data-label": "p95" }, millis(one.p95)),
    h("td", { class: "n", "data-label": "out" }, `${bytes(one.response_bytes)}${one.response_bytes === null ? "" : "/s"}`),
    h("td", { class: "n", "data-label": "in all" }, count(one.route.requests)));
  put("routes", list.length === 0 ? h("p", { class: "nothing" }, wanted ? "No route has that in its name or in what it matches." : "The config has no route.")
    : h("table", { class: "list" }, h("thead", {}, h("tr", {}, COLUMNS.map(title))), h("tbody", {}, list.map(row))));
}

const SIDES = { client: "the client's", upstream: "the upstream's", us: "ours" };

function fault(one, world, place) {
  const where = [one.route, one.upstream && one.upstream !== one.route && one.upstream, one.endpoint].filter(Boolean);
  const facts = Object.entries(one).filter(([, value]) => value !== null && value !== "");
  const shown = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  return h("li", { "data-key": one.request_id ?? `${one.time} ${place}`, "data-side": one.side },
    h("details", {},
      h("summary", {},
        h("time", { datetime: one.time }, moment(one.time, world.now)),
        h("b", { class: `status c${String(one.status ?? 0)[0]}` }, one.status ?? "–"),
        h("span", { class: "reason" }, one.fault ? plain(one.fault) : `answered ${one.status}`, h("small", {}, one.fault ? (SIDES[one.side] ?? "") : "the upstream's")),
        h("code", { class: "target" }, `${one.method ?? ""} ${one.authority ?? ""}${one.target ?? ""}`),
        h("span", { class: "where" }, where.join(" → ")),
        h("span", { class: "n took" }, millis(one.duration_ms ?? null))),
      h("dl", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, shown(value)))))));
}

export function faults(world, side) {
  const list = world.faults.filter((one) => !side || one.side === side).slice(0, 40);
  at("faults-note").textContent = world.faults.length ? `the last ${world.faults.length === 1 ? "one" : world.faults.length} that failed` : "";
  put("faults", list.length ? h("ol", { class: "faultlist" }, list.map((one, place) => fault(one, world, place)))
    : h("p", { class: "nothing" }, world.faults.length ? "None of that side." : "No request has failed."));
}
