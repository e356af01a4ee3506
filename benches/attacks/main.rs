//! What a good client feels while others attack.
//!
//! ```text
//! cargo bench --bench attacks -- --seconds 4 --attacks rapid_reset,slow_heads
//! ```
//!
//! The release build runs with its defaults and one worker, so that nobody can hide behind another core. A good client asks for small
//! things one after the other, on a connection that it keeps and on a new one for each, and notes how long each takes: alone (quiet), then
//! beside the attacker when it attacks something else on the proxy's core and both cores are busy (control), then beside the attack. The
//! attacker has as many connections as it likes, and comes again whenever it is put out. `docs/security.md` has the figures.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod attack;
#[path = "../../tests/it/hostile/floods/bursts.rs"]
#[allow(dead_code)]
mod bursts;
mod edge;
mod good;
mod machine;
mod origin;
mod sink;
mod support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use clap::Parser;

use attack::{ATTACKS, Attack};
use edge::{Edge, free_address};
use good::{Felt, Times};

/// What a good client feels while others attack.
#[derive(Parser)]
struct Args {
    /// Seconds of one measurement
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Which attacks [default: all]
    #[arg(long, value_delimiter = ',')]
    attacks: Vec<String>,
    /// The tidegate binary
    #[arg(long, default_value = env!("CARGO_BIN_EXE_tidegate"))]
    tidegate: PathBuf,
    /// The core of the proxy
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    /// The core of everybody else; the attacker gets what the good client leaves of it
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Be that attacker, against that listener and that one of TLS
    #[arg(long, hide = true, num_args = 3)]
    attacker: Vec<String>,
    /// Be what that attacker attacks in the control
    #[arg(long, hide = true, num_args = 3)]
    sink: Vec<String>,
    /// Be what keeps a core busy in the control
    #[arg(long, hide = true)]
    burn: bool,
    /// `cargo bench` passes this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    if let [name, plain, tls] = &args.attacker[..] {
        named(name).go(parsed(plain), parsed(tls));
    }
    if let [name, plain, tls] = &args.sink[..] {
        sink::go(parsed(plain), parsed(tls), named(name).waits_for_answers());
    }
    if args.burn {
        machine::burn();
    }
    machine::pin(args.load_core);
    let origins = [true, false].map(origin::start);
    machine::be_good();
    let chosen =
        ATTACKS.iter().filter(|one| args.attacks.is_empty() || args.attacks.iter().any(|name| name == one.name));
    println!(
        "| attack | kept: quiet | control | attacked | x quiet | x control | new: quiet | control | attacked | x quiet | x control | failed \
         | grown |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for attack in chosen {
        let rounds: Vec<Round> = (0..args.rounds).map(|_| round(&args, attack, origins)).collect();
        println!("{}", line(attack, &rounds));
    }
}

/// The median of the rounds, column by column.
fn line(attack: &Attack, rounds: &[Round]) -> String {
    let median = |of: &dyn Fn(&Round) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let times = |times: fn(&Felt) -> &Times| {
        let quiet = median(&|round| times(&round.quiet).p99());
        let control = median(&|round| times(&round.control).p99());
        let attacked = median(&|round| times(&round.attacked).p99());
        let ms = |micros: f64| format!("{:.2} ms", micros / 1000.0);
        let (beside_quiet, beside_control) = (attacked / quiet, attacked / control);
        format!("{} | {} | {} | {beside_quiet:.1} | {beside_control:.1}", ms(quiet), ms(control), ms(attacked))
    };
    let (kept, fresh) = (times(|felt| &felt.kept), times(|felt| &felt.fresh));
    let failed: usize = rounds.iter().map(|round| round.attacked.failed).sum();
    let asked: usize = rounds.iter().map(|round| round.attacked.asked()).sum();
    let grown = median(&|round| round.grown_kib as f64) / 1024.0;
    format!("| {} | {kept} | {fresh} | {failed} of {asked} | {grown:.0} MiB |", attack.name)
}

fn named(name: &str) -> &'static Attack {
    ATTACKS.iter().find(|attack| attack.name == name).expect("an attack of that name")
}

fn parsed(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Quiet, control and attacked, against one process.
struct Round {
    quiet: Felt,
    control: Felt,
    attacked: Felt,
    grown_kib: u64,
}

fn round(args: &Args, attack: &Attack, origins: [SocketAddr; 2]) -> Round {
    let edge = Edge::start(&args.tidegate, args.proxy_core, origins);
    let time = Duration::from_secs(args.seconds);
    let beside = |addresses| {
        let attacker = Beside::attacker(args, attack, addresses);
        std::thread::sleep(Duration::from_millis(500));
        let felt = good::ask(edge.plain, time);
        drop(attacker);
        felt
    };
    // What is done for the first time is not what is measured.
    good::ask(edge.plain, Duration::from_millis(500));
    let quiet = good::ask(edge.plain, time);
    let sink = [free_address(), free_address()];
    let sinking = Beside::sink(args, attack, sink);
    // A virtual machine is halted for milliseconds now and then, if all of its cores are busy; and those that sleep take time to wake.
    let busy = [args.proxy_core, args.load_core].map(Beside::burn);
    let control = beside(sink);
    drop((sinking, busy));
    edge.forget_peak();
    let before = edge.resident_kib();
    let attacked = beside([edge.plain, edge.tls]);
    let grown_kib = edge.peak_kib().saturating_sub(before);
    Round { quiet, control, attacked, grown_kib }
}

/// This program again, in a process of its own.
struct Beside(Child);

impl Beside {
    /// The last to get the core: a real one would be on another machine.
    fn attacker(args: &Args, attack: &Attack, addresses: [SocketAddr; 2]) -> Self {
        Self::start(args.load_core, "--attacker", attack, addresses)
    }

    fn sink(args: &Args, attack: &Attack, addresses: [SocketAddr; 2]) -> Self {
        let sink = Self::start(args.proxy_core, "--sink", attack, addresses);
        edge::wait_for(&addresses);
        sink
    }

    fn burn(core: usize) -> Self {
        Self::again(core, &["--burn".to_owned()])
    }

    fn start(core: usize, role: &str, attack: &Attack, [plain, tls]: [SocketAddr; 2]) -> Self {
        Self::again(core, &[role.to_owned(), attack.name.to_owned(), plain.to_string(), tls.to_string()])
    }

    fn again(core: usize, arguments: &[String]) -> Self {
        let mut command = machine::last(core, std::env::current_exe().unwrap());
        Self(command.args(arguments).spawn().expect("this program starts again"))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
