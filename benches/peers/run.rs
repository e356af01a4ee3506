//! Rounds, and the turns in a round.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::certificate::Certificate;
use crate::check;
use crate::cpu::{self, CpuTime};
use crate::load::{self, Seen, Shot};
use crate::origin::Origins;
use crate::peer::{Peer, Setup};
use crate::plan::{Plan, WARM_UP};
use crate::process::{self, Process};
use crate::report::Report;
use crate::scratch::Scratch;
use crate::work::{Load, Work};

/// What one peer needed for one work in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// CPU time of the proxy.
    pub(crate) cpu: CpuTime,
    /// Its peak memory, KiB.
    pub(crate) peak_rss_kib: u64,
    /// What each kept connection takes, KiB, where that was asked for.
    pub(crate) kib_per_connection: Option<f64>,
    /// What the clients saw.
    pub(crate) seen: Seen,
}

/// Between two reloads.
const RELOAD_EVERY: Duration = Duration::from_millis(100);

/// Until memory is looked at: buffers of the requests are let go.
const SETTLE: Duration = Duration::from_secs(2);

/// Runs everything that was asked for; nothing where only the plan was.
pub(crate) fn all(args: &Args) -> Result<Option<Report>, String> {
    let descriptors = process::raise_descriptors();
    let plan = Plan::new(args)?;
    for missing in &plan.left_out {
        eprintln!("left out: {missing}");
    }
    let minutes = plan.takes(args).as_secs_f64() / 60.0;
    let (works, peers) = (plan.works.len(), plan.peers.len());
    eprintln!("{works} works, {peers} proxies, {} rounds: about {minutes:.0} minutes", args.rounds);
    if args.plan {
        return Ok(None);
    }
    // What this program does itself is load as well.
    process::pin_thread(args.load_core).map_err(|error| format!("core {}: {error}", args.load_core))?;
    let scratch = Scratch::new().map_err(|error| error.to_string())?;
    let bench = Bench {
        args,
        origins: Origins::start(&scratch, args.load_core)?,
        certificate: Certificate::new(&scratch)?,
        scratch: &scratch,
        descriptors,
    };
    let mut report = Report::new(args, &plan);
    for work in &plan.works {
        for round in 0..args.rounds {
            for (peer, program) in plan.peers_of(args, work) {
                eprintln!("{}: round {} of {}: {}", work.name, round + 1, args.rounds, peer.name());
                let outcome = bench.measure(work, *peer, program);
                if let Err(problem) = &outcome {
                    eprintln!("{}: {}: {problem}", work.name, peer.name());
                }
                report.add(work, *peer, outcome);
            }
        }
    }
    Ok(Some(report))
}

/// What stays the same for the whole run.
struct Bench<'a> {
    args: &'a Args,
    origins: Origins,
    certificate: Certificate,
    scratch: &'a Scratch,
    descriptors: u64,
}

impl Bench<'_> {
    fn measure(&self, work: &Work, peer: Peer, program: &Path) -> Result<Measured, String> {
        let free = || process::free_address().map_err(|error| error.to_string());
        let workers = self.args.workers.unwrap_or(work.workers);
        let setup = Setup {
            work,
            address: free()?,
            admin: free()?,
            origin: self.origins.address(work.upstream),
            certificate: &self.certificate,
            scratch: self.scratch,
            workers,
            access_log: work.access_log || self.args.log,
            generation: 0,
        };
        let command = peer.command(program, &setup).map_err(|error| error.to_string())?;
        let first = self.args.proxy_core;
        let cores = format!("{first}-{}", first + workers - 1);
        let mut proxy = Process::start(peer.name(), &command, &cores, self.scratch.path())?;
        proxy.wait_for(setup.address)?;
        check::before(&setup)?;
        let (measured, last) = match work.load {
            Load::Idle { connections } => (self.idle(&setup, proxy.id(), connections)?, setup),
            _ => self.loaded(&setup, peer, proxy.id())?,
        };
        check::after(peer, &last)?;
        Ok(measured)
    }

    /// CPU time and memory under load, and the setup as it was at last.
    fn loaded<'s>(&self, setup: &Setup<'s>, peer: Peer, proxy: u32) -> Result<(Measured, Setup<'s>), String> {
        let shot = |seconds| {
            let (core, certificate, scratch) = (self.args.load_core, &self.certificate, self.scratch);
            Shot { work: setup.work, proxy: setup.address, seconds, core, certificate, scratch }.fire()
        };
        shot(WARM_UP)?;
        let before = CpuTime::of_tree(proxy);
        let (seen, generation) = match setup.work.reload {
            false => (shot(self.args.seconds)?, 0),
            true => reloading(setup, peer, proxy, || shot(self.args.seconds))?,
        };
        let cpu = CpuTime::of_tree(proxy) - before;
        let measured = Measured { cpu, peak_rss_kib: cpu::peak_rss_kib(proxy), kib_per_connection: None, seen };
        Ok((measured, Setup { generation, ..*setup }))
    }

    /// Memory of connections that do nothing.
    fn idle(&self, setup: &Setup<'_>, proxy: u32, connections: usize) -> Result<Measured, String> {
        // Programs and sockets beside the connections.
        if self.descriptors < connections as u64 + 1000 {
            return Err(format!("only {} file descriptors are allowed: ulimit -n", self.descriptors));
        }
        let (before, cpu, begun) = (cpu::rss_kib(proxy), CpuTime::of_tree(proxy), Instant::now());
        let target = (setup.address, connections);
        load::open_idle(self.args.load_core, setup.work, target, &self.certificate, |held| {
            let (cpu, seconds) = (CpuTime::of_tree(proxy) - cpu, begun.elapsed().as_secs_f64());
            thread::sleep(SETTLE);
            let more = cpu::rss_kib(proxy).saturating_sub(before);
            Measured {
                cpu,
                peak_rss_kib: cpu::peak_rss_kib(proxy),
                kib_per_connection: Some(more as f64 / held.len() as f64),
                seen: Seen { requests: held.len() as u64, seconds, ..Seen::default() },
            }
        })
    }
}

/// Reloads again and again while the load runs, and says which generation was the last.
fn reloading(
    setup: &Setup<'_>,
    peer: Peer,
    proxy: u32,
    load: impl FnOnce() -> Result<Seen, String>,
) -> Result<(Seen, u32), String> {
    let (done, generation) = (AtomicBool::new(false), AtomicU32::new(setup.generation));
    thread::scope(|scope| {
        let reloads = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let next = generation.fetch_add(1, Ordering::Relaxed) + 1;
                peer.reload(proxy, &Setup { generation: next, ..*setup })?;
                thread::sleep(RELOAD_EVERY);
            }
            std::io::Result::Ok(())
        });
        let seen = load();
        done.store(true, Ordering::Relaxed);
        let reloaded = reloads.join().map_err(|_| "the reloads panicked".to_owned())?;
        reloaded.map_err(|error| format!("a reload: {error}"))?;
        Ok((seen?, generation.load(Ordering::Relaxed)))
    })
}
