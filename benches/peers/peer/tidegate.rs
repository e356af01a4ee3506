//! Tidegate. Every default policy stays on; only what the others are told too is told.

use super::Setup;

pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { work, address, origin, certificate, workers, .. } = setup;
    let access = if setup.access_log { setup.file("tidegate.log") } else { "off".to_owned() };
    let tls = if work.tls {
        let (cert, key) = (certificate.cert.display(), certificate.key.display());
        format!(
            "[listeners.web.tls]\ncertificates = [{{ cert = \"{cert}\", key = \"{key}\" }}]\nmin_version = \"1.3\"\n"
        )
    } else {
        String::new()
    };
    let protocol = if work.http2_upstream() { "h2" } else { "http/1.1" };
    format!(
        "[server]
workers = {workers}
watch = false
[log]
access = \"{access}\"
[listeners.web]
address = \"{address}\"
{tls}
[upstreams.origin]
endpoints = [\"{origin}\"]
protocol = \"{protocol}\"
max_idle = 1024
{routes}{generation}",
        routes = routes(setup),
        generation = generation(setup),
    )
}

fn routes(setup: &Setup<'_>) -> String {
    match setup.work.routes {
        0 => {
            let (cache, gzip) = (setup.work.cache, setup.work.gzip);
            format!("[[routes]]\nname = \"all\"\nupstream = \"origin\"\ncache = {cache}\ncompress = {gzip}\n")
        }
        routes => (0..routes)
            .map(|route| {
                format!("[[routes]]\nname = \"r{route:05}\"\npath_prefix = \"/r{route:05}\"\nupstream = \"origin\"\n")
            })
            .collect(),
    }
}

fn generation(setup: &Setup<'_>) -> String {
    match setup.work.reload {
        true => format!(
            "[[routes]]\nname = \"generation\"\npath = \"{}\"\nrespond = {{ status = 204 }}\n",
            setup.generation_path()
        ),
        false => String::new(),
    }
}
