//! The loop of a connection, with an exchange that is made for the case.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use http::StatusCode;
use tokio::task::coop::poll_proceed;

use super::*;
use crate::http::Response;
use crate::wire::exchange::Drain;
use crate::wire::stream::Plain;

const SETTINGS: Settings = Settings {
    head: HeadLimits { head: 1024, field: 512, fields: 16, target: 256 },
    scheme: Scheme::Http,
    prior_knowledge: false,
    head_timeout: None,
    idle_timeout: None,
    reading: Patience { timeout: None, rate: 0 },
    writing: Patience { timeout: None, rate: 0 },
};

/// Uses up what the runtime lets a task do in one turn, and answers in the next.
struct Greedy;

impl Exchanges for Greedy {
    fn answer(&self, _: Request, _: Task) -> impl Future<Output = Answer> {
        let mut full = false;
        poll_fn(move |cx| {
            if std::mem::replace(&mut full, true) {
                return Poll::Ready(Answer { response: Response::new(StatusCode::OK), receipt: None });
            }
            while let Poll::Ready(step) = poll_proceed(cx) {
                step.made_progress();
            }
            Poll::Pending
        })
    }

    fn refuse(&self, _: Refused, _: Task) -> Answer {
        Answer { response: Response::new(StatusCode::BAD_REQUEST), receipt: None }
    }
}

#[tokio::test]
async fn a_request_is_heard_after_an_exchange_that_used_up_its_turn() {
    let listening = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let mut client = TcpStream::connect(listening.local_addr().expect("bound")).expect("connects");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
    let (accepted, _) = listening.accept().expect("accepted");
    accepted.set_nonblocking(true).expect("an option");
    let stream = tokio::net::TcpStream::from_std(accepted).expect("watched");
    let client = thread::spawn(move || {
        for number in 0..3 {
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
            let mut answer = [0; 256];
            let length =
                client.read(&mut answer).unwrap_or_else(|error| panic!("no answer to request {number}: {error}"));
            assert!(answer[..length].starts_with(b"HTTP/1.1 200 "), "{}", answer[..length].escape_ascii());
        }
    });
    let watch = Drain::new().watch();
    let serving = serve(Stream::plain(Plain::Tcp(stream)), &Greedy, &SETTINGS, &watch);
    let served = tokio::time::timeout(Duration::from_secs(20), serving).await.expect("the client is heard");
    assert!(matches!(served, Served::Closed));
    client.join().expect("three answers");
}
