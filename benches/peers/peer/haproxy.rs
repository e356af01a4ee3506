//! HAProxy.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Setup, Upstream, Work};

pub(super) fn arguments(command: &mut Command, setup: &Setup<'_>, config: &Path) {
    if setup.work.reload {
        command.arg("-W");
    }
    command.arg("-db").arg("-q").arg("-f").arg(config);
}

pub(super) fn write(setup: &Setup<'_>) -> io::Result<PathBuf> {
    setup.scratch.write("haproxy.map", map(setup.work))?;
    setup.scratch.write("haproxy.cfg", config(setup))
}

fn config(setup: &Setup<'_>) -> String {
    let Setup { work, origin, workers, .. } = setup;
    let log = if setup.access_log { "log stdout format raw local0\n option httplog" } else { "no log" };
    let route = match work.routes {
        0 => "default_backend origin".to_owned(),
        _ => format!("use_backend %[path,map_beg({})]", setup.file("haproxy.map")),
    };
    let (cache, kept) = if work.cache {
        (
            "cache kept\n total-max-size 64\n max-object-size 200000\n max-age 3600",
            " http-request cache-use kept\n http-response cache-store kept",
        )
    } else {
        ("", "")
    };
    let generation = match work.reload {
        true => format!("http-request return status 204 if {{ path {} }}", setup.generation_path()),
        false => String::new(),
    };
    // Its levels are those of zlib; 1 is its default, and what people run.
    let gzip = if work.gzip { "compression algo gzip\n compression type text/html" } else { "" };
    let tunnel = if work.upstream == Upstream::Echo { "timeout tunnel 1h" } else { "" };
    format!(
        "global
 nbthread {workers}
 maxconn 8192
defaults
 mode http
 timeout connect 3s
 timeout client 1h
 timeout server 1h
 {tunnel}
 http-reuse always
{cache}
frontend web
 {bind}
 {log}
 {gzip}
 option forwardfor
 http-request set-header X-Forwarded-Proto {scheme}
 http-request set-header X-Forwarded-Host %[req.hdr(Host)]
 {generation}
 {route}
backend origin
{kept}
 server origin {origin} pool-max-conn 1024 {protocol}
",
        bind = bind(setup),
        scheme = work.scheme(),
        protocol = if work.http2_upstream() { "proto h2" } else { "" },
    )
}

fn bind(setup: &Setup<'_>) -> String {
    let Setup { work, address, certificate, .. } = setup;
    let speaks = match (work.tls, work.http2()) {
        (true, _) => format!("ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.3", certificate.both.display()),
        (false, true) => "proto h2".to_owned(),
        (false, false) => String::new(),
    };
    format!("bind {address} {speaks} backlog 4096")
}

fn map(work: &Work) -> String {
    (0..work.routes).map(|route| format!("/r{route:05}/ origin\n")).collect()
}
