//! nginx, answering from memory, with keep-alive as long as anybody likes.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::process::{self, Process};
use crate::samples::Kind;
use crate::scratch::Scratch;

/// Where Debian keeps it.
pub(crate) const NGINX_MISSING: &str = "nginx is not installed: apt-get install nginx-light";

/// A running origin.
pub(crate) struct Nginx {
    /// Where it speaks HTTP/1.1.
    pub(crate) http1: SocketAddr,
    /// Where it speaks HTTP/2.
    pub(crate) http2: SocketAddr,
    /// To keep.
    pub(crate) process: Process,
}

/// Starts it on a core.
pub(crate) fn start(scratch: &Scratch, core: usize) -> Result<Nginx, String> {
    let nginx = process::find("nginx").ok_or(NGINX_MISSING)?;
    let free = || process::free_address().map_err(|error| error.to_string());
    let (http1, http2) = (free()?, free()?);
    let write = |name: &str, content: Vec<u8>| scratch.write(name, content).map_err(|error| error.to_string());
    write("100k", vec![b'x'; 100 * 1024])?;
    // As large as the page is with gzip.
    write("20k", vec![b'x'; 20 * 1024])?;
    write("page.html", Kind::Html.sample(100 * 1024).into_bytes())?;
    let config = write("origin.conf", config(http1, http2, scratch.path()).into_bytes())?;
    let mut command = Command::new(nginx);
    command.arg("-p").arg(scratch.path()).arg("-e").arg("origin.err").arg("-c").arg(config);
    let mut process = Process::start("origin", &command, &core.to_string(), scratch.path())?;
    process.wait_for(http1)?;
    process.wait_for(http2)?;
    Ok(Nginx { http1, http2, process })
}

/// `/told` says what the proxy told, and how many requests its connection has had.
fn config(http1: SocketAddr, http2: SocketAddr, folder: &Path) -> String {
    let global = nginx_global("origin", folder, 1);
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
            listen {http1} backlog=4096;
            listen {http2} http2 backlog=4096;
            location / {{ return 200 \"ok\\n\"; }}
            location ~ /told$ {{
                add_header Cache-Control no-store;
                return 200 \"[$http_x_forwarded_for] [$http_x_forwarded_proto] [$http_x_forwarded_host] [$connection_requests]\";
            }}
            location = /1k {{ return 200 \"{one_k}\"; }}
            location = /100k {{ alias {folder}/100k; }}
            location = /page {{ default_type text/html; alias {folder}/page.html; }}
            location = /kept/page {{ add_header Cache-Control max-age=3600; default_type text/html; alias {folder}/page.html; }}
            location = /kept/20k {{ add_header Cache-Control max-age=3600; alias {folder}/20k; }}
            location = /kept/1k {{ add_header Cache-Control max-age=3600; return 200 \"{one_k}\"; }}
            location = /kept/100k {{ add_header Cache-Control max-age=3600; alias {folder}/100k; }}
        }}
        }}"
    )
}

/// What every nginx config of the run begins with, up to the inside of `http {`.
pub(crate) fn nginx_global(name: &str, folder: &Path, workers: usize) -> String {
    let folder = folder.display();
    // As root nginx would give its worker to `nobody`, who cannot read the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{name}.{kind};"))
        .concat();
    format!(
        "daemon off; {user} worker_processes {workers}; worker_rlimit_nofile 65536;
        pid {folder}/{name}.pid; error_log {folder}/{name}.err warn;
        events {{ worker_connections 8192; }}
        http {{ {temporary}"
    )
}
