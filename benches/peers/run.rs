//! Rounds, and the turns in a round.

use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::certificate::Certificate;
use crate::cpu::{self, CpuTime};
use crate::load::{self, Seen, Shot};
use crate::origin::Origin;
use crate::peer::{Peer, Setup};
use crate::process::{self, Process};
use crate::report::Report;
use crate::scratch::Scratch;
use crate::work::{self, Work};

/// What one peer needed for one work in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// CPU time of the proxy.
    pub(crate) cpu: CpuTime,
    /// Its peak memory, KiB.
    pub(crate) peak_rss_kib: u64,
    /// What the clients saw.
    pub(crate) seen: Seen,
}

/// Seconds of load before the clock starts: connections are made, pools filled, memory touched.
const WARM_UP: u64 = 1;

/// Runs everything that was asked for.
pub(crate) fn all(args: &Args) -> Result<Report, String> {
    let peers = peers(args)?;
    let works = works(args);
    let scratch = Scratch::new().map_err(|error| error.to_string())?;
    let bench = Bench {
        args,
        origin: Origin::start(&scratch, args.load_core)?,
        certificate: Certificate::new(&scratch)?,
        scratch: &scratch,
    };
    let mut report = Report::new(args, &peers);
    for work in works {
        for round in 0..args.rounds {
            for (peer, program) in &peers {
                eprintln!("{}: round {} of {}: {}", work.name, round + 1, args.rounds, peer.name());
                let outcome = bench.measure(work, *peer, program);
                if let Err(problem) = &outcome {
                    eprintln!("{}: {}: {problem}", work.name, peer.name());
                }
                report.add(work, *peer, outcome);
            }
        }
    }
    Ok(report)
}

/// The peers that take part, nginx first, each with its program.
fn peers(args: &Args) -> Result<Vec<(Peer, PathBuf)>, String> {
    let asked = !args.peers.is_empty();
    let mut wanted = vec![Peer::Nginx];
    let others = if asked { args.peers.clone() } else { vec![Peer::Haproxy, Peer::Tidegate] };
    wanted.extend(others.into_iter().filter(|peer| *peer != Peer::Nginx));
    let mut found = Vec::new();
    for peer in wanted {
        match peer.program(&args.tidegate) {
            Ok(program) => found.push((peer, program)),
            Err(missing) if asked || peer == Peer::Nginx => return Err(missing),
            Err(missing) => eprintln!("left out: {missing}"),
        }
    }
    Ok(found)
}

/// The works that can be done here.
fn works(args: &Args) -> Vec<&'static Work> {
    let wanted: Vec<_> = if args.work.is_empty() { work::ALL.iter().collect() } else { args.work.clone() };
    wanted
        .into_iter()
        .filter(|work| match load::missing(work) {
            Some(missing) => {
                eprintln!("{} left out: {missing}", work.name);
                false
            }
            None => true,
        })
        .collect()
}

/// What stays the same for the whole run.
struct Bench<'a> {
    args: &'a Args,
    origin: Origin,
    certificate: Certificate,
    scratch: &'a Scratch,
}

impl Bench<'_> {
    fn measure(&self, work: &Work, peer: Peer, program: &Path) -> Result<Measured, String> {
        let address = process::free_address().map_err(|error| error.to_string())?;
        let setup =
            Setup { work, address, origin: self.origin.address, certificate: &self.certificate, scratch: self.scratch };
        let command = peer.command(program, &setup).map_err(|error| error.to_string())?;
        let mut proxy = Process::start(peer.name(), &command, self.args.proxy_core, self.scratch.path())?;
        proxy.wait_for(address)?;
        let shot = |seconds| {
            let core = self.args.load_core;
            Shot { work, proxy: address, seconds, core, scratch: self.scratch }.fire()
        };
        shot(WARM_UP)?;
        let before = CpuTime::of_tree(proxy.id());
        let seen = shot(self.args.seconds)?;
        let cpu = CpuTime::of_tree(proxy.id()) - before;
        Ok(Measured { cpu, peak_rss_kib: cpu::peak_rss_kib(proxy.id()), seen })
    }
}
