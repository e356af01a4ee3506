//! The program's own log, on stderr: what changed, what broke and why.
//!
//! Not the access log. Lines are few; a line from a worker goes into a bounded queue and is dropped and counted when
//! stderr is slow, because a worker never waits. Until [`start`] is called, lines are written straight to stderr.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime};

use super::{clock, escape};
use crate::config::model::{LogFormat, LogLevel};

static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Info as u8);
static JSON: AtomicBool = AtomicBool::new(false);
static QUEUE: OnceLock<SyncSender<Message>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Lines that may wait for stderr.
const WAITING: usize = 1024;

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text; quoted where it has to be.
    Text(Cow<'a, str>),
    /// A number.
    Number(u64),
    /// A number with a fraction.
    Fraction(f64),
    /// Yes or no.
    Bool(bool),
}

/// A name and what it holds.
pub type Field<'a> = (&'a str, Value<'a>);

/// The text of anything that can be displayed: an error, an address.
pub fn show(value: &impl Display) -> Value<'static> {
    Value::Text(Cow::Owned(value.to_string()))
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// In seconds.
impl From<Duration> for Value<'_> {
    fn from(duration: Duration) -> Self {
        Self::Fraction(duration.as_secs_f64())
    }
}

/// Sets level and format, at the start and at every reload.
pub fn configure(level: LogLevel, format: LogFormat) {
    LEVEL.store(level as u8, Relaxed);
    JSON.store(format == LogFormat::Json, Relaxed);
}

/// Sets the level, until the next [`configure`].
pub fn set_level(level: LogLevel) {
    LEVEL.store(level as u8, Relaxed);
}

/// The level in force.
pub fn level() -> LogLevel {
    let number = LEVEL.load(Relaxed);
    LogLevel::ALL.into_iter().find(|level| *level as u8 == number).unwrap_or(LogLevel::Info)
}

/// Hands the writing to a thread of its own, once; from then on no caller waits for stderr.
pub fn start() {
    let (sender, receiver) = sync_channel(WAITING);
    if QUEUE.set(sender).is_ok() {
        let thread = std::thread::Builder::new().name("tidegate-log".to_owned());
        if let Err(error) = thread.spawn(move || write_all(&receiver)) {
            self::error("cannot start the thread of the log", &[("error", show(&error))]);
        }
    }
}

/// Waits until what was logged is written, at most that long. Call it before the process ends.
pub fn flush(at_most: Duration) {
    let (done, wait) = sync_channel(1);
    if let Some(queue) = QUEUE.get()
        && queue.try_send(Message::Flush(done)).is_ok()
    {
        let _timed_out = wait.recv_timeout(at_most);
    }
}

/// Whether lines of that level are written. Ask before making fields that cost something.
pub fn enabled(level: LogLevel) -> bool {
    level as u8 <= LEVEL.load(Relaxed)
}

/// Something broke.
pub fn error(message: &str, fields: &[Field<'_>]) {
    write(LogLevel::Error, message, fields);
}

/// Something will break, or is not as it was meant.
pub fn warn(message: &str, fields: &[Field<'_>]) {
    write(LogLevel::Warn, message, fields);
}

/// Something changed, level `info`.
pub fn note(message: &str, fields: &[Field<'_>]) {
    write(LogLevel::Info, message, fields);
}

/// For developers.
pub fn debug(message: &str, fields: &[Field<'_>]) {
    write(LogLevel::Debug, message, fields);
}

/// For developers, in a flood.
pub fn trace(message: &str, fields: &[Field<'_>]) {
    write(LogLevel::Trace, message, fields);
}

/// Lines that were dropped because stderr was slow.
pub fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

fn write(level: LogLevel, message: &str, fields: &[Field<'_>]) {
    if !enabled(level) {
        return;
    }
    let line = line(level, message, fields);
    let Some(queue) = QUEUE.get() else { return straight(&line) };
    match queue.try_send(Message::Line(line)) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            DROPPED.fetch_add(1, Relaxed);
        }
        Err(TrySendError::Disconnected(Message::Line(line))) => straight(&line),
        Err(TrySendError::Disconnected(Message::Flush(_))) => {}
    }
}

fn write_all(receiver: &Receiver<Message>) {
    let mut reported = 0;
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Line(line) => straight(&line),
            // Nobody may be waiting any more.
            Message::Flush(done) => drop(done.try_send(())),
        }
        let dropped = DROPPED.load(Relaxed);
        if dropped != reported {
            straight(&line(LogLevel::Warn, "stderr is slow: lines were dropped", &[("total", dropped.into())]));
            reported = dropped;
        }
    }
}

fn straight(line: &[u8]) {
    // There is no place to report that stderr is gone.
    let _gone = std::io::stderr().lock().write_all(line);
}

fn line(level: LogLevel, message: &str, fields: &[Field<'_>]) -> Vec<u8> {
    let time = clock::rfc3339(SystemTime::now());
    if JSON.load(Relaxed) {
        return json_line(&time, level, message, fields);
    }
    static COLOUR: OnceLock<bool> = OnceLock::new();
    let colour = *COLOUR.get_or_init(|| {
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    });
    text_line(&time, level, message, fields, colour)
}

fn text_line(time: &str, level: LogLevel, message: &str, fields: &[Field<'_>], colour: bool) -> Vec<u8> {
    let (name, code) = (level.label().to_ascii_uppercase(), colour_of(level));
    let (on, off) = if colour { (format!("\x1b[{code}m"), "\x1b[0m") } else { (String::new(), "") };
    let mut out = format!("{time} {on}{name:<5}{off} ").into_bytes();
    out.extend(message.chars().flat_map(plain).collect::<String>().bytes());
    for (name, value) in fields {
        out.extend_from_slice(format!(" {name}=").as_bytes());
        match value {
            Value::Text(text) if is_bare(text) => out.extend_from_slice(text.as_bytes()),
            value => json_value(&mut out, value),
        }
    }
    out.push(b'\n');
    out
}

/// A control character in a message would break the line or move the cursor.
fn plain(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_default());
    let own = escaped.is_none().then_some(character);
    escaped.into_iter().flatten().chain(own)
}

fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\'))
}

fn json_line(time: &str, level: LogLevel, message: &str, fields: &[Field<'_>]) -> Vec<u8> {
    let mut out = format!("{{\"time\":\"{time}\",\"level\":\"{}\",\"message\":", level.label()).into_bytes();
    json_value(&mut out, &Value::from(message));
    for (name, value) in fields {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        json_value(&mut out, value);
    }
    out.extend_from_slice(b"}\n");
    out
}

fn json_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Text(text) => {
            out.push(b'"');
            escape::json(out, text.as_bytes());
            out.push(b'"');
        }
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Fraction(number) if number.is_finite() => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Fraction(_) => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

const fn colour_of(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off | LogLevel::Error => "31",
        LogLevel::Warn => "33",
        LogLevel::Info => "32",
        LogLevel::Debug | LogLevel::Trace => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-23T15:04:05.678Z";

    fn fields() -> Vec<Field<'static>> {
        vec![
            ("file", "a b\n.toml".into()),
            ("generation", 3_u64.into()),
            ("took", Duration::from_millis(1500).into()),
            ("watch", true.into()),
            ("error", show(&std::io::Error::other("no \"way\""))),
            ("empty", "".into()),
            ("bare", "127.0.0.1:80".into()),
        ]
    }

    #[test]
    fn a_line_of_text() {
        let line = text_line(TIME, LogLevel::Info, "config\nreloaded", &fields(), false);
        let expected = "2026-11-23T15:04:05.678Z INFO  config\\nreloaded file=\"a b\\n.toml\" generation=3 took=1.5 \
                        watch=true error=\"no \\\"way\\\"\" empty=\"\" bare=127.0.0.1:80\n";
        assert_eq!(String::from_utf8(line).as_deref(), Ok(expected));
        let line = text_line(TIME, LogLevel::Error, "m", &[], true);
        assert_eq!(String::from_utf8(line), Ok(format!("{TIME} \x1b[31mERROR\x1b[0m m\n")));
    }

    #[test]
    fn a_line_of_json() {
        let line = json_line(TIME, LogLevel::Warn, "reload \"x\"", &fields());
        let value: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        assert_eq!(value["level"], "warn");
        assert_eq!(value["message"], "reload \"x\"");
        assert_eq!(value["file"], "a b\n.toml");
        assert_eq!(value["generation"], 3);
        assert_eq!(value["took"], 1.5);
        assert_eq!(value["watch"], true);
    }

    #[test]
    fn levels_are_in_order() {
        assert!(LogLevel::Error < LogLevel::Warn && LogLevel::Info < LogLevel::Debug);
        assert!(enabled(LogLevel::Error) && enabled(LogLevel::Info) && !enabled(LogLevel::Debug));
    }
}
