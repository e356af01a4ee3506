//! The origin: nginx, answering from memory, with keep-alive as long as anybody likes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::process::{self, Process};
use crate::scratch::Scratch;

/// Where debian keeps it.
pub(crate) const NGINX_MISSING: &str = "nginx is not installed: apt-get install nginx-light";

/// A running origin.
pub(crate) struct Origin {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Origin {
    /// Starts it on a core.
    pub(crate) fn start(scratch: &Scratch, core: usize) -> Result<Self, String> {
        let nginx = process::find("nginx").ok_or(NGINX_MISSING)?;
        let address = process::free_address().map_err(|error| error.to_string())?;
        let write = |name: &str, content: Vec<u8>| scratch.write(name, content).map_err(|error| error.to_string());
        write("100k", vec![b'x'; 100 * 1024])?;
        let config = write("origin.conf", config(address, scratch.path()).into_bytes())?;
        let mut command = Command::new(nginx);
        command.arg("-p").arg(scratch.path()).arg("-e").arg("origin.err").arg("-c").arg(config);
        let mut process = Process::start("origin", &command, core, scratch.path())?;
        process.wait_for(address)?;
        Ok(Self { address, _process: process })
    }
}

fn config(address: SocketAddr, folder: &Path) -> String {
    let global = nginx_global("origin", folder);
    let one_k = "k".repeat(1024);
    let folder = folder.display();
    format!(
        "{global}
        access_log off;
        sendfile on; tcp_nopush on;
        open_file_cache max=100 inactive=1h;
        keepalive_timeout 1h; keepalive_requests 1000000000;
        default_type text/plain;
        server {{
            listen {address} backlog=4096;
            location / {{ return 200 \"ok\\n\"; }}
            location = /1k {{ return 200 \"{one_k}\"; }}
            location = /100k {{ alias {folder}/100k; }}
        }}
        }}"
    )
}

/// What every nginx config of the run begins with, up to the inside of `http {`.
pub(crate) fn nginx_global(name: &str, folder: &Path) -> String {
    let folder = folder.display();
    // As root nginx would give its worker to `nobody`, who cannot read the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{name}.{kind};"))
        .concat();
    format!(
        "daemon off; {user} worker_processes 1; worker_rlimit_nofile 65536;
        pid {folder}/{name}.pid; error_log {folder}/{name}.err warn;
        events {{ worker_connections 8192; }}
        http {{ {temporary}"
    )
}
