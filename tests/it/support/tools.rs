//! Real clients, where they are installed.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

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

fn missing(what: &str) -> Option<Command> {
    let required = std::env::var("TIDEGATE_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(!required, "{what} is not installed, and TIDEGATE_REQUIRE_TOOLS=1");
    // Past the test runner, which keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed");
    None
}
