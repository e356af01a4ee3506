//! The proxies, and for each the settings that make it do the same.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::certificate::Certificate;
use crate::origin::{NGINX_MISSING, nginx_global};
use crate::process;
use crate::scratch::Scratch;
use crate::work::Work;

/// A proxy that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// The measure of the others.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// This project.
    Tidegate,
}

/// What a proxy has to be told.
pub(crate) struct Setup<'a> {
    /// The work.
    pub(crate) work: &'a Work,
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// Where the origin is.
    pub(crate) origin: SocketAddr,
    /// For TLS.
    pub(crate) certificate: &'a Certificate,
    /// Where files go.
    pub(crate) scratch: &'a Scratch,
}

impl Peer {
    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Tidegate => "tidegate",
        }
    }

    /// Its program, or how to get it.
    pub(crate) fn program(self, tidegate: &Path) -> Result<PathBuf, String> {
        match self {
            Self::Nginx => process::find("nginx").ok_or_else(|| NGINX_MISSING.to_owned()),
            Self::Haproxy => {
                process::find("haproxy").ok_or_else(|| "haproxy is not installed: apt-get install haproxy".to_owned())
            }
            Self::Tidegate if tidegate.is_file() => Ok(tidegate.to_owned()),
            Self::Tidegate => Err(format!("{} is missing: cargo build --release", tidegate.display())),
        }
    }

    /// What it calls itself.
    pub(crate) fn version(self, program: &Path) -> String {
        let flag = if self == Self::Tidegate { "--version" } else { "-v" };
        let Ok(output) = Command::new(program).arg(flag).output() else { return String::new() };
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
    }

    /// Writes its config and says how to start it in the foreground.
    pub(crate) fn command(self, program: &Path, setup: &Setup<'_>) -> io::Result<Command> {
        let mut command = Command::new(program);
        match self {
            Self::Nginx => {
                let config = setup.scratch.write("nginx.conf", nginx(setup))?;
                command.arg("-p").arg(setup.scratch.path()).arg("-e").arg("nginx.err").arg("-c").arg(config);
            }
            Self::Haproxy => {
                setup.scratch.write("haproxy.map", haproxy_map(setup.work))?;
                let config = setup.scratch.write("haproxy.cfg", haproxy(setup))?;
                command.arg("-db").arg("-q").arg("-f").arg(config);
            }
            Self::Tidegate => {
                let config = setup.scratch.write("tidegate.toml", tidegate(setup))?;
                command.arg("run").arg("-c").arg(config);
            }
        }
        Ok(command)
    }
}

fn nginx(setup: &Setup<'_>) -> String {
    let Setup { work, address, origin, certificate, scratch } = setup;
    let global = nginx_global("nginx", scratch.path());
    let folder = scratch.path().display();
    let access_log = if work.access_log { format!("{folder}/nginx.log") } else { "off".to_owned() };
    let (flags, tls) = if work.tls {
        let (cert, key) = (certificate.cert.display(), certificate.key.display());
        ("ssl http2", format!("ssl_protocols TLSv1.3; ssl_certificate {cert}; ssl_certificate_key {key};"))
    } else {
        ("", String::new())
    };
    let locations: String = match work.routes {
        0 => "location / { proxy_pass http://origin; }".to_owned(),
        routes => {
            (0..routes).map(|route| format!("location /r{route:05}/ {{ proxy_pass http://origin; }}\n")).collect()
        }
    };
    format!(
        "{global}
        access_log {access_log};
        sendfile on; tcp_nopush on;
        keepalive_timeout 1h; keepalive_requests 1000000000;
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $host;
        proxy_buffer_size 16k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;
        {tls}
        upstream origin {{ server {origin}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 1h; }}
        server {{ listen {address} {flags} backlog=4096; {locations} }}
        }}\n"
    )
}

fn haproxy(setup: &Setup<'_>) -> String {
    let Setup { work, address, origin, certificate, scratch } = setup;
    let tls = if work.tls {
        format!("ssl crt {} alpn h2,http/1.1 ssl-min-ver TLSv1.3", certificate.both.display())
    } else {
        String::new()
    };
    let log = if work.access_log { "log stdout format raw local0\n option httplog" } else { "no log" };
    let map = scratch.path().join("haproxy.map");
    let route = match work.routes {
        0 => "default_backend origin".to_owned(),
        _ => format!("use_backend %[path,map_beg({})]", map.display()),
    };
    format!(
        "global
 nbthread 1
 maxconn 8192
defaults
 mode http
 timeout connect 3s
 timeout client 1h
 timeout server 1h
 http-reuse always
frontend web
 bind {address} {tls} backlog 4096
 {log}
 option forwardfor
 http-request set-header X-Forwarded-Proto {scheme}
 http-request set-header X-Forwarded-Host %[req.hdr(Host)]
 {route}
backend origin
 server origin {origin} pool-max-conn 1024
",
        scheme = work.scheme()
    )
}

fn haproxy_map(work: &Work) -> String {
    (0..work.routes).map(|route| format!("/r{route:05}/ origin\n")).collect()
}

/// Every default policy stays on; only what the others are told too is told.
fn tidegate(setup: &Setup<'_>) -> String {
    let Setup { work, address, origin, certificate, scratch } = setup;
    let access = if work.access_log { format!("{}/tidegate.log", scratch.path().display()) } else { "off".to_owned() };
    let tls = if work.tls {
        let (cert, key) = (certificate.cert.display(), certificate.key.display());
        format!(
            "[listeners.web.tls]\ncertificates = [{{ cert = \"{cert}\", key = \"{key}\" }}]\nmin_version = \"1.3\"\n"
        )
    } else {
        String::new()
    };
    let routes: String = match work.routes {
        0 => "[[routes]]\nname = \"all\"\nupstream = \"origin\"\n".to_owned(),
        routes => (0..routes)
            .map(|route| {
                format!("[[routes]]\nname = \"r{route:05}\"\npath_prefix = \"/r{route:05}\"\nupstream = \"origin\"\n")
            })
            .collect(),
    };
    format!(
        "[server]
workers = 1
watch = false
[log]
access = \"{access}\"
[listeners.web]
address = \"{address}\"
{tls}
[upstreams.origin]
endpoints = [\"{origin}\"]
max_idle = 1024
{routes}"
    )
}
