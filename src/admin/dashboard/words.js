// Numbers, times and sentences. Everything here is pure.

const grouped = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

export function count(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e7) return `${(value / 1e6).toFixed(1)} M`;
  return grouped.format(value);
}

export function rate(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  if (value < 0.05) return "<0.1";
  return value < 10 ? value.toFixed(1) : count(value);
}

export function millis(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  if (value >= 100) return `${value.toFixed(0)} ms`;
  return value >= 10 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let place = 0;
  while (value >= 1024 && place < units.length - 1) [value, place] = [value / 1024, place + 1];
  return `${place > 0 && value < 100 ? value.toFixed(1) : value.toFixed(0)} ${units[place]}`;
}

export function share(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const hundred = value * 100;
  if (hundred > 0 && hundred < 0.1) return "<0.1 %";
  if (hundred === 0 || hundred >= 99.95) return `${hundred.toFixed(0)} %`;
  return hundred > 99 || hundred < 10 ? `${hundred.toFixed(1)} %` : `${hundred.toFixed(0)} %`;
}

export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 && whole < 600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

const two = (number) => String(number).padStart(2, "0");

export function clock(seconds, fine = true) {
  const date = new Date(seconds * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}${fine ? `:${two(date.getSeconds())}` : ""}`;
}

export function moment(text, now) {
  const seconds = Date.parse(text) / 1000;
  const day = new Date(seconds * 1000);
  const today = new Date(now * 1000).toDateString() === day.toDateString();
  return today ? clock(seconds) : `${day.getDate()} ${day.toLocaleString("en-GB", { month: "short" })} ${clock(seconds, false)}`;
}

export const plain = (word) => String(word ?? "").replaceAll("_", " ");
export const many = (number, one, more) => `${grouped.format(number)} ${number === 1 ? one : more}`;
export const failing = (state) => state === "down" || state === "ejected";

// The time that most of the exchanges took less than: from counts by powers of two of 0.25 ms.
export function quantile(buckets, wantedShare) {
  const total = buckets.reduce((sum, one) => sum + one, 0);
  if (total <= 0) return null;
  const wanted = wantedShare * total;
  let below = 0;
  for (const [place, inside] of buckets.entries()) {
    if (inside > 0 && below + inside >= wanted) {
      const low = place === 0 ? 0 : 0.25 * 2 ** (place - 1);
      const high = place === buckets.length - 1 ? low : 0.25 * 2 ** place;
      return low + (high - low) * Math.min(1, Math.max(0, (wanted - below) / inside));
    }
    below += inside;
  }
  return null;
}

// The latest ten seconds as one: rates by their mean, times by their worst middle.
export function lately(samples, seconds = 10) {
  const last = samples.slice(-seconds);
  const mean = (pick) => (last.length ? last.reduce((sum, one) => sum + pick(one), 0) / last.length : 0);
  const middle = (name) => {
    let [sum, weight] = [0, 0];
    for (const one of last) if (one[name] !== null) [sum, weight] = [sum + one[name] * one.requests, weight + one.requests];
    return weight > 0 ? sum / weight : null;
  };
  const requests = mean((one) => one.requests);
  const hits = mean((one) => one.cache_hits);
  const cached = hits + mean((one) => one.cache_misses);
  return {
    requests,
    errors: requests > 0 ? mean((one) => one.status["5xx"]) / requests : 0,
    refused: requests > 0 ? mean((one) => one.status["4xx"]) / requests : 0,
    p50: middle("p50_ms"), p95: middle("p95_ms"), p99: middle("p99_ms"),
    bytes: mean((one) => one.response_bytes), taken: mean((one) => one.request_bytes),
    hits: cached > 0 ? hits / cached : null, cached,
    busy: mean((one) => one.busy),
    connections: last.at(-1)?.connections ?? 0, in_flight: last.at(-1)?.in_flight ?? 0,
    peak: Math.max(0, ...samples.map((one) => one.requests)),
  };
}

// How things are, as a sentence: what is worst first. `tone` is good, quiet, warn or bad; `kind` changes when the sentence is another one.
export function sentence(world) {
  const { status, upstreams, reloads, certificates, samples, now } = world;
  const endpoints = upstreams.flatMap((upstream) => upstream.endpoints.map((one) => ({ ...one, upstream: upstream.name })));
  const out = endpoints.filter((one) => failing(one.state));
  const gone = upstreams.filter((upstream) => upstream.endpoints.length && upstream.endpoints.every((one) => failing(one.state)));
  const recent = lately(samples);
  const more = [];
  const say = (tone, kind, text) => more.push({ tone, kind, text });
  if (status.readiness !== "ready") say("warn", status.readiness, status.readiness === "draining" ? "Draining: what is under way is finished, nothing new is taken." : "Starting: the listeners are not open yet.");
  for (const upstream of gone) say("bad", `gone ${upstream.name}`, `Nothing of ${upstream.name} can be reached: ${many(upstream.endpoints.length, "endpoint is", "endpoints are")} out.`);
  const rest = out.filter((one) => !gone.some((upstream) => upstream.name === one.upstream));
  if (rest.length === 1) {
    const [one] = rest;
    const since = world.since(one.upstream, one.address);
    say("bad", `out ${one.upstream} ${one.address}`, `${one.address} of ${one.upstream} is ${one.state}: ${plain(one.reason) || "no reason given"}${since ? `, for ${span(now - since)}` : ""}.`);
  } else if (rest.length > 1) {
    say("bad", `out ${rest.length}`, `${rest.length} of ${many(endpoints.length, "endpoint", "endpoints")} are out: ${[...new Set(rest.map((one) => one.upstream))].join(", ")}.`);
  }
  if (recent.requests > 0 && recent.errors >= 0.01) say("bad", "errors", `${share(recent.errors)} of requests end with an error of ours or of an upstream.`);
  if (reloads[0]?.result === "refused") say("warn", `refused ${reloads[0].time}`, `The last config was refused; generation ${status.generation} stays in force.`);
  if (reloads[0]?.result === "rolled_back") say("warn", `back ${reloads[0].time}`, `The last config did worse and was taken back; generation ${status.generation} is in force.`);
  const ending = certificates.filter((one) => one.days_left < 14).sort((a, b) => a.days_left - b.days_left)[0];
  if (ending) say(ending.days_left < 3 ? "bad" : "warn", `certificate ${ending.names[0]}`, ending.days_left < 0 ? `The certificate of ${ending.names[0] ?? ending.source} is over.` : `The certificate of ${ending.names[0] ?? ending.source} ends in ${many(ending.days_left, "day", "days")}.`);
  if (more.length) return { tone: more.some((one) => one.tone === "bad") ? "bad" : "warn", kind: more.map((one) => one.kind).join("; "), head: more[0].text, more: more.slice(1) };
  const up = endpoints.length === 0 ? "" : endpoints.length === 1 ? " Its one endpoint is well." : ` All ${endpoints.length} endpoints are well.`;
  if (status.requests === 0) return { tone: "quiet", kind: "empty", head: `Slack water. Nothing has come yet.${up.replace("Its", "The")}`, more: [] };
  if (recent.requests < 0.05) return { tone: "quiet", kind: "quiet", head: `Slack water. Nothing comes at the moment.${up.replace("Its", "The")}`, more: [] };
  return { tone: "good", kind: "well", head: `All is well: ${rate(recent.requests)} requests a second, half of them within ${millis(recent.p50)}.${up.replace("Its", "The")}`, more: [] };
}
