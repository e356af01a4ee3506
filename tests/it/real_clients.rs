//! Programs that everybody has, on both sides of the proxy.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::support::{Authority, Edge, Folder, Gate, Origin, Proxy, eventually, free_port, ok, outcome, python, tool};

/// An origin of one document that knows ranges.
fn ranges() -> (Origin, Vec<u8>) {
    let document: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
    let content = document.clone();
    let origin = Origin::scripted(move |visit| {
        let body = visit.read_body().body.len();
        let first = visit
            .request
            .header("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        if visit.request.first_line().starts_with("PUT") {
            visit.send(ok(&body.to_string()));
            return;
        }
        let first: usize = first.unwrap_or(0);
        let rest = &content[first..];
        let status = if first == 0 { "200 OK" } else { "206 Partial Content" };
        let range = format!("Content-Range: bytes {first}-{}/{}\r\n", content.len() - 1, content.len());
        let range = if first == 0 { "" } else { &range };
        visit.send(format!(
            "HTTP/1.1 {status}\r\n{range}Accept-Ranges: bytes\r\nContent-Length: {}\r\n\r\n",
            rest.len()
        ));
        visit.send(rest);
    });
    (origin, document)
}

/// A proxy in front of an origin with a listener in clear text and one under TLS for `a.test`.
fn both(origin: &Origin) -> Proxy {
    let (folder, authority) = (Folder::new(), Authority::new());
    folder.write("ca.pem", authority.pem());
    let certificate = authority.issue(&["a.test"]).write(&folder, "a");
    let secure = format!(
        "[listeners.secure]\naddress = \"127.0.0.1:0\"\n[listeners.secure.tls]\ncertificates = [{certificate}]"
    );
    Edge::to(origin.address).more(&secure).start_in(folder)
}

/// The arguments with which curl finds `a.test` at the secure listener and trusts it.
fn curl_secure(curl: &mut Command, proxy: &Proxy) -> String {
    let port = proxy.port("secure");
    curl.args(["--resolve", &format!("a.test:{port}:127.0.0.1"), "--cacert"]).arg(proxy.folder.path().join("ca.pem"));
    format!("https://a.test:{port}")
}

#[test]
fn curl_in_every_version() {
    let origin = Origin::answering(ok("hello curl"));
    let proxy = both(&origin);
    for (flags, secure, version) in [
        (&["--http1.0"][..], false, "1.1"),
        (&["--http1.1"], false, "1.1"),
        (&["--http2-prior-knowledge"], false, "2"),
        (&["--http1.1"], true, "1.1"),
        (&["--http2"], true, "2"),
        (&["--http2", "--tls-max", "1.2"], true, "2"),
    ] {
        let Some(mut curl) = tool("curl") else { return };
        let base =
            if secure { curl_secure(&mut curl, &proxy) } else { format!("http://127.0.0.1:{}", proxy.port("web")) };
        curl.args(["-sS", "--fail", "-w", "\n%{http_version}"]).args(flags).arg(format!("{base}/x"));
        let (code, said, wrong) = outcome(&mut curl);
        assert_eq!((code, said.as_str()), (0, format!("hello curl\n{version}").as_str()), "{flags:?}: {wrong}");
    }
}

#[test]
fn curl_uploads() {
    let (origin, document) = ranges();
    let proxy = both(&origin);
    for (flags, secure) in
        [(&["--http1.1"][..], false), (&["--http1.1", "-H", "Transfer-Encoding: chunked"], false), (&["--http2"], true)]
    {
        let Some(mut curl) = tool("curl") else { return };
        let base =
            if secure { curl_secure(&mut curl, &proxy) } else { format!("http://127.0.0.1:{}", proxy.port("web")) };
        let file = proxy.folder.write("upload.bin", &document);
        curl.args(["-sS", "--fail"]).args(flags).arg("-T").arg(file).arg(format!("{base}/upload"));
        let (code, said, wrong) = outcome(&mut curl);
        assert_eq!((code, said), (0, document.len().to_string()), "{flags:?}: {wrong}");
    }
}

#[test]
fn curl_resumes_a_download() {
    let (origin, document) = ranges();
    let proxy = both(&origin);
    let Some(mut curl) = tool("curl") else { return };
    let file = proxy.folder.write("part.bin", &document[..300_000]);
    curl.args(["-sS", "--fail", "-C", "-", "-o"]).arg(&file).arg(format!("http://127.0.0.1:{}/d", proxy.port("web")));
    let (code, _, wrong) = outcome(&mut curl);
    assert_eq!(code, 0, "{wrong}");
    assert!(std::fs::read(file).unwrap() == document, "the parts make the whole");
    assert_eq!(origin.request(1).header("range"), Some("bytes=300000-"));
}

#[test]
fn curl_says_who_it_is_by_proxy_protocol() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).listener("proxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\"]").start();
    let Some(mut curl) = tool("curl") else { return };
    curl.args(["-sS", "--fail", "--haproxy-protocol"]).arg(format!("http://127.0.0.1:{}/", proxy.port("web")));
    let (code, said, wrong) = outcome(&mut curl);
    assert_eq!((code, said.as_str()), (0, "x"), "{wrong}");
    assert_eq!(origin.request(1).header("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn curl_waits_for_100_continue_and_sends_trailers_on() {
    let asked = Gate::new();
    let origin = Origin::scripted({
        let asked = asked.clone();
        move |visit| {
            assert!(visit.request.header("expect").is_some());
            asked.open();
            visit.send("HTTP/1.1 100 Continue\r\n\r\n");
            let length = visit.read_body().body.len();
            visit.send(ok(&length.to_string()));
        }
    });
    let proxy = both(&origin);
    let Some(mut curl) = tool("curl") else { return };
    let file = proxy.folder.write("body.bin", vec![b'x'; 100_000]);
    curl.args(["-sS", "--fail", "--expect100-timeout", "15", "-H", "Expect: 100-continue", "-T"]).arg(file);
    let (code, said, wrong) = outcome(curl.arg(format!("http://127.0.0.1:{}/", proxy.port("web"))));
    assert_eq!((code, said.as_str()), (0, "100000"), "{wrong}");
    asked.wait();
}

#[test]
fn nghttp_speaks_both_kinds_of_http2() {
    let origin = Origin::answering(ok("hello nghttp"));
    let proxy = both(&origin);
    let bases =
        [format!("http://127.0.0.1:{}", proxy.port("web")), format!("https://127.0.0.1:{}", proxy.port("secure"))];
    for base in bases {
        let Some(mut nghttp) = tool("nghttp") else { return };
        let file = proxy.folder.write("data.bin", vec![b'x'; 200_000]);
        let authority = ["-H", ":authority: a.test"];
        let mut upload = tool("nghttp").unwrap();
        upload.args(authority).arg("-nv").arg("-d").arg(file).arg(format!("{base}/up"));
        let (code, said, wrong) = outcome(&mut upload);
        assert!(code == 0 && said.contains(":status: 200"), "{base}: {said}{wrong}");
        // Two at once on one connection.
        let (code, said, wrong) = outcome(nghttp.args(authority).args([format!("{base}/1"), format!("{base}/2")]));
        assert_eq!((code, said.matches("hello nghttp").count()), (0, 2), "{base}: {wrong}");
    }
    assert!(origin.requests().iter().any(|request| request.body.len() == 200_000));
}

#[test]
fn h2load_loses_nothing() {
    let origin = Origin::answering(ok("x"));
    let proxy = both(&origin);
    for flags in [&[][..], &["--h1"]] {
        let Some(mut h2load) = tool("h2load") else { return };
        h2load.args(["-n2000", "-c4", "-m10"]).args(flags);
        let (code, said, wrong) = outcome(h2load.arg(format!("http://127.0.0.1:{}/", proxy.port("web"))));
        assert!(code == 0 && said.contains("2000 succeeded, 0 failed"), "{said}{wrong}");
    }
}

#[test]
fn openssl_agrees() {
    let origin = Origin::answering(ok("x"));
    let proxy = both(&origin);
    let session = proxy.folder.path().join("session");
    let ask = |flags: &[&str]| {
        let mut openssl = tool("openssl")?;
        openssl.args(["s_client", "-connect", &proxy.addr("secure").to_string(), "-servername", "a.test", "-CAfile"]);
        openssl.arg(proxy.folder.path().join("ca.pem")).arg("-verify_return_error").args(flags);
        let mut child = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let keep = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let Some(said) = ask(&[version, "-ign_eof", "-alpn", "http/1.1", "-sess_out", keep]) else { return };
        assert!(said.contains("Verify return code: 0") && said.contains("ALPN protocol: http/1.1"), "{said}");
        assert!(said.contains("200 OK") && said.contains("New, TLS"), "{said}");
        let said = ask(&[version, "-ign_eof", "-sess_in", keep]).unwrap();
        assert!(said.contains("Reused, TLS"), "{version}: {said}");
    }
}

/// A script that prints its origin's port, is told the proxy's, and says that it is done.
fn talk_to_itself(module: &str, script: &str, edge: impl Fn(&str) -> Edge) {
    let Some(mut python) = python(module) else { return };
    let path = format!("{}/tests/it/clients/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut child = Ended(python.arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut out = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let origin = out.next().unwrap().unwrap();
    let proxy = edge(&format!("127.0.0.1:{origin}")).start();
    writeln!(child.0.stdin.take().unwrap(), "{}", proxy.port("web")).unwrap();
    assert_eq!(out.next().and_then(Result::ok).as_deref(), Some("done"), "{script}");
}

#[test]
fn websockets_of_python() {
    talk_to_itself("websockets", "websocket.py", |origin| Edge::to(origin));
}

#[test]
fn grpcio_of_python() {
    talk_to_itself("grpc", "grpc_echo.py", |origin| Edge::to(origin).upstream("protocol = \"h2\""));
}

/// A program of a story, which ends with it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

const NGINX: &str = "daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events { worker_connections 256; }
http {
    access_log off; client_max_body_size 0;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {
        listen unix:{folder}/nginx.sock; listen {address};
        root {folder}/www;
        location /put/ { dav_methods PUT; }
        location /gzip/ { alias {folder}/www/; gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *; }
        location /moved { return 301 http://$http_host/large; }
    }
}";

#[test]
fn nginx_is_an_origin_like_any_other() {
    let Some(mut nginx) = tool("nginx") else { return };
    let folder = Folder::new();
    let large: Vec<u8> = (0..500_000_u32).flat_map(u32::to_be_bytes).collect();
    folder.write("www/large", &large);
    folder.write("www/page.html", "<p>".repeat(1000));
    std::fs::create_dir_all(folder.path().join("www/put")).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = NGINX.replace("{folder}", folder.path().to_str().unwrap()).replace("{address}", &address.to_string());
    let config = folder.write("nginx.conf", text);
    nginx.arg("-p").arg(folder.path()).arg("-e").arg("nginx.err").arg("-c").arg(config);
    let _nginx = Ended(nginx.stdin(Stdio::null()).spawn().unwrap());
    eventually("nginx listens", || std::net::TcpStream::connect(address).is_ok());
    for endpoint in [address.to_string(), format!("unix:{}/nginx.sock", folder.path().display())] {
        let proxy = Edge::to(&endpoint).start();
        let mut client = proxy.connect("web");
        let mut ask = |request: &str| client.ask(request);
        assert!(ask("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").body == large, "{endpoint}");
        let part = ask("GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=10-19\r\n\r\n");
        assert_eq!((part.status(), &part.body[..]), (206, &large[10..20]));
        let head = ask("HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(head.header("content-length"), Some("2000000"));
        let etag = head.header("etag").unwrap();
        assert_eq!(ask(&format!("GET /large HTTP/1.1\r\nHost: a\r\nIf-None-Match: {etag}\r\n\r\n")).status(), 304);
        let gzip = ask("GET /gzip/page.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        assert_eq!(
            (gzip.header("content-encoding"), gzip.header("transfer-encoding")),
            (Some("gzip"), Some("chunked"))
        );
        assert!(gzip.body.starts_with(&[0x1f, 0x8b]));
        let moved = ask("GET /moved HTTP/1.1\r\nHost: a:81\r\n\r\n");
        assert_eq!((moved.status(), moved.header("location")), (301, Some("http://a:81/large")));
        for (name, framing) in [
            ("length", "Content-Length: 5\r\n\r\nhello"),
            ("chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ] {
            let name = format!("{name}-{}", endpoint.len());
            assert_eq!(ask(&format!("PUT /put/{name} HTTP/1.1\r\nHost: a\r\n{framing}")).status(), 201);
            assert_eq!(std::fs::read(folder.path().join("www/put").join(name)).unwrap(), b"hello");
        }
        assert_eq!(ask("GET /none HTTP/1.1\r\nHost: a\r\n\r\n").status(), 404);
    }
}
