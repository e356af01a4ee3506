//! nginx.

use std::path::Path;
use std::process::Command;

use super::{Setup, Upstream};
use crate::origin::nginx_global;

pub(super) fn arguments(command: &mut Command, setup: &Setup<'_>, config: &Path) {
    command.arg("-p").arg(setup.scratch.path()).arg("-e").arg("nginx.err").arg("-c").arg(config);
}

pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { work, origin, certificate, scratch, workers, .. } = setup;
    let global = nginx_global("nginx", scratch.path(), *workers);
    let access_log = if setup.access_log { setup.file("nginx.log") } else { "off".to_owned() };
    let tls = if work.tls {
        let (cert, key) = (certificate.cert.display(), certificate.key.display());
        format!("ssl_protocols TLSv1.3; ssl_certificate {cert}; ssl_certificate_key {key};")
    } else {
        String::new()
    };
    let cache = if work.cache {
        let folder = setup.file("nginx.cache");
        format!("proxy_cache_path {folder} keys_zone=kept:10m max_size=256m; proxy_cache kept;")
    } else {
        String::new()
    };
    let gzip = if work.gzip { "gzip on; gzip_comp_level 5; gzip_min_length 512; gzip_proxied any;" } else { "" };
    format!(
        "{global}
        access_log {access_log};
        {cache} {gzip}
        sendfile on; tcp_nopush on;
        keepalive_timeout 1h; keepalive_requests 1000000000;
        client_max_body_size 0;
        proxy_http_version 1.1; proxy_request_buffering off;
        {fields}
        proxy_buffer_size 16k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;
        {tls}
        upstream origin {{ server {origin}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 1h; }}
        server {{ {listen} {locations} }}
        }}\n",
        fields = fields(setup),
        listen = listen(setup),
        locations = locations(setup),
    )
}

fn listen(setup: &Setup<'_>) -> String {
    let tls = if setup.work.tls { "ssl" } else { "" };
    // One listener speaks either HTTP/2 or HTTP/1.1 in clear text.
    let http2 = if setup.work.tls || setup.work.http2() { "http2" } else { "" };
    let reuse = if setup.workers > 1 { "reuseport" } else { "" };
    format!("listen {} {tls} {http2} {reuse} backlog=4096;", setup.address)
}

/// What is told to the origin, by either module.
fn fields(setup: &Setup<'_>) -> String {
    let connection = match setup.work.upstream {
        Upstream::Echo => "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;",
        _ => "proxy_set_header Connection \"\";",
    };
    let told = [
        ("Host", "$host"),
        ("X-Forwarded-For", "$proxy_add_x_forwarded_for"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Forwarded-Host", "$host"),
    ];
    let module = if setup.work.http2_upstream() { "grpc" } else { "proxy" };
    let fields: String = told.iter().map(|(name, value)| format!("{module}_set_header {name} {value};\n")).collect();
    if module == "grpc" { fields } else { format!("{connection}\n{fields}") }
}

fn locations(setup: &Setup<'_>) -> String {
    // The module for gRPC is how it speaks HTTP/2 to an upstream.
    let pass = if setup.work.http2_upstream() { "grpc_pass grpc://origin" } else { "proxy_pass http://origin" };
    let routes: String = match setup.work.routes {
        0 => format!("location / {{ {pass}; }}"),
        routes => (0..routes).map(|route| format!("location /r{route:05}/ {{ {pass}; }}\n")).collect(),
    };
    let generation = match setup.work.reload {
        true => format!("location = {} {{ return 204; }}", setup.generation_path()),
        false => String::new(),
    };
    format!("{routes} {generation}")
}
