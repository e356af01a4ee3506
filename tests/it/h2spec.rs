//! What RFC 9113 and RFC 7541 ask of a server, section by section, by raw frames; in clear text and under TLS.
//!
//! The cases are those of `h2spec` in our own words, because its program is not to be had everywhere. As there, a connection error may
//! show itself as GOAWAY with the code or as the end of the connection, and a stream error as either of those or as RST_STREAM.

mod frames;
mod messages;
mod streams;

use std::fmt::Write as _;
use std::time::Duration;

use crate::support::frames::{
    END_STREAM, Fate, Frame, FrameClient, PREFACE, SETTINGS, field, frame, headers, payload, pseudo, settings,
};
use crate::support::{Authority, Edge, Folder, Origin, Proxy, tls_config, tls_connect};

/// The errors of RFC 9113 §7.
pub const PROTOCOL: u32 = 1;
pub const FLOW_CONTROL: u32 = 3;
pub const STREAM_CLOSED: u32 = 5;
pub const FRAME_SIZE: u32 = 6;
pub const REFUSED_STREAM: u32 = 7;
pub const COMPRESSION: u32 = 9;

/// Far more than an answer takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// One case.
pub struct Case {
    name: &'static str,
    steps: Vec<Step>,
    want: Want,
}

/// What a client does.
pub enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Waits until a stream has ended.
    Ended(u32),
}

/// What is to become of it.
pub enum Want {
    /// A connection error with one of these codes.
    Connection(&'static [u32]),
    /// An error of stream 1, or of the connection, with one of these codes.
    Stream(&'static [u32]),
    /// An error of that stream, or of the connection, with one of these codes.
    Refused(u32, &'static [u32]),
    /// Stream 1 is answered with 200.
    Answer,
    /// The connection goes on.
    Alive,
    /// The connection goes on, or ends in peace.
    AliveOrClosed,
    /// So many acknowledged SETTINGS.
    Acknowledged(usize),
    /// A first frame of DATA of that size on stream 1.
    FirstData(usize),
    /// SETTINGS come first.
    SettingsFirst,
}

/// Sends all at once.
pub fn case(name: &'static str, bytes: impl Into<Vec<u8>>, want: Want) -> Case {
    Case { name, steps: vec![Step::Send(bytes.into())], want }
}

/// Sends one thing, waits until stream 1 has ended, and sends the other.
pub fn then(name: &'static str, first: Vec<u8>, second: Vec<u8>, want: Want) -> Case {
    Case { name, steps: vec![Step::Send(first), Step::Ended(1), Step::Send(second)], want }
}

/// `GET /` on a stream.
pub fn get(stream: u32) -> Vec<u8> {
    headers(stream, END_STREAM, pseudo("GET", "/"))
}

/// The head of `POST /` on stream 1.
pub fn post() -> Vec<u8> {
    headers(1, 0, pseudo("POST", "/"))
}

/// `GET /` on stream 1 with more in its header block.
pub fn ask_with(block: impl AsRef<[u8]>) -> Vec<u8> {
    headers(1, END_STREAM, [pseudo("GET", "/"), block.as_ref().to_vec()].concat())
}

/// The answer is larger than any window that a client begins with.
fn world(tls: Option<&Authority>) -> (Origin, Proxy) {
    let body = "x".repeat(200_000);
    let origin = Origin::answering(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    let edge = Edge::to(origin.address).listener("idle_timeout = \"3s\"\nmax_streams = 100");
    let proxy = match tls {
        None => edge.start(),
        Some(authority) => {
            let folder = Folder::new();
            let certificate = authority.issue(&["a.example"]).write(&folder, "a");
            edge.more(&format!("[listeners.web.tls]\ncertificates = [{certificate}]")).start_in(folder)
        }
    };
    (origin, proxy)
}

fn run(cases: &[Case]) {
    let authority = Authority::new();
    let mut report = String::new();
    for tls in [None, Some(&authority)] {
        let (_origin, proxy) = world(tls);
        for case in cases {
            let socket = std::net::TcpStream::connect(proxy.addr("web")).unwrap();
            let client = match tls {
                None => FrameClient::over(socket.try_clone().unwrap(), socket, PATIENCE),
                Some(authority) => {
                    let wire =
                        tls_connect(proxy.addr("web"), "a.example", &tls_config(authority, &["h2"], None)).unwrap();
                    let socket = wire.stream.sock.try_clone().unwrap();
                    FrameClient::over(wire.stream, socket, PATIENCE)
                }
            };
            if let Err(seen) = judge(client, case) {
                writeln!(report, "{}{}: {seen}", case.name, if tls.is_some() { " (TLS)" } else { "" }).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "of {} cases:\n{report}", cases.len());
}

fn judge(mut client: FrameClient, case: &Case) -> Result<(), String> {
    if !matches!(case.want, Want::SettingsFirst) {
        // Window enough for the answer, no table for its head.
        client.send([PREFACE, &settings(&[(1, 0)])].concat());
    }
    for step in &case.steps {
        match step {
            Step::Send(bytes) => {
                client.send(bytes);
            }
            Step::Ended(stream) => match client.fate(*stream) {
                Fate::Response(_) | Fate::Reset(_) => {}
                other => return Err(format!("before the end: {other:?}")),
            },
        }
    }
    let held = match case.want {
        Want::Connection(codes) => errs(&mut client, 0, codes),
        Want::Stream(codes) => errs(&mut client, 1, codes),
        Want::Refused(stream, codes) => errs(&mut client, stream, codes),
        Want::Answer => {
            client.wait(|frame| frame.kind == 1 && frame.stream == 1).is_some() && client.status(1) == Some(200)
        }
        Want::Alive => client.is_alive(),
        Want::AliveOrClosed => client.is_alive() || client.is_closed(),
        Want::Acknowledged(count) => {
            client.is_alive()
                && client.seen.iter().filter(|frame| frame.kind == SETTINGS && frame.flags == 1).count() == count
        }
        Want::FirstData(size) => {
            let first = client.wait(|frame| frame.kind == 0 && frame.stream == 1);
            first.is_some_and(|frame| frame.payload.len() == size)
        }
        Want::SettingsFirst => client.wait(|_| true).is_some_and(|frame| frame.kind == SETTINGS),
    };
    let told = || {
        let frames: Vec<String> =
            client.seen.iter().map(|frame| format!("{}/{}/{}", frame.kind, frame.flags, frame.stream)).collect();
        let codes: Vec<u32> = client.seen.iter().filter(|frame| matches!(frame.kind, 3 | 7)).map(Frame::code).collect();
        format!("saw {} with the codes {codes:?}", frames.join(" "))
    };
    if held { Ok(()) } else { Err(told()) }
}

/// GOAWAY with another code is as good as the end of the connection, if that follows: the `h2` crate says PROTOCOL_ERROR more often
/// than it must.
fn errs(client: &mut FrameClient, stream: u32, codes: &[u32]) -> bool {
    match client.error_of(stream) {
        Fate::GoAway(code) if !codes.contains(&code) => client.is_closed(),
        Fate::GoAway(_) | Fate::Closed => true,
        Fate::Reset(code) => codes.contains(&code),
        Fate::Response(_) | Fate::Hangs => false,
    }
}

#[test]
fn frames_of_rfc_9113() {
    run(&frames::cases());
}

#[test]
fn streams_of_rfc_9113() {
    run(&streams::cases());
}

#[test]
fn messages_and_header_compression() {
    run(&messages::cases());
}

#[test]
fn every_section_has_its_cases() {
    let cases = [frames::cases(), streams::cases(), messages::cases()].into_iter().flatten().count();
    assert!(cases >= 146, "{cases}");
}

/// A block that is one field.
pub fn one(name: &str, value: &str) -> Vec<u8> {
    field(name, value)
}

/// DATA that ends stream 1.
pub fn test_data() -> Vec<u8> {
    payload(1, END_STREAM, "test")
}

/// A frame of that kind on stream 0, of so many octets.
pub fn of_octets(kind: u8, stream: u32, octets: usize) -> Vec<u8> {
    frame(kind, 0, stream, vec![0; octets])
}
