//! Floods and stalls: what a client can do to cost much and pay little. Each attack comes over one connection, while a good client asks
//! on another; it must end, be named in log and metric, and take little memory.

mod bursts;
mod client;
mod frames;
mod stalls;

use std::time::Duration;

use crate::support::frames::{Fate, FrameClient};
use crate::support::{Origin, Proxy, eventually, ok};

/// Far longer than an attack may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What one attacking connection may make the program grow by.
const MOST_KIB: u64 = 32 * 1024;
/// ENHANCE_YOUR_CALM (RFC 9113 §7).
const CALM: u32 = 11;

/// An origin that answers with that many octets.
fn origin_of(octets: usize) -> Origin {
    Origin::answering(ok(&"x".repeat(octets)))
}

/// Connections that were closed for that reason.
fn abused(proxy: &Proxy, reason: &str) -> f64 {
    proxy.metric(&format!("tidegate_connections_abused_total{{listener=\"web\",reason=\"{reason}\"}}"))
}

/// The attack was noticed for what it is, and others never felt it.
fn assert_put_out(proxy: &Proxy, reason: &str) {
    let metrics = || proxy.ask_admin("GET", "/metrics").text();
    eventually("it is counted", || {
        metrics().lines().any(|line| line.starts_with("tidegate_connections_abused_total{") && !line.ends_with(" 0"))
    });
    assert!(abused(proxy, reason) >= 1.0, "not as {reason}: {}", metrics());
    let line = proxy.wait_for_log(0, "connection closed for abuse");
    assert_eq!((&line["reason"], &line["listener"]), (&reason.into(), &"web".into()), "{line}");
    assert_eq!(line["client"], "127.0.0.1");
    assert_eq!(proxy.get("/").status(), 200, "a good client");
}

/// Sends bursts until the other side has had enough, or there were so many.
fn flood(client: &mut FrameClient, bursts: usize, mut burst: impl FnMut(u32) -> Vec<u8>) -> Fate {
    for round in 0..bursts {
        if !client.send(burst(round as u32)) {
            break;
        }
    }
    client.goodbye()
}
