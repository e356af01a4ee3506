//! `tidegate demo`: a whole edge on loopback from an embedded config, with two origins of its own to talk to.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::terminal::{colour, fail, print};
use crate::reload::Source;
use crate::server::{self, Options};

/// The config, which is also an example to read.
const CONFIG: &str = include_str!("../../config/demo.toml");

pub(super) fn demo() -> ExitCode {
    let origins = ["one", "two"].map(origin);
    let [Ok(one), Ok(two)] = origins else {
        return fail("the demo's origins found no free port on 127.0.0.1");
    };
    let variables = [("DEMO_ORIGIN_1", one), ("DEMO_ORIGIN_2", two)];
    let variables = variables.map(|(name, address)| (name.to_owned(), address.to_string())).to_vec();
    let source = Source::Text { name: "demo.toml".to_owned(), text: CONFIG.to_owned(), variables };
    server::run(Options { source, ready: Some(page), explain: super::explain::answer })
}

/// Starts an origin on a thread of its own.
fn origin(name: &'static str) -> io::Result<SocketAddr> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || runtime.block_on(serve(name, socket));
    std::thread::Builder::new().name(format!("origin-{name}")).spawn(serve)?;
    Ok(address)
}

async fn serve(name: &'static str, socket: TcpListener) {
    let Ok(socket) = tokio::net::TcpListener::from_std(socket) else { return };
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(name, request));
            // A connection that breaks is the demo visitor's business.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Says what came: that is what one wants to see behind a proxy.
async fn answer(name: &'static str, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut body = format!("origin {name} was asked: {} {target}\n\n", request.method());
    for (field, value) in request.headers() {
        let _ = writeln!(body, "{field}: {}", String::from_utf8_lossy(value.as_bytes())); // writing to a String cannot fail
    }
    let response = Response::builder()
        .header("content-type", "text/plain; charset=utf-8")
        .header("server", "demo-origin")
        .header("x-origin", name)
        .body(Full::new(Bytes::from(body)));
    Ok(response.unwrap_or_default())
}

/// What to try, once everything is up.
fn page(_: &[(String, String)]) {
    let (bold, dim, plain) = if colour(&io::stdout()) && io::stdout().is_terminal() {
        ("\x1b[1m", "\x1b[2m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    let mut out =
        format!("\n{bold}Tidegate demo{plain}: an edge on this machine, two origins behind it. Ctrl-C stops it.\n\n");
    let lines = [
        ("http", "http://127.0.0.1:8080"),
        ("https", "https://localhost:8443 (self-signed, so curl -k)"),
        ("admin", "http://127.0.0.1:9180 (a dashboard, in a browser)"),
    ];
    for (what, address) in lines {
        let _ = writeln!(out, "  {what:<6} {address}");
    }
    let tries = [
        ("curl http://127.0.0.1:8080/", "both origins in turn; see what they are told"),
        ("curl -k https://localhost:8443/api/users", "TLS, HTTP/2; the prefix is stripped"),
        ("curl -b visitor=ann http://127.0.0.1:8080/canary", "a canary split that is sticky by cookie"),
        ("curl -H 'X-Color: green' http://127.0.0.1:8080/canary", "more predicates win"),
        ("curl -i 'http://127.0.0.1:8080/old?a=b'", "a redirect with placeholders"),
        ("curl http://127.0.0.1:8080/users/7/orders", "a rewrite by regex"),
        ("curl http://127.0.0.1:8080/ping", "an answer of the edge itself"),
        ("curl -i http://127.0.0.1:8080/ping -X POST", "which route takes it? `tidegate explain` tells"),
        ("curl http://127.0.0.1:9180/metrics", "what was counted"),
    ];
    let _ = writeln!(out, "\n{bold}Try{plain}\n");
    for (command, what) in tries {
        let _ = writeln!(out, "  {command:<58} {dim}# {what}{plain}");
    }
    let _ = writeln!(
        out,
        "\n{dim}The access log follows. The config is config/demo.toml; `tidegate defaults` prints every key.{plain}\n"
    );
    let _ = print(&out);
}
