//! One version of a resource is the dictionary of the next, and a file the dictionary of a route (RFC 9842).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{compressed, page};
use crate::support::{
    Authority, Edge, Folder, Message, Origin, Proxy, eventually, outcome, tls_config, tls_connect, tool,
};

const ALL: &str = "Accept-Encoding: gzip, br, zstd, dcb, dcz";

/// A script of that path, 40 KiB of which every other one has too.
fn script(path: &str) -> String {
    format!("// {path}\n{}// {path}\n", page(40_000))
}

fn scripts(fields: &'static str) -> Origin {
    Origin::scripted(move |visit| {
        let body = script(visit.request.first_line().split(' ').nth(1).unwrap());
        let length = body.len();
        visit.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nETag: \"a\"\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        ));
    })
}

struct Secure {
    authority: Authority,
    proxy: Proxy,
}

impl Secure {
    /// An edge with TLS on `web`, clear text on `plain`, and these keys of its route.
    fn start(origin: &Origin, route: &str, folder: Folder) -> Self {
        let authority = Authority::new();
        let issued = authority.issue(&["a.example", "b.example"]);
        folder.write("site.pem", &issued.cert);
        folder.write("site.key", &issued.key);
        let proxy = Edge::to(origin.address)
            .listener("tls = { certificates = [{ cert = \"site.pem\", key = \"site.key\" }] }")
            .route(route)
            .more("[listeners.plain]\naddress = \"127.0.0.1:0\"")
            .start_in(folder);
        Self { authority, proxy }
    }

    fn ask(&self, host: &str, path: &str, fields: &[&str]) -> Message {
        let config = tls_config(&self.authority, &[], None);
        let mut wire = tls_connect(self.proxy.addr("web"), host, &config).unwrap();
        wire.ask(&request(host, path, fields))
    }
}

fn request(host: &str, path: &str, fields: &[&str]) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{}\r\n\r\n", fields.join("\r\n"))
}

fn has(dictionary: &str) -> String {
    format!("Available-Dictionary: :{}:", BASE64_STANDARD.encode(digest(&SHA256, dictionary.as_bytes())))
}

/// What the tool of zstd makes of a body of `dcz`, after the frame with the hash, which it skips by itself.
fn unpacked(dictionary: &str, packed: &[u8]) -> Option<String> {
    assert_eq!(packed[..8], [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0]);
    assert_eq!(packed[8..40], *digest(&SHA256, dictionary.as_bytes()).as_ref());
    let folder = Folder::new();
    let (known, body) = (folder.write("known", dictionary), folder.write("body.zst", packed));
    let mut zstd = tool("zstd")?;
    let (code, out, problems) = outcome(zstd.arg("-D").arg(known).arg("-dqc").arg(body));
    assert_eq!((code, problems.as_str()), (0, ""));
    Some(out)
}

#[test]
fn what_was_stored_helps_with_the_next_version() {
    let origin = scripts("Cache-Control: max-age=60\r\nLink: </d>; rel=\"compression-dictionary\"\r\n");
    let route = "cache = true\ncompress = { dictionary = { match = \"/app.*.js\", id = \"app\" } }";
    let edge = Secure::start(&origin, route, Folder::new());
    // A browser that has no dictionary yet speaks of none.
    let first = edge.ask("a.example", "/app.1.js", &["Accept-Encoding: gzip, br, zstd"]);
    assert_eq!(first.header("use-as-dictionary"), Some("match=\"/app.*.js\", id=\"app\""), "{}", first.head);
    assert_eq!(first.header("content-encoding"), Some("zstd"));
    assert_eq!(first.header("link"), Some("</d>; rel=\"compression-dictionary\""));
    let has = has(&script("/app.1.js"));
    let mut next = None;
    eventually("it is a dictionary", || {
        let response = edge.ask("a.example", "/app.2.js", &[ALL, &has, "Dictionary-ID: \"app\"", "Cookie: a=b"]);
        let found = response.header("content-encoding") == Some("dcz");
        next = Some(response);
        found
    });
    let next = next.unwrap();
    assert_eq!(next.headers("vary"), ["accept-encoding, available-dictionary"]);
    assert_eq!((next.header("etag"), next.header("content-type")), (Some("W/\"a\""), Some("text/javascript")));
    assert!(next.body.len() < 300 && first.body.len() > 3_000, "{} {}", next.body.len(), first.body.len());
    // It is made once for all that have that dictionary.
    eventually("it is stored", || {
        let again = edge.ask("a.example", "/app.2.js", &[ALL, &has]);
        assert_eq!(again.body, next.body);
        compressed(&edge.proxy, "dcz", "stored") > 0.0
    });
    assert_eq!(compressed(&edge.proxy, "dcz", "made"), 1.0);
    eventually("it is counted", || edge.proxy.metric("tidegate_cache_dictionary_bytes") > 40_000.0);
    for (host, fields, want) in [
        ("b.example", vec![ALL, &has], "zstd"),
        ("a.example", vec![ALL], "zstd"),
        ("a.example", vec![ALL, "Available-Dictionary: :pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:"], "zstd"),
        ("a.example", vec!["Accept-Encoding: br, gzip", &has], "br"),
        ("a.example", vec!["Accept-Encoding: br, dcb", &has], "dcb"),
        ("a.example", vec![ALL, &has, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"], "zstd"),
    ] {
        let response = edge.ask(host, "/app.2.js", &fields);
        assert_eq!(response.header("content-encoding"), Some(want), "{host} {fields:?}");
    }
    let plain = edge.proxy.connect("plain").ask(&request("a.example", "/app.2.js", &[ALL, &has]));
    assert_eq!((plain.header("content-encoding"), plain.header("use-as-dictionary")), (Some("zstd"), None));
    let Some(unpacked) = unpacked(&script("/app.1.js"), &next.body) else { return };
    assert_eq!(unpacked, script("/app.2.js"));
}

#[test]
fn a_file_is_the_dictionary_of_a_route() {
    let folder = Folder::new();
    folder.write("app.dict", page(40_000));
    let origin = scripts("");
    let edge = Secure::start(&origin, "compress = { dictionary = { files = [\"app.dict\"] } }", folder);
    let has = has(&page(40_000));
    let response = edge.ask("a.example", "/a.js", &[ALL, &has]);
    assert_eq!((response.header("content-encoding"), response.header("use-as-dictionary")), (Some("dcz"), None));
    let private = edge.ask("a.example", "/a.js", &[ALL, &has, "Cookie: a=b"]);
    assert_eq!(private.header("content-encoding"), Some("zstd"), "whose response it is nobody knows");
    let Some(unpacked) = unpacked(&page(40_000), &response.body) else { return };
    assert_eq!(unpacked, script("/a.js"));
}
