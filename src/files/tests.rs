//! Stories of the action against real folders.

use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Version};

use super::{FileFault, Files, FilesError};
use crate::config::model;
use crate::http::sanitize::{self, CleanRequest};
use crate::http::{Body, Frame, Length, Request, Response, Scheme, Target, Text};

/// A folder that is removed with all that is in it.
pub(super) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tidegate-files-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("room in the temporary folder");
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder can be made");
        std::fs::write(&path, content).expect("a file can be made");
        let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = std::fs::File::options().write(true).open(&path).expect("just made");
        file.set_modified(past).expect("times can be set");
    }

    pub(super) fn link(&self, to: &str, name: &str) {
        std::os::unix::fs::symlink(to, self.path(name)).expect("a link can be made");
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("it is there");
    }

    pub(super) fn fifo(&self, name: &str) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, self.path(name), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO can be made");
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn model(folder: &TemporaryFolder) -> model::Files {
    model::Files {
        root: folder.0.clone(),
        index: "index.html".to_owned(),
        precompressed: true,
        fallback: None,
        types: std::iter::once(("foo".to_owned(), "text/x-foo".to_owned())).collect(),
        hidden: false,
    }
}

fn asked(method: &Method, path: &str, fields: &[(&str, &str)]) -> CleanRequest {
    let field =
        |(name, value): &(&str, &str)| (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value"));
    let request = Request {
        method: method.clone(),
        scheme: Scheme::Http,
        authority: Text::from_static("a"),
        target: target(path),
        version: Version::HTTP_11,
        headers: fields.iter().map(field).collect(),
        upgrade: None,
        expects_continue: false,
        body: Body::Empty,
    };
    let limits =
        sanitize::Limits { max_fields: 128, max_field_size: 8192, max_target_size: 8192, max_head_size: 16384 };
    sanitize::request(request, limits, Default::default()).expect("clean")
}

fn target(path: &str) -> Target {
    Target::parse(Text::visible(Bytes::copy_from_slice(path.as_bytes())).expect("visible")).expect("a target")
}

/// What a client sees: status, fields, body.
struct Seen {
    status: u16,
    response: Response,
    body: Vec<u8>,
}

impl Seen {
    fn field(&self, name: &str) -> &str {
        self.response.headers.text(&name.parse().expect("a name")).unwrap_or("-")
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

async fn get(files: &Files, target: &str, fields: &[(&str, &str)]) -> Seen {
    ask(files, &Method::GET, target, fields).await.expect("an answer")
}

async fn status(files: &Files, target: &str) -> u16 {
    ask(files, &Method::GET, target, &[]).await.map_or_else(|fault| fault.status().as_u16(), |seen| seen.status)
}

async fn ask(files: &Files, method: &Method, target: &str, fields: &[(&str, &str)]) -> Result<Seen, FileFault> {
    let request = asked(method, target, fields);
    see(files.serve(&request, request.target(), SystemTime::now()).await?).await
}

async fn see(mut response: Response) -> Result<Seen, FileFault> {
    let Length::Known(length) = response.body.length() else { panic!("the length is known") };
    let mut body = Vec::new();
    while let Some(frame) = poll_fn(|cx| response.body.poll_frame(cx)).await {
        let Ok(Frame::Data(bytes)) = frame else { panic!("{frame:?}") };
        body.extend_from_slice(&bytes);
    }
    assert_eq!(body.len() as u64, length);
    Ok(Seen { status: response.status.as_u16(), response, body })
}

#[tokio::test]
async fn a_file_with_all_that_is_said_of_it() {
    let folder = TemporaryFolder::new();
    folder.write("a b.txt", b"hello");
    folder.write("x.foo", b"");
    folder.write("big.bin", &[7; 200_000]);
    let files = Files::compile(&model(&folder)).expect("a folder");
    let seen = get(&files, "/a%20b.txt?x=1", &[]).await;
    assert_eq!((seen.status, seen.text()), (200, "hello"));
    assert_eq!(seen.field("content-type"), "text/plain; charset=utf-8");
    assert_eq!(seen.field("last-modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
    assert_eq!((seen.field("accept-ranges"), seen.field("x-content-type-options")), ("bytes", "nosniff"));
    assert!(seen.field("etag").starts_with('"') && seen.field("etag").ends_with('"'));
    assert_eq!((seen.field("vary"), seen.field("content-encoding")), ("-", "-"));
    let head = ask(&files, &Method::HEAD, "/a%20b.txt", &[]).await.expect("an answer");
    assert_eq!((head.status, head.field("content-length"), head.body.len()), (200, "5", 0));
    assert_eq!(head.field("etag"), seen.field("etag"));
    let empty = get(&files, "/x.foo", &[]).await;
    assert_eq!((empty.status, empty.field("content-type"), empty.body.len()), (200, "text/x-foo", 0));
    let big = get(&files, "/big.bin", &[]).await;
    assert_eq!((big.field("content-type"), big.body.len()), ("application/octet-stream", 200_000));
    let head = ask(&files, &Method::HEAD, "/big.bin", &[("range", "bytes=0-1")]).await.expect("an answer");
    assert_eq!((head.status, head.field("content-length")), (200, "200000"));
}

#[tokio::test]
async fn folders_and_their_index() {
    let folder = TemporaryFolder::new();
    folder.write("index.html", b"top");
    folder.write("docs/index.html", b"docs");
    folder.write("bare/x", b"x");
    folder.write("odd/index.html/x", b"x");
    let files = Files::compile(&model(&folder)).expect("a folder");
    assert_eq!(get(&files, "/", &[]).await.text(), "top");
    assert_eq!(get(&files, "/docs/", &[]).await.text(), "docs");
    let moved = get(&files, "/docs?x=1", &[]).await;
    assert_eq!((moved.status, moved.field("location")), (301, "./docs/?x=1"));
    for target in ["/bare/", "/odd/", "/index.html/", "/docs/index.html/x", "/none", "/none/"] {
        assert_eq!(status(&files, target).await, 404, "{target}");
    }
}

#[tokio::test]
async fn a_stripped_prefix_and_its_slash() {
    let folder = TemporaryFolder::new();
    folder.write("index.html", b"top");
    let files = Files::compile(&model(&folder)).expect("a folder");
    let serve = async |asked_for: &str, stripped: &str| {
        let mut request = asked(&Method::GET, asked_for, &[]);
        let before = request.target().clone();
        request.set_target(target(stripped)).expect("clean");
        see(files.serve(&request, &before, SystemTime::now()).await.expect("an answer")).await.expect("seen")
    };
    assert_eq!(serve("/app", "/").await.field("location"), "./app/");
    assert_eq!(serve("/app?x", "/?x").await.field("location"), "./app/?x");
    assert_eq!(serve("/app/", "/").await.text(), "top");
    assert_eq!(serve("/app/index.html", "/index.html").await.text(), "top");
}

#[tokio::test]
async fn what_is_not_shown() {
    let folder = TemporaryFolder::new();
    folder.write("secret", b"secret");
    folder.write("root/a", b"a");
    folder.write("root/.env", b"secret");
    folder.write("root/.git/config", b"secret");
    folder.write("root/.well-known/x", b"public");
    folder.write("root/sub/b", b"b");
    folder.link("../secret", "root/out");
    folder.link("..", "root/up");
    folder.link("a", "root/in");
    folder.fifo("root/fifo");
    let model = model::Files { root: folder.path("root"), ..model(&folder) };
    let files = Files::compile(&model).expect("a folder");
    for (path, want) in [
        ("/a", 200),
        ("/in", 200),
        ("/sub/b", 200),
        ("/.well-known/x", 200),
        ("/.env", 404),
        ("/%2eenv", 404),
        ("/.git/config", 404),
        ("/out", 404),
        ("/up/secret", 404),
        ("/sub%2fb", 404),
        ("/sub%5cb", 404),
        ("/sub//b", 404),
        ("//sub/b", 404),
        ("/sub/%2e%2e/a", 200),
        ("/fifo", 404),
    ] {
        assert_eq!(status(&files, path).await, want, "{path}");
    }
    assert_eq!(status(&files, &format!("/{}", "x".repeat(300))).await, 404);
    let shown = Files::compile(&model::Files { hidden: true, ..model }).expect("a folder");
    assert_eq!(status(&shown, "/.env").await, 200);
}

#[tokio::test]
async fn an_unreadable_file_is_forbidden() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TemporaryFolder::new();
    folder.write("a", b"a");
    std::fs::set_permissions(folder.path("a"), std::fs::Permissions::from_mode(0o0)).expect("own file");
    let files = Files::compile(&model(&folder)).expect("a folder");
    // Root reads everything.
    let want = if rustix::process::geteuid().is_root() { 200 } else { 403 };
    assert_eq!(status(&files, "/a").await, want);
}

#[tokio::test]
async fn other_methods() {
    let folder = TemporaryFolder::new();
    folder.write("a", b"a");
    let files = Files::compile(&model(&folder)).expect("a folder");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let fault = ask(&files, &method, "/a", &[]).await.err().expect("refused");
        assert_eq!((fault.status().as_u16(), fault.allow()), (405, Some(HeaderValue::from_static("GET, HEAD"))));
    }
    assert_eq!(FileFault::NotFound.allow(), None);
}

#[tokio::test]
async fn ranges() {
    let folder = TemporaryFolder::new();
    folder.write("a.txt", b"0123456789");
    folder.write("empty", b"");
    let files = Files::compile(&model(&folder)).expect("a folder");
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=8-", 206, "89", "bytes 8-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=0-9,0-9", 200, "0123456789", "-"),
        ("lines=1-2", 200, "0123456789", "-"),
    ] {
        let seen = get(&files, "/a.txt", &[("range", range)]).await;
        assert_eq!((seen.status, seen.text(), seen.field("content-range")), (status, body, content_range), "{range}");
        assert_eq!(seen.field("accept-ranges"), "bytes", "{range}");
    }
    assert_eq!(get(&files, "/empty", &[("range", "bytes=0-")]).await.status, 416);
    let several = get(&files, "/a.txt", &[("range", "bytes=0-1,-1")]).await;
    let boundary =
        several.field("content-type").strip_prefix("multipart/byteranges; boundary=").expect("multipart").to_owned();
    let want = format!(
        "--{boundary}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-range: bytes 0-1/10\r\n\r\n01\r\n--{boundary}\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-range: bytes 9-9/10\r\n\r\n9\r\n--{boundary}--\r\n"
    );
    assert_eq!((several.status, several.text(), several.field("content-range")), (206, want.as_str(), "-"));
}

#[tokio::test]
async fn validators() {
    let folder = TemporaryFolder::new();
    folder.write("a.txt", b"0123456789");
    let files = Files::compile(&model(&folder)).expect("a folder");
    let first = get(&files, "/a.txt", &[]).await;
    let (etag, modified) = (first.field("etag").to_owned(), first.field("last-modified").to_owned());
    for (fields, want) in [
        (vec![("if-none-match", etag.as_str())], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-modified-since", modified.as_str())], 304),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-match", etag.as_str())], 200),
        (vec![("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT")], 412),
        (vec![("range", "bytes=0-0"), ("if-range", etag.as_str())], 206),
        (vec![("range", "bytes=0-0"), ("if-range", modified.as_str())], 206),
        (vec![("range", "bytes=0-0"), ("if-range", "\"other\"")], 200),
        (vec![("range", "bytes=0-0"), ("if-none-match", etag.as_str())], 304),
    ] {
        let seen = get(&files, "/a.txt", &fields).await;
        assert_eq!(seen.status, want, "{fields:?}");
        if want == 304 {
            assert_eq!((seen.field("etag"), seen.field("content-type"), seen.body.len()), (etag.as_str(), "-", 0));
        }
    }
    folder.write("b.txt", b"9876543210");
    std::fs::rename(folder.path("b.txt"), folder.path("a.txt")).expect("same folder");
    assert_eq!(get(&files, "/a.txt", &[("if-none-match", &etag)]).await.text(), "9876543210");
}

#[tokio::test]
async fn compressed_siblings() {
    let folder = TemporaryFolder::new();
    for (name, content) in [
        ("a.js", "plain"),
        ("a.js.gz", "gzip"),
        ("a.js.br", "brotli"),
        ("b.js", "b"),
        ("c.png", "c"),
        ("c.png.gz", "no"),
    ] {
        folder.write(name, content.as_bytes());
    }
    folder.write("only.js.gz", b"gzip");
    let files = Files::compile(&model(&folder)).expect("a folder");
    for (target, accept, body, coding, vary) in [
        ("/a.js", "gzip", "gzip", "gzip", "accept-encoding"),
        ("/a.js", "gzip, br", "brotli", "br", "accept-encoding"),
        ("/a.js", "zstd, gzip", "gzip", "gzip", "accept-encoding"),
        ("/a.js", "gzip, br;q=0.1", "gzip", "gzip", "accept-encoding"),
        ("/a.js", "gzip;q=0, br;q=0", "plain", "-", "accept-encoding"),
        ("/a.js", "", "plain", "-", "accept-encoding"),
        ("/b.js", "gzip", "b", "-", "-"),
        ("/c.png", "gzip", "c", "-", "-"),
        ("/a.js.gz", "gzip", "gzip", "-", "-"),
    ] {
        let seen = get(&files, target, &[("accept-encoding", accept)]).await;
        assert_eq!(
            (seen.text(), seen.field("content-encoding"), seen.field("vary")),
            (body, coding, vary),
            "{target} {accept}"
        );
        if target == "/a.js" {
            assert_eq!(seen.field("content-type"), "text/javascript; charset=utf-8");
        }
    }
    assert_eq!(get(&files, "/a.js", &[]).await.text(), "plain");
    assert_eq!(status(&files, "/only.js").await, 404);
    let packed = get(&files, "/a.js", &[("accept-encoding", "gzip")]).await;
    let plain = get(&files, "/a.js", &[]).await;
    assert_ne!(packed.field("etag"), plain.field("etag"));
    let same = get(&files, "/a.js", &[("accept-encoding", "gzip"), ("if-none-match", packed.field("etag"))]).await;
    assert_eq!((same.status, same.field("vary")), (304, "accept-encoding"));
    let other = get(&files, "/a.js", &[("accept-encoding", "gzip"), ("if-none-match", plain.field("etag"))]).await;
    assert_eq!(other.status, 200);
    let part = get(&files, "/a.js", &[("accept-encoding", "gzip"), ("range", "bytes=1-2")]).await;
    assert_eq!((part.status, part.text(), part.field("content-encoding")), (206, "zi", "gzip"));
    let off = Files::compile(&model::Files { precompressed: false, ..model(&folder) }).expect("a folder");
    let seen = get(&off, "/a.js", &[("accept-encoding", "gzip")]).await;
    assert_eq!((seen.text(), seen.field("vary")), ("plain", "-"));
}

#[tokio::test]
async fn a_fallback_for_single_page_applications() {
    let folder = TemporaryFolder::new();
    folder.write("app.html", b"app");
    folder.write("a.js", b"js");
    folder.write("empty/x", b"x");
    folder.write(".env", b"secret");
    let files =
        Files::compile(&model::Files { fallback: Some("app.html".to_owned()), ..model(&folder) }).expect("a folder");
    for (target, want) in [("/", "app"), ("/users/7", "app"), ("/empty/", "app"), ("/a.js", "js"), ("/a.js/x", "app")] {
        let seen = get(&files, target, &[]).await;
        assert_eq!((seen.status, seen.text()), (200, want), "{target}");
    }
    assert_eq!(get(&files, "/users/7", &[]).await.field("content-type"), "text/html; charset=utf-8");
    for target in ["/.env", "//x"] {
        assert_eq!(status(&files, target).await, 404, "{target}");
    }
    folder.remove("app.html");
    assert_eq!(status(&files, "/users/7").await, 404);
}

#[test]
fn configs_that_cannot_be() {
    let folder = TemporaryFolder::new();
    let label = |model: model::Files| Files::compile(&model).err().map(|error| error.label());
    assert_eq!(label(model(&folder)), None);
    assert_eq!(label(model::Files { root: folder.path("none"), ..model(&folder) }), Some("files_root"));
    for name in ["", "/etc/passwd", "../x", "a/../x", "a//b", "."] {
        assert_eq!(label(model::Files { index: name.to_owned(), ..model(&folder) }), Some("files_name"), "{name}");
        assert_eq!(
            label(model::Files { fallback: Some(name.to_owned()), ..model(&folder) }),
            Some("files_name"),
            "{name}"
        );
    }
    let types = std::iter::once(("x".to_owned(), "\n".to_owned())).collect();
    assert_eq!(label(model::Files { types, ..model(&folder) }), Some("files_type"));
    let error = FilesError::Name("../x".to_owned());
    assert_eq!(error.to_string(), "\"../x\" is no name of a file below the folder");
}
