//! Who runs where, and who waits for whom. On one machine everybody shares what a real attack does not: the attacker's computer.
//!
//! The proxy has a core of its own, and comes before what else may run there now and then (nice -20). On the other one the good client and
//! its origin come first, at once and whatever the attacker does (SCHED_FIFO); then the origin that is asked by attackers, which must not be of
//! that class, as the system halts all of it for 50 ms when one of it is busy for a second; and the attacker has what they leave
//! (SCHED_IDLE). What remains of the machine in the figures is what the control says.

use std::ffi::OsStr;
use std::process::Command;

/// Of those that everybody else makes room for: the good client, and its origin just below it.
const GOOD: &str = "20";
const GOOD_ORIGIN: &str = "15";

/// This process, and the threads that it starts from now on, on one core.
pub fn pin(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).unwrap();
}

/// This thread, and those that it starts, are the good client's origin.
pub fn be_good_origin() {
    first(GOOD_ORIGIN);
}

/// This thread is the good client.
pub fn be_good() {
    first(GOOD);
}

fn first(priority: &str) {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let done = Command::new("chrt").args(["-f", "-p", priority, &thread]).status().is_ok_and(|status| status.success());
    assert!(
        done,
        "the good client and its origin need SCHED_FIFO (CAP_SYS_NICE): without it the figures are the scheduler's"
    );
}

/// Uses what the others leave of a core, until the process is killed.
pub fn burn() -> ! {
    loop {
        std::hint::spin_loop();
    }
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
