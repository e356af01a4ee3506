//! wrk and h2load.

use std::process::Command;

use super::{Seen, Shot};
use crate::process::pinned;
use crate::work::Work;

impl Shot<'_> {
    pub(super) fn wrk(&self, connections: usize, close: bool) -> Result<Seen, String> {
        let script = self.scratch.write("wrk.lua", wrk_script(self.work, close)).map_err(|e| e.to_string())?;
        let mut command = Command::new("wrk");
        command.args(["-t1", &format!("-c{connections}"), &format!("-d{}s", self.seconds), "-s"]).arg(script);
        let text = self.output(command.arg(self.url()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("seen "));
        let fields: Vec<f64> = line.unwrap_or("").split(' ').filter_map(|word| word.parse().ok()).collect();
        let [requests, failed, microseconds, p50, p99, octets] = fields[..] else {
            return Err(format!("wrk says: {}", text.trim()));
        };
        let seen =
            Seen { requests: requests as u64, failed: failed as u64, seconds: microseconds / 1e6, p50, p99, octets };
        let (seen, each) = (answered(seen)?, octets / requests);
        // What was under way at the end is counted in part.
        let (least, most) = sizes(self.work);
        match (requests * least..=(requests + connections as f64) * most).contains(&octets) {
            true => Ok(seen),
            false => Err(format!("an answer is {each:.0} octets, and {} are in its body", self.work.answer)),
        }
    }

    pub(super) fn h2load(&self, connections: usize, streams: usize) -> Result<Seen, String> {
        let log = self.scratch.path().join("h2load.log");
        let _ = std::fs::remove_file(&log);
        let mut command = Command::new("h2load");
        command.args(["-t1", &format!("-c{connections}"), &format!("-m{streams}"), &format!("-D{}", self.seconds)]);
        command.arg("--log-file").arg(&log);
        if self.work.upload > 0 {
            let body = self.scratch.write("message", message(self.work.upload)).map_err(|error| error.to_string())?;
            command.arg("-d").arg(body).args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
        }
        let text = self.output(command.arg(self.url()))?;
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        let (seen, octets) = h2load_seen(&text, &log).ok_or_else(|| format!("h2load says: {}", text.trim()))?;
        // What was under way at the end is counted in part.
        let (answer, under_way) = (self.work.answer as u64, (connections * streams) as u64);
        let right = seen.requests * answer..=(seen.requests + under_way) * answer;
        if seen.failed == 0 && !right.contains(&octets) {
            return Err(format!("{octets} octets in {} answers of {answer}", seen.requests));
        }
        answered(Seen { octets: octets as f64, ..seen })
    }

    fn url(&self) -> String {
        format!("{}://{}{}", self.work.scheme(), self.proxy, self.work.path)
    }

    fn output(&self, command: &Command) -> Result<String, String> {
        let output = pinned(command, &self.core.to_string()).output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let program = command.get_program().to_string_lossy().into_owned();
        match output.status.success() {
            true => Ok(text),
            false => Err(format!("{program} failed: {text}{}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

/// A gRPC message in so many octets: not compressed, its length, then its content (gRPC over HTTP2, "Length-Prefixed-Message").
pub(crate) fn message(octets: usize) -> Vec<u8> {
    let mut message = vec![0];
    message.extend_from_slice(&u32::try_from(octets - 5).unwrap_or(0).to_be_bytes());
    message.resize(octets, b'g');
    message
}

/// Nothing at all is not a measurement.
fn answered(seen: Seen) -> Result<Seen, String> {
    if seen.requests > seen.failed { Ok(seen) } else { Err(format!("nothing was answered: {seen:?}")) }
}

/// How large an answer may be with its head: at least its body, or well below it where it is compressed.
fn sizes(work: &Work) -> (f64, f64) {
    let body = work.answer as f64;
    if work.gzip { (body / 20.0, body / 2.0) } else { (body, body + 2048.0) }
}

/// A script for wrk: what to ask for beyond the address, and one line of figures at the end.
fn wrk_script(work: &Work, close: bool) -> String {
    let connection = if close { "wrk.headers['Connection'] = 'close'\n" } else { "" };
    let gzip = if work.gzip { "wrk.headers['Accept-Encoding'] = 'gzip'\n" } else { "" };
    let body = match work.upload {
        0 => String::new(),
        octets => format!("wrk.method = 'POST'; wrk.body = string.rep('x', {octets})\n"),
    };
    // A `request` function costs wrk time for each request, so it is there only where it has to be.
    let request = match work.routes {
        0 => String::new(),
        routes => format!(
            "local paths, at = {{}}, 0
            init = function()
                for route = 0, {routes} - 1 do paths[route] = wrk.format(nil, string.format('/r%05d/x', route)) end
            end
            request = function() at = (at + 1) % {routes}; return paths[at] end\n"
        ),
    };
    format!(
        "{connection}{gzip}{body}{request}
        done = function(summary, latency)
            local e = summary.errors
            io.write(string.format('seen %d %d %d %d %d %d\\n', summary.requests,
                e.connect + e.read + e.write + e.status + e.timeout,
                summary.duration, latency:percentile(50), latency:percentile(99), summary.bytes))
        end\n"
    )
}

/// From what h2load prints and its log: a line for each request, start (us), status, duration (us). Also octets of DATA.
fn h2load_seen(text: &str, log: &str) -> Option<(Seen, u64)> {
    let finished = text.lines().find_map(|line| line.strip_prefix("finished in "))?;
    let seconds: f64 = finished.split("s,").next()?.parse().ok()?;
    let counts = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| {
        let part = counts.split(", ").find(|part| part.ends_with(what))?;
        part.split(' ').next()?.parse::<u64>().ok()
    };
    let statuses = text.lines().find_map(|line| line.strip_prefix("status codes: "))?;
    let success: u64 = statuses.split(' ').next()?.parse().ok()?;
    let traffic = text.lines().find_map(|line| line.strip_prefix("traffic: "))?;
    let octets = traffic.rsplit('(').next()?.split(')').next()?.parse().ok()?;
    let requests = count("done")?;
    let mut durations: Vec<f64> = log.lines().filter_map(|line| line.split('\t').nth(2)?.parse().ok()).collect();
    let [p50, p99] = percentiles(&mut durations);
    let seen = Seen { requests, failed: requests.saturating_sub(success), seconds, p50, p99, octets: 0.0 };
    Some((seen, octets))
}

/// What half and 99 of 100 are at most.
pub(super) fn percentiles(figures: &mut [f64]) -> [f64; 2] {
    figures.sort_by(f64::total_cmp);
    [0.5, 0.99].map(|share| figures.get((figures.len() as f64 * share) as usize).copied().unwrap_or(0.0))
}
