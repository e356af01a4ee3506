//! What is measured, and how long that takes.

use std::path::PathBuf;
use std::time::Duration;

use crate::args::Args;
use crate::check;
use crate::load;
use crate::origin::NGINX_MISSING;
use crate::peer::Peer;
use crate::work::{self, Load, Work};

/// Seconds of load before the clock starts: connections are made, pools filled, memory touched.
pub(crate) const WARM_UP: u64 = 1;

/// What a measurement takes beside its load, as seen: start, check, stop.
const AROUND: f64 = 0.7;

/// What takes part.
pub(crate) struct Plan {
    /// The peers, nginx first, each with its program.
    pub(crate) peers: Vec<(Peer, PathBuf)>,
    /// The works that can be done here.
    pub(crate) works: Vec<&'static Work>,
    /// What cannot, and how to get it.
    pub(crate) left_out: Vec<String>,
    /// Cores of the machine.
    pub(crate) cores: usize,
}

impl Plan {
    /// Looks what is there.
    pub(crate) fn new(args: &Args) -> Result<Self, String> {
        if let Some(missing) = check::missing() {
            return Err(missing);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut left_out = Vec::new();
        let peers = peers(args, &mut left_out)?;
        let wanted = if args.work.is_empty() { work::ALL.iter().collect() } else { args.work.clone() };
        let mut works = Vec::new();
        for work in wanted {
            match missing(args, work, cores) {
                Some(missing) => left_out.push(format!("{}: {missing}", work.name)),
                None => works.push(work),
            }
        }
        Ok(Self { peers, works, left_out, cores })
    }

    /// The peers of a work.
    pub(crate) fn peers_of(&self, args: &Args, work: &Work) -> impl Iterator<Item = &(Peer, PathBuf)> {
        // Varnish has no access log of its own, but a program that reads its memory.
        self.peers.iter().filter(move |(peer, _)| peer.does(work) && !(args.log && *peer == Peer::Varnish))
    }

    /// About how long it takes.
    pub(crate) fn takes(&self, args: &Args) -> Duration {
        let one = |work: &Work| match work.load {
            Load::Idle { .. } => 4.0 + AROUND,
            _ => (WARM_UP + args.seconds) as f64 + AROUND,
        };
        let turns = self.works.iter().map(|work| one(work) * self.peers_of(args, work).count() as f64);
        Duration::from_secs_f64(turns.sum::<f64>() * args.rounds as f64)
    }
}

fn peers(args: &Args, left_out: &mut Vec<String>) -> Result<Vec<(Peer, PathBuf)>, String> {
    let asked = !args.peers.is_empty();
    let wanted = Peer::ALL.into_iter().filter(|peer| !asked || args.peers.contains(peer) || *peer == Peer::Nginx);
    let mut found = Vec::new();
    for peer in wanted {
        match peer.program(&args.folders, &args.tidegate) {
            // It runs in another folder.
            Ok(program) => found.push((peer, std::path::absolute(&program).unwrap_or(program))),
            Err(missing) if asked || peer == Peer::Nginx => return Err(missing),
            Err(missing) => left_out.push(missing),
        }
    }
    if found.is_empty() { Err(NGINX_MISSING.to_owned()) } else { Ok(found) }
}

fn missing(args: &Args, work: &Work, cores: usize) -> Option<String> {
    let wanted = args.proxy_core + args.workers.unwrap_or(work.workers);
    let few = || (wanted > cores).then(|| format!("there are {cores} cores, not {wanted}"));
    load::missing(work).or_else(few)
}
