//! A Docker engine that says what a story has it say, on a unix socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// It listens as long as nobody takes its socket away.
pub struct Engine {
    /// Where.
    pub socket: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    containers: Vec<Value>,
    /// Who reads the events.
    readers: Vec<UnixStream>,
    /// Request lines.
    asked: Vec<String>,
}

/// A container that runs, with such labels, whose image exposes that port, at 127.0.0.1.
pub fn container(name: &str, port: u16, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<_, _> = labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let (exposed, id) = (format!("{port}/tcp"), id(name));
    json!({
        "Id": id, "Name": format!("/{name}"), "Created": "2026-01-01T00:00:00Z",
        "State": { "Status": "running", "Running": true, "Paused": false, "Restarting": false },
        "Config": { "Labels": labels, "ExposedPorts": { exposed: {} } },
        "NetworkSettings": { "Networks": { "bridge": { "IPAddress": "127.0.0.1", "GlobalIPv6Address": "" } } },
    })
}

/// Letters and digits, as engines have it.
fn id(name: &str) -> String {
    format!("id{}", name.replace(['-', '_'], ""))
}

impl Engine {
    /// With these containers.
    pub fn at(socket: &Path, containers: &[Value]) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let state = Arc::new(Mutex::new(State { containers: containers.to_vec(), ..State::default() }));
        let ours = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = ours.clone();
                thread::spawn(move || answer(stream, &state));
            }
        });
        Self { socket: socket.to_path_buf(), state }
    }

    /// From now on there are these containers; and it tells of something that has happened to one of them.
    pub fn now(&self, containers: &[Value], action: &str, name: &str) {
        let mut state = self.state.lock().unwrap();
        state.containers = containers.to_vec();
        let event = json!({
            "Type": "container", "Action": action,
            "Actor": { "ID": id(name), "Attributes": { "signal": "15" } },
        });
        let line = format!("{event}\n");
        let chunk = format!("{:x}\r\n{line}\r\n", line.len());
        state.readers.retain_mut(|reader| reader.write_all(chunk.as_bytes()).is_ok());
    }

    /// Nobody listens there any more, and who did is cut off.
    pub fn vanish(&self) {
        std::fs::remove_file(&self.socket).unwrap();
        let mut state = self.state.lock().unwrap();
        for reader in state.readers.drain(..) {
            let _ = reader.shutdown(std::net::Shutdown::Both);
        }
    }

    /// How many read the events.
    pub fn readers(&self) -> usize {
        self.state.lock().unwrap().readers.len()
    }

    /// The request lines until now.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

fn answer(mut stream: UnixStream, state: &Mutex<State>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
    let mut state = state.lock().unwrap();
    state.asked.push(first.clone());
    let path = first.split(' ').nth(1).unwrap_or_default();
    if path.starts_with("/events") {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        if stream.write_all(head.as_bytes()).is_ok() {
            state.readers.push(stream);
        }
        return;
    }
    let one = |one: &Value| path == format!("/containers/{}/json", one["Id"].as_str().unwrap());
    let found = match path {
        "/containers/json" => {
            let listed = |one: &Value| json!({ "Id": one["Id"], "Labels": one["Config"]["Labels"] });
            Some(state.containers.iter().map(listed).collect::<Value>())
        }
        _ => state.containers.iter().find(|container| one(container)).cloned(),
    };
    let (status, body) = found.map_or(("404 Not Found", "{}".to_owned()), |found| ("200 OK", found.to_string()));
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}
