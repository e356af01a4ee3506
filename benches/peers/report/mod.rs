//! Figures to read, and figures to keep.

mod json;
mod markdown;
mod svg;
mod table;

pub(crate) use markdown::placed;

use crate::args::Args;
use crate::figure::Figure;
use crate::peer::Peer;
use crate::plan::Plan;
use crate::run::Measured;
use crate::work::Work;

/// All figures of a run.
pub(crate) struct Report {
    machine: Machine,
    left_out: Vec<String>,
    series: Vec<Series>,
}

/// Where it ran, and how.
struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    /// How the kernel paces TCP by default. With bbr it sets a timer for much of what is larger than a segment, for some proxies more
    /// than for others.
    congestion_control: String,
    rounds: usize,
    seconds: u64,
    access_log: bool,
    versions: Vec<(Peer, String)>,
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
    pub(crate) fn new(args: &Args, plan: &Plan) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let cpu = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
        let machine = Machine {
            cpu: cpu.trim_start_matches([' ', '\t', ':']).to_owned(),
            cores: plan.cores,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control").trim().to_owned(),
            rounds: args.rounds,
            seconds: args.seconds,
            access_log: args.log,
            versions: plan.peers.iter().map(|(peer, program)| (*peer, peer.version(program))).collect(),
        };
        Self { machine, left_out: plan.left_out.clone(), series: Vec::new() }
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

    fn of(&self, work: &str, peer: Peer) -> Option<&Series> {
        self.series.iter().find(|series| series.work.name == work && series.peer == peer)
    }

    /// The works, in their order.
    fn works(&self) -> Vec<&'static Work> {
        let mut works: Vec<&'static Work> = Vec::new();
        for series in &self.series {
            if !works.iter().any(|work| work.name == series.work.name) {
                works.push(series.work);
            }
        }
        works
    }

    /// The figure of the work beside nginx's.
    fn ratio(&self, series: &Series) -> Option<f64> {
        ratio(series.work.figure, series, self.of(series.work.name, Peer::Nginx)?)
    }

    /// The figure of the work beside the same peer's on another work, and which that is.
    fn beside_itself(&self, series: &Series) -> Option<(&'static str, f64)> {
        let (other, _) = series.work.beside?;
        Some((other, ratio(series.work.figure, series, self.of(other, series.peer)?)?))
    }
}

/// One figure beside the other. What else a machine does adds to CPU time and memory and never takes from them, so the least of the rounds
/// stands for each; times that clients wait are compared in the same round, and the median of the rounds counts.
fn ratio(figure: Figure, own: &Series, other: &Series) -> Option<f64> {
    if figure != Figure::Late {
        let least = |series: &Series| series.least(|measured| figure.of(measured)).map(|(least, _)| least);
        return Some(least(own)? / least(other)?);
    }
    let pairs = own.rounds.iter().zip(&other.rounds);
    median(pairs.filter_map(|(own, other)| Some(figure.of(own.as_ref()?) / figure.of(other.as_ref()?))).collect())
}

impl Series {
    fn median(&self, figure: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().flatten().map(figure).collect()).unwrap_or(f64::NAN)
    }

    /// The least of a figure, and the round that has it.
    fn least(&self, figure: impl Fn(&Measured) -> f64) -> Option<(f64, &Measured)> {
        let figures = self.rounds.iter().flatten().map(|measured| (figure(measured), measured));
        figures.filter(|(figure, _)| figure.is_finite()).min_by(|(one, _), (other, _)| one.total_cmp(other))
    }

    /// Of the round with the least CPU time: that, and its parts in the program and in the kernel.
    fn cpu(&self) -> [f64; 3] {
        let round = self.least(Measured::cpu_us);
        round.map_or([f64::NAN; 3], |(cpu, round)| [cpu, round.user_us(), round.system_us()])
    }

    /// KiB that a connection takes.
    fn memory(&self) -> f64 {
        self.least(|measured| Figure::Memory.of(measured)).map_or(f64::NAN, |(least, _)| least)
    }

    fn measured(&self) -> bool {
        self.rounds.iter().any(Option::is_some)
    }

    fn failed(&self) -> u64 {
        self.rounds.iter().flatten().map(|measured| measured.seen.failed).sum()
    }
}

impl Measured {
    /// CPU microseconds per request.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.sum() / self.seen.requests as f64
    }

    fn user_us(&self) -> f64 {
        self.cpu.user() / self.seen.requests as f64
    }

    fn system_us(&self) -> f64 {
        self.cpu.system() / self.seen.requests as f64
    }

    /// Requests per second.
    fn rate(&self) -> f64 {
        self.seen.requests as f64 / self.seen.seconds
    }

    /// Octets for each request.
    fn octets(&self) -> f64 {
        self.seen.octets / self.seen.requests as f64
    }

    fn rss_mib(&self) -> f64 {
        self.peak_rss_kib as f64 / 1024.0
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.retain(|figure| figure.is_finite());
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(figures[middle]),
        _ => Some((figures[middle - 1] + figures[middle]) / 2.0),
    }
}
