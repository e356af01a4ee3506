//! Sends streams that lie, and looks at what arrives.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use crate::hostile::recorder::{Recorder, Seen};
use crate::support::frames::{END_STREAM, Fate, FrameClient, headers, pseudo};
use crate::support::{Edge, Proxy, Wire};

/// Far more than the timeouts of [`Trial`].
const PATIENCE: Duration = Duration::from_secs(6);
/// The stream of the good request behind each case.
const GOOD: u32 = 1001;

/// Frames, and what is to become of the stream that matters.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is tried.
    pub name: String,
    /// Frames, behind the preface and SETTINGS.
    pub bytes: Vec<u8>,
    /// The stream whose fate counts.
    pub stream: u32,
    /// What is to become of it.
    pub expected: Expected,
}

/// What is to become of a stream.
#[derive(Clone, Debug)]
pub enum Expected {
    /// No request at the origin; the client is told.
    Refused,
    /// One request of that summary, and its response.
    Forwarded(String),
    /// The one or the other.
    Either(String),
}

/// A request that must not pass: the frames are on stream 1.
pub fn refused(name: &str, frames: impl Into<Vec<u8>>) -> Case {
    Case { name: name.to_owned(), bytes: frames.into(), stream: 1, expected: Expected::Refused }
}

/// A request that must.
pub fn forwarded(name: &str, frames: impl Into<Vec<u8>>, summary: &str) -> Case {
    Case { expected: Expected::Forwarded(summary.to_owned()), ..refused(name, frames) }
}

/// A request that may be refused; if it passes, then with this meaning.
pub fn either(name: &str, frames: impl Into<Vec<u8>>, summary: &str) -> Case {
    Case { expected: Expected::Either(summary.to_owned()), ..refused(name, frames) }
}

/// A whole request without a body, from its block.
pub fn ask(block: impl AsRef<[u8]>) -> Vec<u8> {
    headers(1, END_STREAM, block)
}

/// `GET /` with more fields.
pub fn get(fields: impl AsRef<[u8]>) -> Vec<u8> {
    ask([pseudo("GET", "/"), fields.as_ref().to_vec()].concat())
}

/// The program between a client of HTTP/2 and a recorder of HTTP/1.1.
pub struct Trial {
    proxy: Proxy,
    address: SocketAddr,
    origin: Recorder,
    number: usize,
}

impl Trial {
    /// Sends all cases; fails with the list of what went wrong.
    pub fn run(cases: &[Case]) {
        let origin = Recorder::start();
        let proxy = Edge::to(origin.address)
            .listener("request_body_timeout = \"250ms\"\nidle_timeout = \"2s\"\nhandshake_timeout = \"1s\"")
            .route("upgrades = [\"websocket\"]")
            .start();
        let address = proxy.addr("web");
        let mut trial = Self { proxy, address, origin, number: 0 };
        let mut report = String::new();
        for case in cases {
            if let Err(why) = trial.judge(case) {
                let bytes: String = case.bytes.escape_ascii().to_string().chars().take(300).collect();
                writeln!(report, "{}: {why}\n    {bytes}", case.name).unwrap();
            }
        }
        drop(trial.proxy);
        assert!(report.is_empty(), "{} of {} cases:\n{report}", report.lines().count() / 2, cases.len());
    }

    fn judge(&mut self, case: &Case) -> Result<(), String> {
        self.number += 1;
        let (good, last) = (format!("/good-{}", self.number), format!("/last-{}", self.number));
        let mut client = FrameClient::begin(self.address, PATIENCE);
        client.send(&case.bytes);
        let fate = client.fate(case.stream);
        let over = matches!(fate, Fate::GoAway(_) | Fate::Closed);
        if !over {
            client.send(headers(GOOD, END_STREAM, pseudo("GET", &good)));
            let after = client.fate(GOOD);
            if !matches!(after, Fate::Response(200) | Fate::GoAway(_) | Fate::Closed) {
                return Err(format!("{fate:?}, and then for a good request {after:?}"));
            }
        }
        drop(client);
        let settled = Wire::connect(self.address).ask(&format!("GET {last} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
        if settled.status() != 200 {
            return Err(format!("{fate:?}, and then nobody is served: {}", settled.head));
        }
        let seen = self.origin.take_until(&last);
        if let Some(Seen::Wrong(why, bytes)) = seen.iter().find(|seen| matches!(seen, Seen::Wrong(..))) {
            return Err(format!("ambiguous at the origin: {why}: {:?}", bytes.escape_ascii().to_string()));
        }
        let good = format!("GET {good}");
        let requests = seen.iter().filter_map(|seen| match seen {
            Seen::Request(request) => Some(request.summary()),
            Seen::Wrong(..) => None,
        });
        let requests: Vec<String> = requests.filter(|summary| *summary != good).collect();
        let told = !matches!(fate, Fate::Hangs | Fate::Response(..400));
        let was_refused = requests.is_empty() && told;
        let was_forwarded = |expected: &String| requests == [expected.as_str()] && fate == Fate::Response(200);
        let held = match &case.expected {
            Expected::Refused => was_refused,
            Expected::Forwarded(expected) => was_forwarded(expected),
            Expected::Either(expected) => was_refused || was_forwarded(expected),
        };
        if held { Ok(()) } else { Err(format!("the origin saw {requests:?}, the client {fate:?}")) }
    }
}
