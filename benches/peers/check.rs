//! Whether a proxy does what is to be measured: the right answer by the right protocol, the fields that origins are told, connections
//! that are kept, and the config of the last reload.

use std::net::IpAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::load::message;
use crate::peer::{Peer, Setup};
use crate::process::find;
use crate::work::{Load, Upstream, Work};

/// What is missing for it.
pub(crate) fn missing() -> Option<String> {
    find("curl").is_none().then(|| "curl is not installed: apt-get install curl".to_owned())
}

/// One request, looked at in full, before the load.
pub(crate) fn before(setup: &Setup<'_>) -> Result<(), String> {
    let work = setup.work;
    if work.upstream == Upstream::Echo {
        // Its clients look at each message.
        return Ok(());
    }
    let answer = ask(setup, &work.first_path(), true)?;
    let length = if work.routes > 0 { 3 } else { work.answer };
    let version = if work.http2() { "2" } else { "1.1" };
    let expected = format!("200 {length} {version}");
    if answer.summary != expected {
        return Err(format!("the answer is \"{}\" and not \"{expected}\" (status, octets, HTTP)", answer.summary));
    }
    if work.upstream == Upstream::Calls && !answer.head.contains("grpc-status: 0") {
        return Err(format!("no status of the call: {}", answer.head));
    }
    if asks_nginx(work) { told(setup).map(drop) } else { Ok(()) }
}

/// What the load should have left behind.
pub(crate) fn after(peer: Peer, setup: &Setup<'_>) -> Result<(), String> {
    let work = setup.work;
    let many = matches!(work.load, Load::Http1 { .. } | Load::Http2 { .. }) && !work.cache && !work.reload;
    // sozu keeps one as long as the client keeps its own, which curl does not.
    if many && asks_nginx(work) && peer != Peer::Sozu {
        // Whichever connection is taken: if it is kept, the third request is its third at least.
        let mut most = 0;
        for _ in 0..5 {
            most = most.max(told(setup)?);
        }
        if most < 3 {
            return Err("connections to the origin are not kept".to_owned());
        }
    }
    if work.reload { generation(setup) } else { Ok(()) }
}

fn asks_nginx(work: &Work) -> bool {
    matches!(work.upstream, Upstream::Http1 | Upstream::Http2)
}

/// Checks what the origin is told, and says how many requests its connection has had.
fn told(setup: &Setup<'_>) -> Result<u64, String> {
    let path = if setup.work.routes > 0 { "/r00000/told" } else { "/told" };
    let answer = ask(setup, path, false)?;
    let fields: Vec<_> = answer.body.split(['[', ']']).skip(1).step_by(2).collect();
    match fields[..] {
        // Envoy tells the machine's own address in the place of a loopback one.
        [from, proto, host, requests]
            if from.parse::<IpAddr>().is_ok() && proto == setup.work.scheme() && !host.is_empty() =>
        {
            requests.parse().map_err(|_| format!("the origin says: {}", answer.body))
        }
        _ => Err(format!("X-Forwarded-For, -Proto and -Host are told as {}", answer.body)),
    }
}

/// Whether the last config is in force, or soon is.
fn generation(setup: &Setup<'_>) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let summary = ask(setup, &setup.generation_path(), false).map(|answer| answer.summary);
        match summary {
            Ok(summary) if summary.starts_with("204 ") => return Ok(()),
            summary if Instant::now() > end => {
                return Err(format!("{} answers {summary:?}: reloads do not arrive", setup.generation_path()));
            }
            _ => thread::sleep(Duration::from_millis(100)),
        }
    }
}

struct Answer {
    summary: String,
    head: String,
    body: String,
}

/// Asks as the load would; with its body where there is one.
fn ask(setup: &Setup<'_>, path: &str, with_body: bool) -> Result<Answer, String> {
    let work = setup.work;
    let file = |name: &str| setup.scratch.path().join(name);
    let mut curl = Command::new("curl");
    curl.args(["-sSk", "--max-time", "20", "-w", "%{http_code} %{size_download} %{http_version}"]);
    curl.arg(match (work.http2(), work.tls) {
        (false, _) => "--http1.1",
        (true, true) => "--http2",
        (true, false) => "--http2-prior-knowledge",
    });
    if work.upload > 0 && with_body {
        let body = setup.scratch.write("check.sent", message(work.upload)).map_err(|error| error.to_string())?;
        curl.arg("--data-binary").arg(format!("@{}", body.display()));
        curl.args(["-H", "Expect:", "-H", "Content-Type: application/grpc", "-H", "TE: trailers"]);
    }
    curl.arg("-D").arg(file("check.head")).arg("-o").arg(file("check.body"));
    let output = curl.arg(format!("{}://{}{path}", work.scheme(), setup.address)).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let read = |name: &str| {
        std::fs::read(file(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    let summary = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Answer { summary, head: read("check.head"), body: read("check.body") })
}
