//! A name server of a story (RFC 1035), on UDP and on TCP: it says what it is told to say.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// What is said about a name.
#[derive(Clone, Debug)]
pub enum Said {
    /// Addresses, each good for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// The same, but by UDP nothing more than that the answer is too long for it.
    TooLong(Vec<IpAddr>, u32),
    /// Priority, weight, port and target of SRV records.
    Services(Vec<(u16, u16, u16, &'static str)>, u32),
    /// There is no such name.
    NxDomain,
    /// It could not be found out.
    ServFail,
    /// Nothing at all.
    Silence,
}

/// The server. It goes when this does.
pub struct NameServer {
    /// Where it is.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    said: HashMap<String, Said>,
    asked: HashMap<(String, u16), usize>,
    /// Those of them that came by TCP.
    by_tcp: usize,
    gone: bool,
}

impl NameServer {
    /// One that knows no name.
    pub fn start() -> Self {
        let both = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            TcpListener::bind(socket.local_addr().unwrap()).map(|listener| (socket, listener)).ok()
        };
        let (socket, listener) = (0..50).find_map(|_| both()).expect("a port that is free for both");
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let address = socket.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || serve(&socket, &shared));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || serve_stream(stream, &shared));
            }
        });
        Self { address, state }
    }

    /// From now on, that is said about a name.
    pub fn say(&self, name: &str, said: Said) {
        self.state.lock().unwrap().said.insert(name.to_owned(), said);
    }

    /// From now on a name has these addresses, for that many seconds.
    pub fn addresses(&self, name: &str, addresses: &[&str], ttl: u32) {
        self.say(name, Said::Addresses(addresses.iter().map(|one| one.parse().unwrap()).collect(), ttl));
    }

    /// How often it was asked for the A records of a name.
    pub fn asked(&self, name: &str) -> usize {
        self.state.lock().unwrap().asked.get(&(name.to_owned(), A)).copied().unwrap_or(0)
    }

    /// How many questions came by TCP.
    pub fn asked_by_tcp(&self) -> usize {
        self.state.lock().unwrap().by_tcp
    }

    /// The `[resolver]` section that names it, with short times.
    pub fn section(&self) -> String {
        format!("[resolver]\nnameservers = [\"{}\"]\nmin_ttl = \"50ms\"\nlookup_timeout = \"1s\"", self.address)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.state.lock().unwrap().gone = true;
    }
}

fn serve(socket: &UdpSocket, state: &Mutex<State>) {
    let mut buffer = [0; 1500];
    loop {
        let received = socket.recv_from(&mut buffer);
        if state.lock().unwrap().gone {
            return;
        }
        let Ok((length, from)) = received else { continue };
        if let Some(answer) = answer(&buffer[..length], state, true) {
            socket.send_to(&answer, from).unwrap();
        }
    }
}

/// Each message has its length before it (RFC 1035 §4.2.2).
fn serve_stream(mut stream: TcpStream, state: &Mutex<State>) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut query).is_err() {
            return;
        }
        state.lock().unwrap().by_tcp += 1;
        let Some(answer) = answer(&query, state, false) else { continue };
        let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
        if stream.write_all(&[&length, answer.as_slice()].concat()).is_err() {
            return;
        }
    }
}

fn answer(query: &[u8], state: &Mutex<State>, by_udp: bool) -> Option<Vec<u8>> {
    let (name, end) = name_at(query, 12);
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let mut state = state.lock().unwrap();
    *state.asked.entry((name.clone(), kind)).or_default() += 1;
    let said = state.said.get(&name).cloned().unwrap_or(Said::NxDomain);
    let truncated = by_udp && matches!(said, Said::TooLong(..));
    let (code, records) = match said {
        Said::Silence => return None,
        Said::NxDomain => (3, Vec::new()),
        Said::ServFail => (2, Vec::new()),
        Said::TooLong(..) if truncated => (0, Vec::new()),
        Said::Addresses(addresses, ttl) | Said::TooLong(addresses, ttl) => {
            let fits = |address: &&IpAddr| kind == if address.is_ipv4() { A } else { AAAA };
            let octets = |address: &IpAddr| match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            (0, addresses.iter().filter(fits).map(|address| record(kind, ttl, &octets(address))).collect())
        }
        Said::Services(services, ttl) if kind == SRV => {
            let service = |(priority, weight, port, target): &(u16, u16, u16, &str)| {
                let numbers = [*priority, *weight, *port].map(u16::to_be_bytes).concat();
                record(SRV, ttl, &[numbers, encoded(target)].concat())
            };
            (0, services.iter().map(service).collect())
        }
        Said::Services(..) => (0, Vec::new()),
    };
    let mut out = query[..2].to_vec();
    out.extend([if truncated { 0x83 } else { 0x81 }, 0x80 | code, 0, 1]);
    out.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    out.extend([0; 4]);
    out.extend(&query[12..end + 4]);
    out.extend(records.concat());
    Some(out)
}

/// A record of the name that was asked for.
fn record(kind: u16, ttl: u32, content: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc0, 12];
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out.extend(ttl.to_be_bytes());
    out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    out.extend(content);
    out
}

fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut out: Vec<u8> = labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    out.push(0);
    out
}

/// The name there, and where what follows begins.
fn name_at(message: &[u8], mut at: usize) -> (String, usize) {
    let mut labels = Vec::new();
    while message[at] != 0 {
        let length = usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    (labels.join("."), at + 1)
}
