//! Varnish.

use std::path::Path;
use std::process::Command;

use super::Setup;

pub(super) fn arguments(command: &mut Command, setup: &Setup<'_>, config: &Path) {
    // As root it would give its child to a user who cannot read the folder.
    command.args(["-F", "-j", "none", "-s", "malloc,256m", "-T", "none", "-t", "3600"]);
    command.args(["-p", "thread_pools=1", "-p", "timeout_idle=3600"]);
    command.arg("-a").arg(setup.address.to_string()).arg("-f").arg(config);
    command.arg("-n").arg(setup.scratch.path().join("varnish"));
}

pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { origin, .. } = setup;
    format!(
        "vcl 4.1;
backend origin {{ .host = \"{}\"; .port = \"{}\"; }}
sub vcl_recv {{
    set req.http.X-Forwarded-Proto = \"http\";
    set req.http.X-Forwarded-Host = req.http.Host;
}}
",
        origin.ip(),
        origin.port()
    )
}
