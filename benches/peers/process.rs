//! A program that runs beside this one on one core, and ends with it.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a program has to listen after its start, and to go after it was told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program on one core. It is told to stop when this goes, and killed with its children when it does not.
pub(crate) struct Process {
    child: Child,
    name: String,
    output: PathBuf,
}

impl Process {
    /// Starts a command on a core. What it prints goes into `<name>.out` in the folder.
    pub(crate) fn start(name: &str, command: &Command, core: usize, folder: &Path) -> Result<Self, String> {
        let output = folder.join(format!("{name}.out"));
        let start = || -> io::Result<Child> {
            let file = File::create(&output)?;
            let both = file.try_clone()?;
            pinned(command, core).current_dir(folder).stdin(Stdio::null()).stdout(file).stderr(both).spawn()
        };
        let child = start().map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Self { child, name: name.to_owned(), output })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it takes connections.
    pub(crate) fn wait_for(&mut self, address: SocketAddr) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended with {status}: {}", self.name, self.last_words()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(format!("{} does not listen on {address}: {}", self.name, self.last_words()))
    }

    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let family = crate::cpu::tree(self.child.id());
        let signal = |process: u32, signal: Signal| {
            if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        };
        signal(self.child.id(), Signal::TERM);
        if self.ended_within(Duration::from_secs(2)).is_none() {
            family.into_iter().for_each(|process| signal(process, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

/// The command, on one core only.
pub(crate) fn pinned(command: &Command, core: usize) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.arg("-c").arg(core.to_string()).arg(command.get_program()).args(command.get_args());
    pinned
}

/// The first of the names that is an executable file on the path (or in the places where Debian keeps daemons).
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A loopback address that was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
