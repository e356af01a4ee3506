//! The image, the compositions, and a machine that Ansible sets up, with a real engine. They take minutes, so they run where they are asked for, as in
//! `.ci/run`: `cargo test --test it docker:: -- --ignored --test-threads 1`. Without an engine they say so.
//! `tests/docker/clean.sh` removes what they leave for the next time: images.

mod compose;
mod image;
mod machine;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{eventually, missing, outcome, tool};

const IMAGE: &str = "tidegate-under-test";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn docker(arguments: &[&str]) -> (i32, String, String) {
    outcome(Command::new("docker").args(arguments).env("DOCKER_BUILDKIT", "0").current_dir(root()))
}

fn done(arguments: &[&str]) -> String {
    let (code, out, problems) = docker(arguments);
    assert_eq!(code, 0, "docker {arguments:?}: {out}{problems}");
    out.trim().to_owned()
}

/// Whether there is an engine; said aloud where there is none.
fn engine() -> bool {
    tool("docker").is_some() && (docker(&["version"]).0 == 0 || missing::<()>("a docker engine").is_some())
}

/// Runs a script of tests/docker, which says what it made.
fn script(name: &str) {
    let (code, out, problems) = outcome(&mut Command::new(root().join("tests/docker").join(name)));
    assert_eq!(code, 0, "{name}: {out}{problems}");
}

/// Builds the image from the Dockerfile as it is, once; false, said aloud, where there is no engine.
fn image() -> bool {
    static BUILT: OnceLock<bool> = OnceLock::new();
    *BUILT.get_or_init(|| {
        if !engine() || tool("docker-compose").is_none() {
            return false;
        }
        script("base-images.sh");
        // Not optimised: what is looked at here is the image, and the dependencies alone take minutes otherwise.
        let mut build = vec!["build", "--build-arg", "PROFILE=dev", "--build-arg", "VERSION=1.2.3", "-t", IMAGE];
        let base = done(&["image", "ls", "-q", "--filter", "label=tidegate.made=tests", "rust"]);
        if !base.is_empty() {
            // All sources are in a base image that was made here.
            build.extend(["--network", "none"]);
        }
        done(&[&build[..], &["."]].concat());
        true
    })
}

/// A container, removed when this goes.
struct Container(String);

impl Container {
    /// One that may do nothing to the system.
    fn run(arguments: &[&str]) -> Self {
        Self(done(&[&["run", "-d", "--read-only", "--cap-drop", "ALL"], arguments].concat()))
    }

    fn inspect(&self) -> Value {
        let all: Value = serde_json::from_str(&done(&["inspect", &self.0])).unwrap();
        all[0].clone()
    }

    /// Its address on the network that it is in.
    fn address(&self, port: u16) -> SocketAddr {
        let networks = self.inspect()["NetworkSettings"]["Networks"].clone();
        let address = networks.as_object().and_then(|all| all.values().next()).unwrap()["IPAddress"].clone();
        format!("{}:{port}", address.as_str().unwrap()).parse().unwrap()
    }

    fn log(&self) -> String {
        let (_, out, log) = docker(&["logs", &self.0]);
        format!("{out}{log}")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the container's log:\n{}", self.log());
        }
        docker(&["rm", "-f", &self.0]);
    }
}

/// The body that a GET brings; nothing where it fails.
fn get(address: SocketAddr, field: &str) -> Option<String> {
    ask(address, field).ok()
}

/// Likewise; or what came instead.
fn ask(address: SocketAddr, field: &str) -> Result<String, String> {
    let mut answer = String::new();
    let mut all = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}Connection: close\r\n\r\n").as_bytes())?;
        stream.read_to_string(&mut answer)
    };
    all().map_err(|error: std::io::Error| error.to_string())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(answer),
    }
}

struct Network(String);

impl Network {
    fn new(name: &str) -> Self {
        done(&["network", "create", name]);
        Self(name.to_owned())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        docker(&["network", "rm", &self.0]);
    }
}

/// Clients that ask all the time, and keep what failed.
#[derive(Default)]
struct Steady {
    stop: AtomicBool,
    asked: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Steady {
    /// Runs the story while four clients ask; `once` is one request, which gives back what was wrong with the answer. In the end none may
    /// have failed.
    fn while_asking(once: impl Fn(&mut usize) -> Result<(), String> + Sync, story: impl FnOnce(&Self)) {
        let steady = Self::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut turn = 0;
                    while !steady.stop.load(Relaxed) {
                        if let Err(wrong) = once(&mut turn) {
                            steady.failed.lock().unwrap().push(wrong);
                        }
                        steady.asked.fetch_add(1, Relaxed);
                        // Not to wait for anything, but to leave the machine room for what the story is about.
                        thread::sleep(Duration::from_millis(2));
                    }
                });
            }
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story(&steady)));
            // The clients end whatever comes of the story.
            steady.stop.store(true, Relaxed);
            if let Err(panic) = told {
                std::panic::resume_unwind(panic);
            }
        });
        steady.none_failed("at the end");
    }

    /// Waits until many more were asked after what just happened, and none has failed.
    fn go_on(&self, what: &str) {
        let before = self.asked.load(Relaxed);
        eventually(what, || self.asked.load(Relaxed) > before + 50);
        self.none_failed(what);
    }

    fn none_failed(&self, what: &str) {
        let failed = self.failed.lock().unwrap();
        let asked = self.asked.load(Relaxed);
        assert!(failed.is_empty(), "{what}: {} of {asked} failed, the first with {:?}", failed.len(), failed[0]);
    }
}
