//! Writing to the two streams.

use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

/// Writes a result to stdout. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot write to stdout: {error}")),
    }
}

/// One sentence about why nothing was done.
pub(super) fn fail(sentence: &str) -> ExitCode {
    complain(&format!("tidegate: {sentence}\n"));
    ExitCode::FAILURE
}

/// Writes to stderr. Where that is closed nobody can be told.
pub(super) fn complain(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Whether this stream takes colours: a terminal, unless the operator says otherwise (<https://no-color.org>).
pub(super) fn colour(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
