//! sozu.

use std::path::Path;
use std::process::Command;

use super::{Setup, Upstream, Work};

/// How to get it.
pub(super) const MISSING: &str =
    "sozu is not installed: cargo install sozu (it needs protobuf-compiler), then `--bin FOLDER` or PATH";

pub(super) fn arguments(command: &mut Command, config: &Path) {
    command.arg("start").arg("-c").arg(config);
}

/// It has no cache and compresses nothing, and takes changes by orders on its socket instead of a file. Over TLS it asks for a name (SNI), which the
/// load generators do not send to an address; HTTP/2 with clients is over TLS alone.
pub(super) fn does(work: &Work) -> bool {
    !work.cache && !work.gzip && !work.reload && !work.tls && !work.http2()
}

pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { work, address, origin, workers, .. } = setup;
    let log = match setup.access_log {
        true => format!("log_level = \"info\"\naccess_logs_target = \"file://{}\"", setup.file("sozu.log")),
        false => "log_level = \"error\"".to_owned(),
    };
    let paths: Vec<String> = match work.routes {
        0 => vec![String::new()],
        routes => (0..routes).map(|route| format!("path = \"/r{route:05}/\"\npath_type = \"PREFIX\"")).collect(),
    };
    let frontends: String = paths.iter().map(|path| frontend(setup, path)).collect();
    // A message of WebSocket waits as long as it likes.
    let idle = if work.upstream == Upstream::Echo { 3600 } else { 60 };
    format!(
        "command_socket = \"{socket}\"
saved_state = \"{state}\"
worker_count = {workers}
max_connections = 8192
max_buffers = 16384
front_timeout = {idle}
back_timeout = {idle}
{log}

[[listeners]]
protocol = \"http\"
address = \"{address}\"

[clusters.origin]
protocol = \"http\"
backends = [{{ address = \"{origin}\" }}]
{frontends}",
        socket = setup.file("sozu.sock"),
        state = setup.file("sozu.state"),
    )
}

fn frontend(setup: &Setup<'_>, path: &str) -> String {
    let Setup { address, .. } = setup;
    // It tells the rest by itself, but not the host that the client asked for: here that is always this one.
    format!(
        "
[[clusters.origin.frontends]]
address = \"{address}\"
hostname = \"{host}\"
{path}
headers = [{{ position = \"request\", key = \"X-Forwarded-Host\", value = \"{address}\" }}]
",
        host = address.ip(),
    )
}
