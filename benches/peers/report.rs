//! Figures to read, and figures to keep.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::args::Args;
use crate::peer::Peer;
use crate::run::Measured;
use crate::work::Work;

/// All figures of a run.
pub(crate) struct Report {
    machine: Value,
    series: Vec<Series>,
}

/// One peer on one work, a figure for each round; `None` where the round failed.
struct Series {
    work: &'static Work,
    peer: Peer,
    rounds: Vec<Option<Measured>>,
    problem: Option<String>,
}

impl Report {
    /// An empty one.
    pub(crate) fn new(args: &Args, peers: &[(Peer, PathBuf)]) -> Self {
        let line = |path: &str, start: &str| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
            line.rsplit(": ").next().unwrap_or_default().trim().to_owned()
        };
        let versions: Value =
            peers.iter().map(|(peer, program)| (peer.name().to_owned(), json!(peer.version(program)))).collect();
        let machine = json!({
            "cpu": line("/proc/cpuinfo", "model name"),
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "kernel": line("/proc/version", ""),
            "rounds": args.rounds,
            "seconds": args.seconds,
            "versions": versions,
        });
        Self { machine, series: Vec::new() }
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, work: &'static Work, peer: Peer, outcome: Result<Measured, String>) {
        let at = self.series.iter().position(|series| series.work.name == work.name && series.peer == peer);
        let at = at.unwrap_or_else(|| {
            self.series.push(Series { work, peer, rounds: Vec::new(), problem: None });
            self.series.len() - 1
        });
        let series = &mut self.series[at];
        match outcome {
            Ok(measured) => series.rounds.push(Some(measured)),
            Err(problem) => {
                series.rounds.push(None);
                series.problem = Some(problem);
            }
        }
    }

    /// As a table, medians of the rounds.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let mut work = "";
        for series in &self.series {
            if series.work.name != work {
                work = series.work.name;
                let _ = writeln!(text, "\n{work}: {}", series.work.about);
                let _ = writeln!(
                    text,
                    "  {:<10} {:>9} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7}",
                    "", "CPU us/rq", "user", "system", "x nginx", "rq/s", "p50 ms", "p99 ms", "RSS MiB", "failed"
                );
            }
            self.row(&mut text, series);
        }
        text
    }

    fn row(&self, text: &mut String, series: &Series) {
        let name = series.peer.name();
        if series.rounds.iter().all(Option::is_none) {
            let _ = writeln!(text, "  {name:<10} not measured: {}", series.problem.as_deref().unwrap_or("no round"));
            return;
        }
        let of = |figure: fn(&Measured) -> f64| series.median(figure);
        let _ = writeln!(
            text,
            "  {name:<10} {:>9.2} {:>9.2} {:>9.2} {:>8.3} {:>9.0} {:>9.3} {:>9.3} {:>9.1} {:>7}",
            of(Measured::cpu_us),
            of(Measured::user_us),
            of(Measured::system_us),
            self.ratio(series).unwrap_or(f64::NAN),
            of(Measured::rate),
            of(|measured| measured.seen.p50 / 1000.0),
            of(|measured| measured.seen.p99 / 1000.0),
            of(|measured| measured.peak_rss_kib as f64 / 1024.0),
            series.failed(),
        );
    }

    /// CPU time per request beside nginx's in the same round; the median of the rounds.
    fn ratio(&self, series: &Series) -> Option<f64> {
        let nginx =
            self.series.iter().find(|other| other.work.name == series.work.name && other.peer == Peer::Nginx)?;
        let pairs = series.rounds.iter().zip(&nginx.rounds);
        median(pairs.filter_map(|(own, nginx)| Some(own.as_ref()?.cpu_us() / nginx.as_ref()?.cpu_us())).collect())
    }

    /// Everything, with the figures of each round.
    pub(crate) fn json(&self) -> String {
        let results: Vec<_> = self.series.iter().map(|series| self.series_json(series)).collect();
        let whole = json!({ "machine": self.machine, "results": results });
        format!("{whole:#}\n")
    }

    fn series_json(&self, series: &Series) -> Value {
        let round = |measured: &Option<Measured>| {
            let Some(measured) = measured else { return Value::Null };
            json!({
                "cpu_us": measured.cpu_us(),
                "user_us": measured.user_us(),
                "system_us": measured.system_us(),
                "requests_per_second": measured.rate(),
                "p50_us": measured.seen.p50,
                "p99_us": measured.seen.p99,
                "peak_rss_kib": measured.peak_rss_kib,
                "requests": measured.seen.requests,
                "failed": measured.seen.failed,
            })
        };
        json!({
            "work": series.work.name,
            "peer": series.peer.name(),
            "cpu_us": series.median(Measured::cpu_us),
            "ratio_to_nginx": self.ratio(series),
            "problem": series.problem,
            "rounds": series.rounds.iter().map(round).collect::<Vec<_>>(),
        })
    }
}

impl Series {
    fn median(&self, figure: fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().flatten().map(figure).collect()).unwrap_or(f64::NAN)
    }

    fn failed(&self) -> u64 {
        self.rounds.iter().flatten().map(|measured| measured.seen.failed).sum()
    }
}

impl Measured {
    /// CPU microseconds per request.
    fn cpu_us(&self) -> f64 {
        self.cpu.sum() / self.seen.requests as f64
    }

    fn user_us(&self) -> f64 {
        self.cpu.user / self.seen.requests as f64
    }

    fn system_us(&self) -> f64 {
        self.cpu.system / self.seen.requests as f64
    }

    /// Requests per second.
    fn rate(&self) -> f64 {
        self.seen.requests as f64 / self.seen.seconds
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(figures[middle]),
        _ => Some((figures[middle - 1] + figures[middle]) / 2.0),
    }
}
