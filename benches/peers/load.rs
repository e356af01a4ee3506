//! The load generators, and what they say.

use std::net::SocketAddr;
use std::process::Command;

use crate::process::{find, pinned};
use crate::scratch::Scratch;
use crate::work::{Load, Work};

/// What the clients saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// Those without a 2xx, and connections and requests that broke.
    pub(crate) failed: u64,
    /// From the first to the last request, seconds.
    pub(crate) seconds: f64,
    /// Half of the requests took at most that long, microseconds.
    pub(crate) p50: f64,
    /// 99 of 100 took at most that long, microseconds.
    pub(crate) p99: f64,
}

/// Says what is missing for the work.
pub(crate) fn missing(work: &Work) -> Option<String> {
    let (program, package) = match work.load {
        Load::Http1 { .. } => ("wrk", "wrk"),
        Load::Http2 { .. } => ("h2load", "nghttp2-client"),
    };
    find(program).is_none().then(|| format!("{program} is not installed: apt-get install {package}"))
}

/// One run of a load generator.
pub(crate) struct Shot<'a> {
    /// What to ask for.
    pub(crate) work: &'a Work,
    /// Whom to ask.
    pub(crate) proxy: SocketAddr,
    /// How long.
    pub(crate) seconds: u64,
    /// The load generator's core.
    pub(crate) core: usize,
    /// Where its files go.
    pub(crate) scratch: &'a Scratch,
}

impl Shot<'_> {
    /// Makes the requests.
    pub(crate) fn fire(&self) -> Result<Seen, String> {
        match self.work.load {
            Load::Http1 { connections, close } => self.wrk(connections, close),
            Load::Http2 { connections, streams } => self.h2load(connections, streams),
        }
    }

    fn wrk(&self, connections: usize, close: bool) -> Result<Seen, String> {
        let script = self.scratch.write("wrk.lua", wrk_script(self.work.routes, close)).map_err(|e| e.to_string())?;
        let mut command = Command::new("wrk");
        command.args(["-t1", &format!("-c{connections}"), &format!("-d{}s", self.seconds), "-s"]).arg(script);
        let text = self.output(command.arg(self.url()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("seen "));
        let fields: Vec<f64> = line.unwrap_or("").split(' ').filter_map(|word| word.parse().ok()).collect();
        let [requests, failed, microseconds, p50, p99] = fields[..] else {
            return Err(format!("wrk says: {}", text.trim()));
        };
        let (requests, failed) = (requests as u64, failed as u64);
        Ok(Seen { requests, failed, seconds: microseconds / 1e6, p50, p99 })
    }

    fn h2load(&self, connections: usize, streams: usize) -> Result<Seen, String> {
        let log = self.scratch.path().join("h2load.log");
        let _ = std::fs::remove_file(&log);
        let mut command = Command::new("h2load");
        command.args(["-t1", &format!("-c{connections}"), &format!("-m{streams}"), &format!("-D{}", self.seconds)]);
        command.arg("--log-file").arg(&log);
        let text = self.output(command.arg(self.url()))?;
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        h2load_seen(&text, &log).ok_or_else(|| format!("h2load says: {}", text.trim()))
    }

    fn url(&self) -> String {
        format!("{}://{}{}", self.work.scheme(), self.proxy, self.work.path)
    }

    fn output(&self, command: &Command) -> Result<String, String> {
        let output = pinned(command, self.core).output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let program = command.get_program().to_string_lossy().into_owned();
        match output.status.success() {
            true => Ok(text),
            false => Err(format!("{program} failed: {text}{}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

/// A script for wrk: what to ask for beyond the address, and one line of figures at the end.
fn wrk_script(routes: usize, close: bool) -> String {
    let connection = if close { "wrk.headers['Connection'] = 'close'\n" } else { "" };
    // A `request` function costs wrk time for each request, so it is there only where it has to be.
    let request = match routes {
        0 => String::new(),
        _ => format!(
            "local paths, at = {{}}, 0
            init = function()
                for route = 0, {routes} - 1 do paths[route] = wrk.format(nil, string.format('/r%05d/x', route)) end
            end
            request = function() at = (at + 1) % {routes}; return paths[at] end\n"
        ),
    };
    format!(
        "{connection}{request}
        done = function(summary, latency)
            local e = summary.errors
            io.write(string.format('seen %d %d %d %d %d\\n', summary.requests,
                e.connect + e.read + e.write + e.status + e.timeout,
                summary.duration, latency:percentile(50), latency:percentile(99)))
        end\n"
    )
}

/// From what h2load prints and its log: a line for each request, start (us), status, duration (us).
fn h2load_seen(text: &str, log: &str) -> Option<Seen> {
    let finished = text.lines().find_map(|line| line.strip_prefix("finished in "))?;
    let seconds: f64 = finished.split("s,").next()?.parse().ok()?;
    let counts = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| {
        let part = counts.split(", ").find(|part| part.ends_with(what))?;
        part.split(' ').next()?.parse::<u64>().ok()
    };
    let refused = text.lines().find_map(|line| line.strip_prefix("status codes: "))?;
    let success: u64 = refused.split(' ').next()?.parse().ok()?;
    let requests = count("done")?;
    let mut durations: Vec<f64> = log.lines().filter_map(|line| line.split('\t').nth(2)?.parse().ok()).collect();
    durations.sort_by(f64::total_cmp);
    let at = |share: f64| durations.get((durations.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    Some(Seen { requests, failed: requests.saturating_sub(success), seconds, p50: at(0.5), p99: at(0.99) })
}
