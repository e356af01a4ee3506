//! The static folder. What a path means and what a range asks for have tables beside the code; here it is seen from outside.

use crate::support::{Folder, Message, Proxy};

/// A site in a folder, with more keys of the action.
fn site(keys: &str) -> Proxy {
    let folder = Folder::new();
    folder.write("www/index.html", "<h1>home</h1>");
    folder.write("www/app.js", "let plain = true;");
    folder.write("www/app.js.br", "brotli bytes");
    folder.write("www/app.js.gz", "gzip bytes");
    folder.write("www/sub/index.html", "sub");
    folder.write("www/.secret", "hidden");
    folder.write("www/large.bin", vec![b'x'; 3 << 20]);
    folder.write("outside.txt", "outside");
    std::os::unix::fs::symlink(folder.path().join("outside.txt"), folder.path().join("www/link")).unwrap();
    let toml = format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nname = \"site\"\nfiles = {{ root = \"www\"{keys} }}\n"
    );
    Proxy::start_in(folder, &toml)
}

fn ask(proxy: &Proxy, method: &str, path: &str, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

#[test]
fn files_are_served_with_their_type() {
    let proxy = site("");
    let response = proxy.get("/");
    assert_eq!((response.status(), response.text().as_str()), (200, "<h1>home</h1>"));
    assert!(response.header("content-type").unwrap().starts_with("text/html"));
    assert!(proxy.get("/app.js").header("content-type").unwrap().starts_with("text/javascript"));
    assert_eq!(proxy.get("/sub/").text(), "sub");
    let response = proxy.get("/sub");
    assert!(matches!(response.status(), 301 | 308), "{}", response.head);
    assert!(response.header("location").unwrap().ends_with("sub/"));
    assert_eq!(proxy.get("/none").status(), 404);
    let head = ask(&proxy, "HEAD", "/app.js", "");
    assert_eq!((head.status(), head.header("content-length")), (200, Some("17")));
    assert_eq!(ask(&proxy, "DELETE", "/app.js", "").status(), 405);
}

#[test]
fn a_large_file_is_streamed_whole() {
    let proxy = site("");
    assert_eq!(proxy.get("/large.bin").body.len(), 3 << 20);
    assert!(proxy.memory_kib("VmHWM") < 64 * 1024);
}

#[test]
fn a_range_is_a_part() {
    let proxy = site("");
    let response = ask(&proxy, "GET", "/app.js", "Range: bytes=4-8\r\n");
    assert_eq!((response.status(), response.text().as_str()), (206, "plain"));
    assert_eq!(response.header("content-range"), Some("bytes 4-8/17"));
    assert_eq!(ask(&proxy, "GET", "/app.js", "Range: bytes=-5\r\n").text(), "true;");
    let response = ask(&proxy, "GET", "/app.js", "Range: bytes=99-\r\n");
    assert_eq!((response.status(), response.header("content-range")), (416, Some("bytes */17")));
    let several = ask(&proxy, "GET", "/app.js", "Range: bytes=0-2,4-8\r\n");
    assert!(several.status() == 200 || several.header("content-type").unwrap().starts_with("multipart/byteranges"));
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let proxy = site("");
    let response = proxy.get("/app.js");
    let (etag, modified) = (response.header("etag").unwrap(), response.header("last-modified").unwrap());
    for fields in [format!("If-None-Match: {etag}\r\n"), format!("If-Modified-Since: {modified}\r\n")] {
        let response = ask(&proxy, "GET", "/app.js", &fields);
        assert_eq!((response.status(), response.body.len()), (304, 0), "{fields}");
    }
    let stale = "If-Range: \"other\"\r\nRange: bytes=0-2\r\n".to_string();
    assert_eq!(ask(&proxy, "GET", "/app.js", &stale).status(), 200);
    assert_eq!(ask(&proxy, "GET", "/app.js", "If-Match: \"other\"\r\n").status(), 412);
}

#[test]
fn compressed_siblings_are_preferred() {
    let proxy = site("");
    for (accepts, coding, body) in [
        ("br, gzip", Some("br"), "brotli bytes"),
        ("gzip", Some("gzip"), "gzip bytes"),
        ("identity", None, "let plain = true;"),
    ] {
        let response = ask(&proxy, "GET", "/app.js", &format!("Accept-Encoding: {accepts}\r\n"));
        assert_eq!((response.header("content-encoding"), response.text().as_str()), (coding, body));
        assert!(response.header("vary").unwrap().eq_ignore_ascii_case("accept-encoding"));
        assert!(response.header("content-type").unwrap().starts_with("text/javascript"));
    }
    let plain = site(", precompressed = false");
    assert_eq!(ask(&plain, "GET", "/app.js", "Accept-Encoding: br\r\n").text(), "let plain = true;");
}

#[test]
fn nothing_outside_the_folder_is_served() {
    let proxy = site("");
    for path in [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/sub/..%5c..%5coutside.txt",
        "/link",
        "/.secret",
        "//etc/passwd",
    ] {
        let response = proxy.get(path);
        assert!(matches!(response.status(), 400 | 403 | 404), "{path}: {}", response.head);
        assert!(!response.text().contains("outside") && !response.text().contains("hidden"), "{path}");
    }
    assert_eq!(site(", hidden = true").get("/.secret").text(), "hidden");
}

#[test]
fn an_application_falls_back_to_its_page() {
    let proxy = site(", fallback = \"index.html\"");
    let response = proxy.get("/some/client/route");
    assert_eq!((response.status(), response.text().as_str()), (200, "<h1>home</h1>"));
}
