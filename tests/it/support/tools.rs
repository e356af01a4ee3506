//! Real clients, where they are installed.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::TcpSocket;

/// A program by its name; `None`, said aloud, where it is not installed.
pub fn tool(name: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.map(Command::new).or_else(|| missing(name))
}

/// Python with a module. `TIDEGATE_PYTHON` names another interpreter than `python3`.
pub fn python(module: &str) -> Option<Command> {
    let name = std::env::var("TIDEGATE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut probe = Command::new(&name);
    probe.args(["-c", &format!("import {module}")]).stdout(Stdio::null()).stderr(Stdio::null());
    match probe.status() {
        Ok(status) if status.success() => Some(Command::new(name)),
        _ => missing(&format!("python3 with {module} (tests/requirements.txt)")),
    }
}

/// Says that something is not there; fails where it must be.
pub fn missing<T>(what: &str) -> Option<T> {
    let required = std::env::var("TIDEGATE_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(!required, "{what} is not installed, and TIDEGATE_REQUIRE_TOOLS=1");
    // Past the test runner, which keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed");
    None
}

/// An address that refuses. It stays bound until the story's program ends, so that nobody else can come to listen there.
pub fn dead_address() -> SocketAddr {
    let socket = Box::leak(Box::new(TcpSocket::new_v4().unwrap()));
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.local_addr().unwrap()
}

/// A port for a program that must be told one. It is below those that the system gives to whoever asks for any (from 32768 on), so that nobody gets it before the program does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 1000).unwrap_or_default() * 10;
    loop {
        let port = 20000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 12000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
