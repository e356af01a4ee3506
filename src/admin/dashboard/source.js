// Asks the admin address, again and again, and remembers the last answers. It says when there is no answer; it never makes one up.

import { quantile } from "./words.js";

const TOKEN = "tidegate-token";
const PATIENCE = 5000;
// Polls over which rates are taken.
const WINDOW = 11;
// How often each is asked for, in rounds of a second.
const OFTEN = { "/api/status": 1, "/api/upstreams": 1, "/api/routes": 1, "/api/listeners": 1, "/api/events?limit=200": 2, "/api/faults": 2, "/api/reloads?limit=30": 5, "/api/certificates": 30 };

export class Locked extends Error {}

export class Source {
  answers = {};
  series = { "1s": [], "10s": [] };
  history = [];
  heard = null;
  #rounds = 0;
  #wanted = new Set();
  #token = sessionStorage.getItem(TOKEN);

  get token() {
    return this.#token;
  }

  keep(token) {
    this.#token = token;
    if (token === null) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, token);
  }

  async ask(path, body) {
    const headers = this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
    const asked = { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
    if (body !== undefined) Object.assign(asked, { method: "POST", body: JSON.stringify(body) });
    const answer = await fetch(path, asked);
    if (answer.status === 401) throw new Locked("the token is missing or wrong");
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.message ?? `status ${answer.status}`);
    return said;
  }

  // One round: all that is due. It fails as a whole, so that what is shown is of one time.
  async round() {
    const due = Object.keys(OFTEN).filter((path) => !(this.name(path) in this.answers) || this.#wanted.has(this.name(path)) || this.#rounds % OFTEN[path] === 0);
    const answers = await Promise.all(due.map((path) => this.ask(path)));
    const status = answers[due.indexOf("/api/status")];
    if (this.answers.status && this.answers.status.started_at !== status.started_at) this.#forget();
    this.#wanted.clear();
    due.forEach((path, place) => (this.answers[this.name(path)] = answers[place]));
    await this.#follow("1s", 300);
    if (this.#rounds % 5 === 0) await this.#follow("10s", 360);
    this.#rounds += 1;
    this.heard = Date.now();
    this.history.push({ at: performance.now() / 1000, ...this.answers });
    if (this.history.length > WINDOW) this.history.shift();
  }

  // What the next round has to ask for in any case.
  again(...names) {
    names.forEach((name) => this.#wanted.add(name));
  }

  name(path) {
    return path.split("/").at(-1).split("?")[0];
  }

  // Another program stands there now: what was counted before is not of it.
  #forget() {
    this.history = [];
    this.series = { "1s": [], "10s": [] };
  }

  async #follow(resolution, most) {
    const known = this.series[resolution];
    const { samples } = await this.ask(`/api/series?resolution=${resolution}&since=${known.at(-1)?.time ?? 0}`);
    known.push(...samples);
    known.splice(0, Math.max(0, known.length - most));
  }

  // What a counter did lately, for each second.
  #rates(list, names, extra) {
    const now = this.history.at(-1);
    const then = this.history[0];
    const passed = now && then ? now.at - then.at : 0;
    const before = new Map((then?.[list] ?? []).map((one) => [one.name, one]));
    return new Map((now?.[list] ?? []).map((one) => {
      const old = before.get(one.name);
      const rates = {};
      for (const name of names) rates[name] = old && passed > 0 && one[name] >= old[name] ? (one[name] - old[name]) / passed : null;
      return [one.name, extra ? extra(rates, one, old) : rates];
    }));
  }

  rates() {
    const times = (rates, now, old) => {
      const buckets = old ? now.durations.map((value, place) => Math.max(0, value - old.durations[place])) : now.durations.map(() => 0);
      return { ...rates, p50: quantile(buckets, 0.5), p95: quantile(buckets, 0.95) };
    };
    return {
      routes: this.#rates("routes", ["requests", "client_errors", "server_errors", "response_bytes", "request_bytes"], times),
      listeners: this.#rates("listeners", ["requests", "accepted"]),
      workers: this.#workers(),
    };
  }

  #workers() {
    const [now, then] = [this.history.at(-1), this.history[0]];
    const passed = now && then ? now.at - then.at : 0;
    const busy = now?.status.worker_busy_seconds ?? [];
    return busy.map((seconds, place) => (passed > 0 ? Math.min(1, Math.max(0, (seconds - (then.status.worker_busy_seconds[place] ?? seconds)) / passed)) : null));
  }
}
