//! The program is replaced while it serves: a new process of it is started, gets the listening sockets, and once it serves the old one
//! drains. Where the new one does not get that far, the old one serves on.
//!
//! ```text
//! old   USR2: starts the program anew ── sends sockets ──────────── waits ────────── drains, ends
//! new                    reads its config, takes the sockets, starts workers ── "ready" ── serves
//! ```

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::start_error::StartError;
use super::supervisor;
use crate::listener::handover::{Inherited, Line};
use crate::observe::log;
use crate::reload::guard::{Digest, Tried};

/// Set for a process that succeeds another one, which talks to it through its standard input.
const SUCCESSOR: &str = "TIDEGATE_SUCCESSOR";

/// What the process before took back: the digest of a config, a space, and why.
const REFUSED: &str = "TIDEGATE_REFUSED";

/// The program's file, as it was called when this process began. A new file of that name is the new program; what `/proc` says later is the old one.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Where this process comes from.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// Sockets that were passed to it.
    pub(super) inherited: Inherited,
    predecessor: Option<Line>,
}

impl Origin {
    /// Takes what was passed to this process. Call it once, first of all.
    ///
    /// # Errors
    /// Where it was started to succeed another process, and that is gone.
    pub(super) fn find() -> io::Result<Self> {
        if let Ok(program) = env::current_exe() {
            // Only the first call counts.
            let _ = PROGRAM.set(program);
        }
        if env::var_os(SUCCESSOR).is_none() {
            return Ok(Self { inherited: Inherited::from_supervisor(), predecessor: None });
        }
        let line = Line::of_input()?;
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(Self { inherited: line.receive()?, predecessor: Some(line) })
    }

    /// Tells the process that this one succeeds, if there is one.
    pub(super) fn say_ready(&self) {
        let Some(line) = &self.predecessor else { return };
        if let Err(error) = line.say_ready() {
            // It has given this process up; but a process that serves does not stop because of that.
            log::warn("the process before this one is gone", &[("error", log::show(&error))]);
        }
    }
}

/// Takes no config that the process before, which serves on, has taken back.
///
/// # Errors
/// Where it is that one: why.
pub(super) fn refused(tried: Option<&Tried>) -> Result<(), StartError> {
    let text = env::var_os(SUCCESSOR).and_then(|_| env::var(REFUSED).ok()).unwrap_or_default();
    match (text.split_once(' '), tried) {
        (Some((digest, why)), Some(tried)) if tried.digest == Digest::named(digest) => {
            Err(StartError::Refused(format!("this config was taken back: {why}; change it")))
        }
        _ => Ok(()),
    }
}

/// The number of the process that serves now, or why there is none.
type Outcome = Result<u32, String>;

/// An upgrade, while there is one.
#[derive(Debug, Default)]
pub(super) struct Upgrade {
    running: Option<JoinHandle<Outcome>>,
    /// Somebody wants one that cannot be yet.
    put_off: bool,
}

impl Upgrade {
    /// Starts the program anew and sends it the sockets.
    /// It does not take the config that was `refused`.
    pub(super) fn begin(
        &mut self,
        offers: &[(String, Vec<BorrowedFd<'_>>)],
        timeout: Duration,
        refused: Option<(&Digest, &str)>,
    ) {
        if self.running.is_some() {
            return log::warn("an upgrade is under way already", &[]);
        }
        match start(offers, refused) {
            Ok((child, line)) => {
                log::note("upgrading", &[("pid", u64::from(child.id()).into())]);
                self.running = Some(tokio::task::spawn_blocking(move || wait(child, &line, timeout)));
            }
            Err(error) => failed(&error.to_string()),
        }
    }

    /// Waits with it: a new process would not know the config before, to which this one may go back.
    pub(super) fn put_off(&mut self) {
        self.put_off = true;
        log::note("the upgrade waits until the guard has decided", &[]);
    }

    /// Whether somebody has waited for it; from now on nobody does.
    pub(super) fn was_put_off(&mut self) -> bool {
        std::mem::take(&mut self.put_off)
    }

    /// How it ended, once it has.
    pub(super) async fn ended(&mut self) -> Outcome {
        let Some(task) = &mut self.running else { return std::future::pending().await };
        let outcome = task.await.unwrap_or_else(|error| Err(error.to_string()));
        self.running = None;
        outcome
    }
}

/// Says how an upgrade ended; whether another process serves now.
pub(super) fn is_done(outcome: Outcome) -> bool {
    match outcome {
        Ok(process) => {
            supervisor::succeeded_by(process);
            log::note("upgraded: another process serves now", &[("pid", u64::from(process).into())]);
            true
        }
        Err(why) => {
            failed(&why);
            false
        }
    }
}

fn failed(why: &str) {
    log::error("upgrade failed; this process serves on", &[("error", why.into())]);
}

fn start(offers: &[(String, Vec<BorrowedFd<'_>>)], refused: Option<(&Digest, &str)>) -> io::Result<(Child, Line)> {
    if std::process::id() == 1 {
        // With it, the container or the machine would end.
        return Err(io::Error::other("process 1 cannot be succeeded: replace the container, or run it with an init"));
    }
    let program = PROGRAM.get().ok_or_else(|| io::Error::other("the program's file is not known"))?;
    let (ours, theirs) = Line::pair()?;
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let mut command = Command::new(program);
    command.args(arguments).env(SUCCESSOR, "1").stdin(Stdio::from(theirs.into_fd()));
    // It names this process; without it, whoever is asked to is meant.
    command.env_remove("WATCHDOG_PID").env_remove(REFUSED);
    if let Some((digest, why)) = refused {
        command.env(REFUSED, format!("{digest} {why}"));
    }
    let child = command.spawn();
    let mut child = child.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
    // With it goes our copy of the other end, so that we learn when the process is gone.
    drop(command);
    if let Err(error) = ours.send(offers) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok((child, ours))
}

/// Waits until the new process serves. One that does not in time is ended.
fn wait(mut child: Child, line: &Line, timeout: Duration) -> Outcome {
    match line.wait_until_ready(timeout) {
        Ok(()) => Ok(child.id()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(child
            .wait()
            .map_or_else(|error| error.to_string(), |status| format!("the new process ended: {status}"))),
        Err(error) => {
            // It may end by itself at this moment.
            let _ = child.kill();
            let _ = child.wait();
            Err(match error.kind() {
                io::ErrorKind::WouldBlock => format!("the new process did not serve within {} s", timeout.as_secs()),
                _ => error.to_string(),
            })
        }
    }
}
