//! A hostile message and what is to become of it.

/// Somebody's try.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is tried.
    pub name: String,
    /// What goes over the socket.
    pub bytes: Vec<u8>,
    /// What is to become of it.
    pub outcome: Outcome,
}

/// What is to become of a message.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// No request reaches the origin; the client is told, or the connection ends.
    Refused,
    /// These requests reach the origin, each by [`super::strict::Strict::summary`], and are answered; nothing else does.
    Forwarded(Vec<String>),
    /// The one or the other.
    Either(Vec<String>),
}

/// A message that must not pass.
pub fn refused(name: &str, bytes: impl Into<Vec<u8>>) -> Case {
    Case { name: name.to_owned(), bytes: bytes.into(), outcome: Outcome::Refused }
}

/// A message that must pass: unusual, but valid and with one meaning.
pub fn forwarded(name: &str, bytes: impl Into<Vec<u8>>, summary: &str) -> Case {
    all_forwarded(name, bytes, &[summary])
}

/// Several messages that must pass.
pub fn all_forwarded(name: &str, bytes: impl Into<Vec<u8>>, summaries: &[&str]) -> Case {
    let outcome = Outcome::Forwarded(summaries.iter().map(|&summary| summary.to_owned()).collect());
    Case { name: name.to_owned(), bytes: bytes.into(), outcome }
}

/// A message that may be refused; if it passes, then with this meaning.
pub fn either(name: &str, bytes: impl Into<Vec<u8>>, summary: &str) -> Case {
    Case { name: name.to_owned(), bytes: bytes.into(), outcome: Outcome::Either(vec![summary.to_owned()]) }
}

/// `POST /` with these field lines (each with its CR LF, or whatever is tried) and what follows the empty line.
pub fn post(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    [b"POST / HTTP/1.1\r\nHost: a.example\r\n", fields.as_ref(), b"\r\n", body.as_ref()].concat()
}

/// `GET /` with these field lines.
pub fn get(fields: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: a.example\r\n", fields.as_ref(), b"\r\n"].concat()
}

/// `GET` of that target.
pub fn target(target: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET ", target.as_ref(), b" HTTP/1.1\r\nHost: a.example\r\n\r\n"].concat()
}

/// A chunked `POST /` with that body.
pub fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// A request that must never be seen as one: it stands where a body stands.
pub const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
