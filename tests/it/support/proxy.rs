//! The program itself, as a process of its own.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::Value;

use super::{Folder, Message, PATIENCE, Wire};

/// A running `tidegate run`, killed when this goes.
pub struct Proxy {
    /// Where its config is; relative paths in the config start here.
    pub folder: Folder,
    child: Child,
    log: Lines,
    out: Lines,
}

/// Lines that a pipe brings, as they come.
#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Read>, Condvar)>);

#[derive(Default)]
struct Read {
    lines: Vec<String>,
    ended: bool,
}

impl Proxy {
    /// Starts the program with a config and waits until it is ready.
    ///
    /// What a story need not say is filled in: one worker, no file watch, the admin address, the program's log as JSON.
    pub fn start(toml: &str) -> Self {
        Self::start_in(Folder::new(), toml)
    }

    /// The same, in a folder that already holds what the config names.
    pub fn start_in(folder: Folder, toml: &str) -> Self {
        let mut proxy = Self::spawn(folder, toml, &[]);
        proxy.wait_until_ready();
        proxy
    }

    /// The same, without waiting for anything, and with variables in its environment.
    pub fn spawn(folder: Folder, toml: &str, variables: &[(&str, &str)]) -> Self {
        let config = folder.write("tidegate.toml", completed(toml));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("run").arg("-c").arg(config).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Lines::of(child.stderr.take().unwrap());
        let out = Lines::of(child.stdout.take().unwrap());
        Self { folder, child, log, out }
    }

    /// Waits for the line that says so.
    pub fn wait_until_ready(&mut self) {
        let end = Instant::now() + PATIENCE;
        while !self.log.snapshot().iter().any(|line| message(line) == "ready") {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the program ended with {ended:?}: {:#?}", self.log.snapshot());
            assert!(Instant::now() < end, "the program is never ready: {:#?}", self.log.snapshot());
            self.log.wait_for_news();
        }
    }

    /// Where a listener is.
    pub fn addr(&self, listener: &str) -> SocketAddr {
        let lines = self.log_lines();
        let ours = |line: &&Value| line["message"] == "listening" && line["listener"] == listener;
        let line = lines.iter().rev().find(ours).unwrap_or_else(|| panic!("no listener {listener}: {lines:#?}"));
        line["address"].as_str().unwrap().parse().unwrap()
    }

    /// The port of a listener, for command lines.
    pub fn port(&self, listener: &str) -> u16 {
        self.addr(listener).port()
    }

    /// Where the admin address is.
    pub fn admin(&self) -> SocketAddr {
        let line = self.wait_for_log(0, "admin listening");
        line["address"].as_str().unwrap().parse().unwrap()
    }

    /// A new connection to a listener.
    pub fn connect(&self, listener: &str) -> Wire {
        Wire::connect(self.addr(listener))
    }

    /// One GET to the listener `web`, on a connection of its own.
    pub fn get(&self, path: &str) -> Message {
        self.connect("web").ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// One request to the admin address.
    pub fn ask_admin(&self, method: &str, path: &str) -> Message {
        Wire::connect(self.admin())
            .ask(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"))
    }

    /// A metric's value by its name and labels as they stand in `/metrics`; 0 where it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.ask_admin("GET", "/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// Replaces the config and sends HUP. `Ok` is the log line that says which generation serves now, `Err` the one that says
    /// why nothing changed.
    pub fn reload(&self, toml: &str) -> Result<Value, Value> {
        self.write_config(toml);
        let before = self.log.snapshot().len();
        self.signal(Signal::HUP);
        self.wait_for_reload(before)
    }

    /// Replaces the config without a signal.
    pub fn write_config(&self, toml: &str) {
        self.folder.write("tidegate.toml", completed(toml));
    }

    /// Waits for the outcome of a reload that the log tells from that line on.
    pub fn wait_for_reload(&self, from: usize) -> Result<Value, Value> {
        let line =
            self.wait_for(from, |line| message(line) == "reloaded" || message(line).starts_with("reload failed"));
        if line["message"] == "reloaded" { Ok(line) } else { Err(line) }
    }

    /// Waits for a message in the log, from that line on.
    pub fn wait_for_log(&self, from: usize, text: &str) -> Value {
        self.wait_for(from, |line| message(line) == text)
    }

    fn wait_for(&self, from: usize, wanted: impl Fn(&str) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.log.snapshot();
            if let Some(line) = lines.iter().skip(from).find(|line| wanted(line)) {
                return serde_json::from_str(line).unwrap();
            }
            assert!(Instant::now() < end, "not in the log: {lines:#?}");
            self.log.wait_for_news();
        }
    }

    /// The program's log so far; lines that are not JSON as text.
    pub fn log_lines(&self) -> Vec<Value> {
        self.log
            .snapshot()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.as_str().into()))
            .collect()
    }

    /// Waits until the access log on stdout has so many lines, and gives them.
    pub fn access_log(&self, count: usize) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.out.snapshot();
            if lines.len() >= count {
                return lines;
            }
            assert!(Instant::now() < end, "{} of {count} lines in the access log: {lines:#?}", lines.len());
            self.out.wait_for_news();
        }
    }

    /// The whole access log on stdout of a program that has ended.
    pub fn whole_access_log(&self) -> Vec<String> {
        self.out.whole()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends TERM: drain, then stop.
    pub fn term(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for the end of the program.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the program does not end: {:#?}", self.log.snapshot());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A line of `/proc/PID/status` in KiB: `VmRSS` is resident memory now, `VmHWM` the most it ever was.
    pub fn memory_kib(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    /// Octets of resident memory that something takes at its worst, in KiB.
    pub fn growth_kib(&self, what: impl FnOnce()) -> u64 {
        // 5 resets the most that it ever was (proc_pid_clear_refs(5)).
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        let before = self.memory_kib("VmRSS:");
        what();
        self.memory_kib("VmHWM:").saturating_sub(before)
    }

    /// Sets how many files it may have open, and tells how many it might before.
    pub fn limit_files(&self, most: usize) -> usize {
        let pid = Pid::from_child(&self.child);
        let maximum = getrlimit(Resource::Nofile).maximum;
        let limit = Rlimit { current: Some(most as u64), maximum };
        prlimit(Some(pid), Resource::Nofile, limit).unwrap().current.map_or(usize::MAX, |before| before as usize)
    }

    /// Processor time that it has used.
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_ascii_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// How many file descriptors it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the program's log:\n{}", self.log.snapshot().join("\n"));
        }
    }
}

impl Lines {
    fn of(pipe: impl io::Read + Send + 'static) -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                writer.0.0.lock().unwrap().lines.push(line);
                writer.0.1.notify_all();
            }
            writer.0.0.lock().unwrap().ended = true;
            writer.0.1.notify_all();
        });
        lines
    }

    fn snapshot(&self) -> Vec<String> {
        self.0.0.lock().unwrap().lines.clone()
    }

    /// All lines, once the program has closed its end.
    fn whole(&self) -> Vec<String> {
        let read = self.0.0.lock().unwrap();
        let (read, late) = self.0.1.wait_timeout_while(read, PATIENCE, |read| !read.ended).unwrap();
        assert!(!late.timed_out(), "the program keeps its output open");
        read.lines.clone()
    }

    /// Waits for a line, but not for long: who waits looks again.
    fn wait_for_news(&self) {
        let read = self.0.0.lock().unwrap();
        let _ = self.0.1.wait_timeout(read, Duration::from_millis(20)).unwrap();
    }
}

/// The message of a log line, or nothing.
fn message(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    value["message"].as_str().unwrap_or_default().to_owned()
}

/// A config with the sections that a story did not write. They go to the end, so that line numbers stay.
fn completed(toml: &str) -> String {
    let mut whole = toml.to_owned();
    let sections = [
        ("[server]", "workers = 1\nwatch = false"),
        ("[admin]", "address = \"127.0.0.1:0\""),
        ("[log]", "format = \"json\"\naccess = \"stdout\""),
    ];
    for (section, keys) in sections {
        if !toml.contains(section) {
            whole.push_str(&format!("\n{section}\n{keys}\n"));
        }
    }
    whole
}

/// A `tidegate` command with arguments and a config in a folder as `tidegate.toml`.
pub fn config_command(folder: &Folder, toml: &str, arguments: &[&str]) -> Command {
    let config: PathBuf = folder.write("tidegate.toml", toml);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg(arguments[0]).arg("-c").arg(config).args(&arguments[1..]);
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
pub fn outcome(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Starts the program with a config with which it cannot serve: its exit code and what it says.
pub fn try_start(folder: Folder, toml: &str) -> (i32, String) {
    let mut proxy = Proxy::spawn(folder, toml, &[]);
    let code = proxy.wait().code().unwrap_or(-1);
    (code, proxy.log.whole().join("\n"))
}
