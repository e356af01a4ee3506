//! `tidegate upgrade`: asks the running process to start its successor, and says how that went.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::args::UpgradeArgs;
use super::terminal::{complain, fail, print};

/// How often the pid file is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The running process gives up first and logs why.
const LONGER: Duration = Duration::from_secs(2);

pub(super) fn run(args: &UpgradeArgs) -> ExitCode {
    let path = match super::config_file(&args.file) {
        Ok(path) => path,
        Err(error) => return fail(&error.to_string()),
    };
    // The new process will read it: a mistake is better seen here.
    let loaded = super::deep::load(&path);
    let server = match loaded {
        Ok(loaded) => loaded.model.server,
        Err(problems) => {
            complain(&problems.report(super::terminal::colour(&std::io::stderr()), "nothing was started"));
            return ExitCode::FAILURE;
        }
    };
    let Some(file) = &server.pid_file else {
        return match args.pid {
            Some(pid) => signal_only(pid),
            None => fail("which process? Set `pid_file` in [server] of the config, or name it with --pid"),
        };
    };
    let Some(pid) = args.pid.or_else(|| number(file)) else {
        return fail(&format!("{} holds no process number: is Tidegate running?", file.display()));
    };
    if let Err(why) = signal(pid) {
        return fail(&why);
    }
    let until = Instant::now() + server.upgrade_timeout + LONGER;
    while Instant::now() < until {
        match number(file) {
            Some(now) if now != pid => return print(&format!("process {now} serves now; process {pid} drains\n")),
            _ if !lives(pid) => return fail(&format!("process {pid} has ended")),
            _ => std::thread::sleep(LOOK),
        }
    }
    fail(&format!("process {pid} still serves: the new one did not come up; the log says why"))
}

fn signal_only(pid: i32) -> ExitCode {
    match signal(pid) {
        Ok(()) => print(&format!(
            "process {pid} was asked; its log says how it goes. With `pid_file` in [server] this command waits and tells\n"
        )),
        Err(why) => fail(&why),
    }
}

fn signal(pid: i32) -> Result<(), String> {
    let process = Pid::from_raw(pid).ok_or_else(|| format!("{pid} is no process number"))?;
    kill_process(process, Signal::USR2).map_err(|error| format!("process {pid} cannot be asked: {error}"))
}

fn lives(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn number(file: &Path) -> Option<i32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok().filter(|pid| *pid > 0)
}
