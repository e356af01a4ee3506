//! A program that runs beside this one on given cores, and ends with it.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// How long a program has to listen after its start, and to go after it was told to.
const PATIENCE: Duration = Duration::from_secs(10);

/// File descriptors that a proxy needs with 5,000 clients, and its clients too.
const DESCRIPTORS: u64 = 65_536;

/// A program on its cores. It is told to stop when this goes, and killed with its children when it does not.
pub(crate) struct Process {
    child: Child,
    name: String,
    output: PathBuf,
}

impl Process {
    /// Starts a command on cores, as taskset names them. What it prints goes into `<name>.out` in the folder.
    pub(crate) fn start(name: &str, command: &Command, cores: &str, folder: &Path) -> Result<Self, String> {
        let output = folder.join(format!("{name}.out"));
        let start = || -> io::Result<Child> {
            let file = File::create(&output)?;
            let both = file.try_clone()?;
            pinned(command, cores).current_dir(folder).stdin(Stdio::null()).stdout(file).stderr(both).spawn()
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
        let _ = signal(self.child.id(), Signal::TERM);
        if self.ended_within(Duration::from_secs(2)).is_none() {
            for process in family {
                let _ = signal(process, Signal::KILL);
            }
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    Ok(kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?, signal)?)
}

/// The command, on these cores only.
pub(crate) fn pinned(command: &Command, cores: &str) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.arg("-c").arg(cores).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    pinned
}

/// Puts this thread on one core.
pub(crate) fn pin_thread(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Allows as many file descriptors as it takes, here and in what is started, as far as the system lets us.
pub(crate) fn raise_descriptors() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(u64::MAX);
    for wanted in [DESCRIPTORS.max(hard), hard] {
        let wanted = wanted.min(1 << 20);
        if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: Some(wanted) }).is_ok() {
            return wanted;
        }
    }
    now.current.unwrap_or(u64::MAX)
}

/// The first file of this name in the folders, on the path, or in the places where Debian keeps daemons.
pub(crate) fn find_in(folders: &[PathBuf], program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let all = folders.iter().cloned().chain(std::env::split_paths(&path)).chain(debian);
    all.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The same without folders of one's own.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    find_in(&[], program)
}

/// A loopback address that was free a moment ago.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
