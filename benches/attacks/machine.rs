//! Who runs where, and who waits for whom. On one machine everybody shares what a real attack does not: the attacker's computer.
//!
//! The proxy has a core of its own, and comes before what else may run there now and then (nice -20). On the other one the good client and the origin come first, at once and whatever the attacker does
//! (SCHED_FIFO), and the attacker has what they leave (SCHED_IDLE). What remains of the machine in the figures is what the control says.

use std::ffi::OsStr;
use std::process::Command;

/// Of those that everybody else makes room for: the good client, its origin just below it, and the one that is asked by attackers.
const GOOD: &str = "20";
const GOOD_ORIGIN: &str = "15";
const ORIGIN: &str = "10";

/// This process, and the threads that it starts from now on, on one core.
pub fn pin(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).unwrap();
}

/// This thread, and those that it starts, are an origin.
pub fn be_origin(is_good: bool) {
    first("-f", if is_good { GOOD_ORIGIN } else { ORIGIN });
}

/// This thread is the good client.
pub fn be_good() {
    first("-f", GOOD);
}

fn first(class: &str, priority: &str) {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let done =
        Command::new("chrt").args([class, "-p", priority, &thread]).status().is_ok_and(|status| status.success());
    assert!(
        done,
        "the good client and the origin need SCHED_FIFO (CAP_SYS_NICE): without it the figures are the scheduler's"
    );
}

/// The proxy: as any other program, but before those of the machine.
pub fn proxy(core: usize, program: impl AsRef<OsStr>) -> Command {
    started(&["nice", "-n", "-20", "chrt", "-o", "0"], core, program.as_ref())
}

/// A program that gets what the others leave of a core.
pub fn last(core: usize, program: impl AsRef<OsStr>) -> Command {
    started(&["chrt", "-i", "0"], core, program.as_ref())
}

fn started(place: &[&str], core: usize, program: &OsStr) -> Command {
    let mut command = Command::new(place[0]);
    command.args(&place[1..]).args(["taskset", "-c", &core.to_string()]).arg(program);
    command
}
