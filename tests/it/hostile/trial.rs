//! Sends cases, one after the other, and says what went wrong.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::case::{Case, Outcome};
use super::recorder::{Recorder, Seen};
use super::strict::{self, Reading, Strict};
use crate::support::{Edge, Proxy};

/// Far more than the timeouts of [`Trial`]; whoever waits longer hangs.
const HANGS: Duration = Duration::from_secs(6);
/// How long a client that has its answer looks for bytes that it did not ask for.
const AFTERMATH: Duration = Duration::from_millis(1);

/// The program between a client and a recorder.
pub struct Trial {
    proxy: Proxy,
    address: SocketAddr,
    origin: Recorder,
    number: usize,
}

/// What the client saw.
#[derive(Debug, Default)]
struct Answers {
    /// Status of each final response.
    statuses: Vec<u16>,
    /// What is wrong with what came.
    wrong: Option<String>,
}

/// How a case is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Alone; the good request follows once it is answered, if the connection is still there.
    Alone,
    /// With the good request right behind it, in one write.
    Together,
    /// The same, byte by byte.
    Dripped,
}

impl Trial {
    /// With timeouts that are over soon.
    pub fn start() -> Self {
        let origin = Recorder::start();
        let proxy = Edge::to(origin.address)
            .listener("request_head_timeout = \"250ms\"\nrequest_body_timeout = \"250ms\"\nidle_timeout = \"2s\"")
            .route("upgrades = [\"websocket\"]")
            .start();
        let address = proxy.addr("web");
        Self { proxy, address, origin, number: 0 }
    }

    /// Sends all cases in all manners; fails with the list of what went wrong.
    pub fn run(cases: &[Case]) {
        let mut trial = Self::start();
        let mut report = String::new();
        for case in cases {
            for manner in [Manner::Alone, Manner::Together, Manner::Dripped] {
                if let Err(why) = trial.judge(case, manner) {
                    let bytes: String = case.bytes.escape_ascii().to_string().chars().take(400).collect();
                    writeln!(report, "{} ({manner:?}): {why}\n    {bytes}", case.name).unwrap();
                }
            }
        }
        drop(trial.proxy);
        assert!(report.is_empty(), "{} of {} cases:\n{report}", report.lines().count() / 2, cases.len());
    }

    fn judge(&mut self, case: &Case, manner: Manner) -> Result<(), String> {
        self.number += 1;
        let good = format!("/good-{}", self.number);
        let answers = Client::connect(self.address).send(case, manner, &good);
        let last = format!("/last-{}", self.number);
        Client::connect(self.address).settle(&last);
        let seen = self.origin.take_until(&last);
        if let Some(Seen::Wrong(why, bytes)) = seen.iter().find(|seen| matches!(seen, Seen::Wrong(..))) {
            return Err(format!("ambiguous at the origin: {why}: {:?}", bytes.escape_ascii().to_string()));
        }
        if let Some(wrong) = &answers.wrong {
            return Err(format!("{wrong}, after {:?}", answers.statuses));
        }
        let good = format!("GET {good}");
        let requests = seen.iter().filter_map(|seen| match seen {
            Seen::Request(request) => Some(request.summary()),
            Seen::Wrong(..) => None,
        });
        let requests: Vec<String> = requests.filter(|summary| *summary != good).collect();
        let was_refused = requests.is_empty() && answers.statuses.first().is_none_or(|status| *status >= 400);
        let was_forwarded = |expected: &Vec<String>| {
            let fine = answers.statuses.len() >= expected.len() && answers.statuses.iter().all(|status| *status == 200);
            requests == *expected && fine
        };
        let held = match &case.outcome {
            Outcome::Refused => was_refused,
            Outcome::Forwarded(expected) => was_forwarded(expected),
            Outcome::Either(expected) => was_refused || was_forwarded(expected),
        };
        let told = || format!("the origin saw {requests:?}, the client {:?}", answers.statuses);
        if held { Ok(()) } else { Err(told()) }
    }
}

/// A client that reads as strictly.
struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
    ended: bool,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(HANGS)).unwrap();
        stream.set_write_timeout(Some(HANGS)).unwrap();
        Self { stream, bytes: Vec::new(), ended: false }
    }

    fn settle(mut self, target: &str) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        self.stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(self.answer("GET").unwrap().unwrap().line, "200", "a good request on a connection of its own");
    }

    fn send(mut self, case: &Case, manner: Manner, good: &str) -> Answers {
        let good = format!("GET {good} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
        let mut bytes = case.bytes.clone();
        let mut methods = methods(case);
        if manner != Manner::Alone {
            bytes.extend_from_slice(good.as_bytes());
            methods.push("GET");
        }
        self.put(&bytes, manner);
        let mut answers = Answers::default();
        for method in methods {
            match self.answer(method) {
                Ok(Some(answer)) => answers.statuses.push(answer.line.parse().unwrap()),
                Ok(None) => break,
                Err(wrong) => {
                    answers.wrong = Some(wrong);
                    return answers;
                }
            }
        }
        if manner == Manner::Alone && !self.ended {
            self.put(good.as_bytes(), manner);
            match self.answer("GET") {
                Ok(answer) => answers.statuses.extend(answer.map(|answer| answer.line.parse::<u16>().unwrap())),
                Err(wrong) => answers.wrong = Some(wrong),
            }
        }
        self.look_for_more(&mut answers);
        answers
    }

    fn put(&mut self, bytes: &[u8], manner: Manner) {
        let size = if manner == Manner::Dripped { 1 } else { bytes.len() };
        for piece in bytes.chunks(size.max(bytes.len() / 400 + 1).max(1)) {
            // Whoever is refused early may not be read to the end.
            if self.stream.write_all(piece).is_err() {
                return;
            }
        }
    }

    /// The next final response; `None` where the connection ends before its first byte.
    fn answer(&mut self, method: &str) -> Result<Option<Strict>, String> {
        let start = Instant::now();
        loop {
            match strict::response(&self.bytes, method, self.ended) {
                Reading::Whole(answer, length) => {
                    self.bytes.drain(..length);
                    if !answer.line.starts_with('1') {
                        return Ok(Some(answer));
                    }
                }
                Reading::Wrong(why) => return Err(format!("an answer that is none: {why}")),
                Reading::Part if self.ended && self.bytes.is_empty() => return Ok(None),
                Reading::Part if self.ended => return Err("a truncated answer".to_owned()),
                Reading::Part => self.fill()?,
            }
            if start.elapsed() > HANGS {
                return Err("hangs".to_owned());
            }
        }
    }

    fn fill(&mut self) -> Result<(), String> {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(read @ 1..) => self.bytes.extend_from_slice(&piece[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err("hangs".to_owned());
            }
            _ => self.ended = true,
        }
        Ok(())
    }

    /// Bytes that answer nothing.
    fn look_for_more(&mut self, answers: &mut Answers) {
        self.stream.set_read_timeout(Some(AFTERMATH)).unwrap();
        while !self.ended && self.fill().is_ok() {}
        if !self.bytes.is_empty() && answers.wrong.is_none() {
            answers.wrong = Some(format!("an answer to nothing: {:?}", self.bytes.escape_ascii().to_string()));
        }
    }
}

/// The methods of the requests of a case, as far as they matter for reading the answers.
fn methods(case: &Case) -> Vec<&'static str> {
    let count = match &case.outcome {
        Outcome::Forwarded(summaries) | Outcome::Either(summaries) => summaries.len(),
        Outcome::Refused => 1,
    };
    let first = if case.bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    let mut methods = vec!["GET"; count];
    methods[0] = first;
    methods
}
