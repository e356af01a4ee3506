//! The proxies, and for each the settings that make it do the same.

mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod sozu;
mod tidegate;
mod varnish;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;
use rustix::process::Signal;

use crate::certificate::Certificate;
use crate::origin::NGINX_MISSING;
use crate::process::{self, signal};
use crate::scratch::Scratch;
use crate::work::{Upstream, Work};

/// A proxy that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// The measure of the others.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
    /// Caddy.
    Caddy,
    /// sozu.
    Sozu,
    /// Varnish, for what comes from a cache.
    Varnish,
    /// This project.
    Tidegate,
}

/// What a proxy has to be told.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The work.
    pub(crate) work: &'a Work,
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// Where to take orders, for those that do by a socket.
    pub(crate) admin: SocketAddr,
    /// Where the origin is.
    pub(crate) origin: SocketAddr,
    /// For TLS.
    pub(crate) certificate: &'a Certificate,
    /// Where files go.
    pub(crate) scratch: &'a Scratch,
    /// Worker threads or processes.
    pub(crate) workers: usize,
    /// Whether requests are logged to a file.
    pub(crate) access_log: bool,
    /// Which of the configs of a reload this is. `/generation-N` answers 204 in the N-th.
    pub(crate) generation: u32,
}

impl Setup<'_> {
    /// The path that only this generation of the config knows.
    pub(crate) fn generation_path(&self) -> String {
        format!("/generation-{}", self.generation)
    }

    /// A file for what the proxy writes.
    fn file(&self, name: &str) -> String {
        self.scratch.path().join(name).display().to_string()
    }
}

impl Peer {
    /// All, in the order of the turns.
    pub(crate) const ALL: [Self; 7] =
        [Self::Nginx, Self::Haproxy, Self::Envoy, Self::Caddy, Self::Sozu, Self::Varnish, Self::Tidegate];

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
            Self::Sozu => "sozu",
            Self::Varnish => "varnish",
            Self::Tidegate => "tidegate",
        }
    }

    /// Its program, or how to get it.
    pub(crate) fn program(self, folders: &[PathBuf], tidegate: &Path) -> Result<PathBuf, String> {
        let found = |name: &str| process::find_in(folders, name);
        let debian = |name: &str, package: &str| {
            found(name).ok_or_else(|| format!("{package} is not installed: apt-get install {package}"))
        };
        match self {
            Self::Nginx => found("nginx").ok_or_else(|| NGINX_MISSING.to_owned()),
            Self::Haproxy => debian("haproxy", "haproxy"),
            Self::Varnish => debian("varnishd", "varnish"),
            Self::Envoy => envoy::program(found("envoy")),
            Self::Caddy => found("caddy").ok_or_else(|| caddy::MISSING.to_owned()),
            Self::Sozu => found("sozu").ok_or_else(|| sozu::MISSING.to_owned()),
            Self::Tidegate if tidegate.is_file() => Ok(tidegate.to_owned()),
            Self::Tidegate => Err(format!("{} is missing: cargo build --release", tidegate.display())),
        }
    }

    /// What it calls itself.
    pub(crate) fn version(self, program: &Path) -> String {
        let flag = match self {
            Self::Tidegate | Self::Envoy | Self::Sozu => "--version",
            Self::Varnish => "-V",
            Self::Nginx | Self::Haproxy => "-v",
            Self::Caddy => "version",
        };
        let Ok(output) = Command::new(program).arg(flag).output() else { return String::new() };
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        match self {
            Self::Envoy => envoy::version(line),
            Self::Caddy => format!("Caddy {}", line.split(' ').next().unwrap_or_default()),
            _ => line.to_owned(),
        }
    }

    /// Whether it does that work.
    pub(crate) fn does(self, work: &Work) -> bool {
        match self {
            // Clear text only, and what does not come from its cache is not what it is for.
            Self::Varnish => work.cache && !work.gzip,
            // Neither has a cache that is ready for use in what is shipped.
            Self::Envoy | Self::Caddy => !work.cache,
            Self::Sozu => sozu::does(work),
            Self::Nginx | Self::Haproxy | Self::Tidegate => true,
        }
    }

    /// Writes its config and says how to start it in the foreground.
    pub(crate) fn command(self, program: &Path, setup: &Setup<'_>) -> io::Result<Command> {
        let config = self.write(setup)?;
        let mut command = Command::new(program);
        match self {
            Self::Nginx => nginx::arguments(&mut command, setup, &config),
            Self::Haproxy => haproxy::arguments(&mut command, setup, &config),
            Self::Envoy => envoy::arguments(&mut command, setup, &config),
            Self::Caddy => caddy::arguments(&mut command, setup, &config),
            Self::Sozu => sozu::arguments(&mut command, &config),
            Self::Varnish => varnish::arguments(&mut command, setup, &config),
            Self::Tidegate => {
                command.arg("run").arg("-c").arg(config);
            }
        }
        Ok(command)
    }

    fn write(self, setup: &Setup<'_>) -> io::Result<PathBuf> {
        match self {
            Self::Nginx => setup.scratch.write("nginx.conf", nginx::config(setup)),
            Self::Haproxy => haproxy::write(setup),
            Self::Envoy => envoy::write(setup),
            Self::Caddy => setup.scratch.write("caddy.json", caddy::config(setup).to_string()),
            Self::Sozu => setup.scratch.write("sozu.toml", sozu::config(setup)),
            Self::Varnish => setup.scratch.write("varnish.vcl", varnish::config(setup)),
            Self::Tidegate => setup.scratch.write("tidegate.toml", tidegate::config(setup)),
        }
    }

    /// Has a running process take another generation of its config, in the way its operators do it.
    pub(crate) fn reload(self, process: u32, setup: &Setup<'_>) -> io::Result<()> {
        self.write(setup)?;
        match self {
            Self::Nginx | Self::Tidegate => signal(process, Signal::HUP),
            // To the master, which starts a new worker with `-sf` and the number of the old one.
            Self::Haproxy => signal(process, Signal::USR2),
            Self::Caddy => caddy::load(setup),
            // It watches the file.
            Self::Envoy => Ok(()),
            Self::Sozu | Self::Varnish => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
