//! What is stored is compressed once, for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{ask, compressed, decoded, page};
use crate::support::{Edge, Folder, Gate, Message, Origin, Proxy, eventually};

const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// An edge that stores and compresses, with a second worker so that what is shared is shared between threads.
fn edge(origin: &Origin) -> Edge {
    Edge::to(origin.address).route("cache = true\ncompress = true").more("[server]\nworkers = 2")
}

/// An origin of pages, each with its number in front, with these fields.
fn pages(size: usize, fields: &'static str) -> Origin {
    let count = Arc::new(AtomicUsize::new(0));
    Origin::scripted(move |visit| {
        if visit.request.header("if-none-match").is_some_and(|tags| tags.contains("\"1\"")) {
            visit.send("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
            return;
        }
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!("{number}\n{}", page(size));
        let length = body.len();
        visit.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"{number}\"\r\nAccept-Ranges: bytes\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        ));
    })
}

/// One request, on a connection of its own.
fn get(proxy: &Proxy, path: &str, fields: &str) -> Message {
    proxy.connect("web").ask(&ask(path, fields))
}

fn packed(proxy: &Proxy, path: &str, coding: &str) -> Message {
    get(proxy, path, &format!("Accept-Encoding: {coding}\r\n"))
}

fn number(coding: &str, response: &Message) -> Option<String> {
    let plain = String::from_utf8(decoded(coding, &response.body)?).unwrap();
    Some(plain.split('\n').next().unwrap().to_owned())
}

/// Asks until what was made is in the store: the last octet may be with the client a moment before.
fn stored(proxy: &Proxy, path: &str, coding: &str) -> Message {
    let mut last = None;
    eventually("the form is stored", || {
        let before = compressed(proxy, coding, "stored");
        last = Some(packed(proxy, path, coding));
        compressed(proxy, coding, "stored") > before
    });
    last.unwrap()
}

#[test]
fn a_hit_never_compresses_twice() {
    for size in [2_000, 50_000, 1_500_000] {
        let origin = pages(size, "Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n");
        let proxy = edge(&origin).start();
        for coding in CODINGS {
            let first = packed(&proxy, "/", coding);
            assert_eq!(first.header("content-encoding"), Some(coding), "{}", first.head);
            let again = stored(&proxy, "/", coding);
            assert_eq!(again.body, first.body);
            assert_eq!(again.header("content-length"), Some(first.body.len().to_string().as_str()));
            assert_eq!((again.header("etag"), again.headers("vary")), (Some("W/\"1\""), vec!["Accept-Encoding"]));
            assert_eq!(again.header("accept-ranges"), None);
            assert!(again.header("cache-status").unwrap().starts_with("tidegate; hit"), "{}", again.head);
            eventually("it is counted", || compressed(&proxy, coding, "made") == 1.0);
            assert_eq!(compressed(&proxy, coding, "passing"), 0.0, "{coding} of {size}");
            if let Some(plain) = decoded(coding, &again.body) {
                assert!(plain == format!("1\n{}", page(size)).into_bytes());
            }
        }
        let plain = get(&proxy, "/", "");
        assert_eq!((plain.header("content-encoding"), plain.body.len()), (None, size + 2));
        assert_eq!(origin.requests().len(), 1, "all forms are of one entry");
        let log = proxy.access_log(7);
        let line: serde_json::Value =
            serde_json::from_str(log.iter().rfind(|line| line.contains("stored")).unwrap()).unwrap();
        assert_eq!(
            (line["encoding_source"].as_str(), line["plain_bytes"].as_u64()),
            (Some("stored"), Some(size as u64 + 2))
        );
    }
}

#[test]
fn one_validation_is_for_all_forms() {
    let origin = pages(5_000, "Cache-Control: no-cache\r\n");
    let proxy = edge(&origin).start();
    for coding in CODINGS {
        packed(&proxy, "/", coding);
        stored(&proxy, "/", coding);
        eventually("it is counted", || compressed(&proxy, coding, "made") == 1.0);
    }
    let full = origin.requests().iter().filter(|request| request.header("if-none-match").is_none()).count();
    assert_eq!(full, 1, "what follows is validated");
    // The client's own validators meet those of every form.
    for tag in ["\"1\"", "W/\"1\""] {
        let known = get(&proxy, "/", &format!("Accept-Encoding: br\r\nIf-None-Match: {tag}\r\n"));
        assert_eq!(known.status(), 304, "{tag}");
    }
}

#[test]
fn a_purge_takes_all_forms() {
    let origin = pages(5_000, "Cache-Control: max-age=60\r\n");
    let proxy = edge(&origin).more("[cache]\npurge_from = [\"127.0.0.0/8\"]").start();
    for coding in CODINGS {
        packed(&proxy, "/", coding);
        stored(&proxy, "/", coding);
    }
    let purge = proxy.connect("web").ask("PURGE / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(purge.status(), 200);
    for coding in CODINGS {
        let Some(number) = number(coding, &packed(&proxy, "/", coding)) else { return };
        assert_eq!(number, "2", "{coding}");
    }
}

#[test]
fn parts_are_of_the_plain_body() {
    let origin = pages(5_000, "Cache-Control: max-age=60\r\n");
    let proxy = edge(&origin).start();
    packed(&proxy, "/", "zstd");
    stored(&proxy, "/", "zstd");
    let part = get(&proxy, "/", "Accept-Encoding: zstd\r\nRange: bytes=0-1\r\n");
    assert_eq!((part.status(), part.header("content-encoding"), part.text().as_str()), (206, None, "1\n"));
    // The tag of the compressed form is weak, and so no reason for a part of anything.
    let whole = get(&proxy, "/", "Accept-Encoding: zstd\r\nRange: bytes=0-1\r\nIf-Range: W/\"1\"\r\n");
    assert_eq!((whole.status(), whole.header("content-encoding")), (200, Some("zstd")));
    let mut wire = proxy.connect("web");
    wire.send("HEAD / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: zstd\r\n\r\n");
    let head = wire.response("HEAD");
    assert_eq!((head.header("content-encoding"), head.header("etag")), (Some("zstd"), Some("W/\"1\"")));
    assert_eq!(head.headers("vary"), whole.headers("vary"));
}

#[test]
fn those_who_come_meanwhile_read_along() {
    const CLIENTS: usize = 6;
    let (gate, size) = (Gate::new(), 400_000);
    let seen = gate.clone();
    let origin = Origin::scripted(move |visit| {
        let body = page(size);
        let (begin, rest) = body.split_at(size / 2);
        visit.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: max-age=60\r\nContent-Length: {size}\r\n\r\n{begin}"
        ));
        seen.wait();
        visit.send(rest);
    });
    let proxy = edge(&origin).start();
    let mut wires: Vec<_> = (0..CLIENTS).map(|_| proxy.connect("web")).collect();
    for wire in &mut wires {
        wire.send(ask("/", "Accept-Encoding: br\r\n"));
        // Everybody is on board before the second half comes.
        assert!(wire.head().unwrap().to_lowercase().contains("content-encoding: br"));
    }
    gate.open();
    let readers = wires.into_iter().map(|mut wire| {
        thread::spawn(move || {
            let mut body = Vec::new();
            while let Some(chunk) = wire.chunk() {
                body.extend(chunk);
            }
            body
        })
    });
    let readers: Vec<_> = readers.collect();
    for reader in readers {
        let Some(plain) = decoded("br", &reader.join().unwrap()) else { return };
        assert!(plain == page(size).into_bytes());
    }
    let count = |source: &str| compressed(&proxy, "br", source);
    eventually("all are counted", || count("made") + count("joined") + count("stored") >= CLIENTS as f64);
    assert_eq!((count("made"), count("joined")), (1.0, CLIENTS as f64 - 1.0));
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn what_stays_on_the_disk_is_compressed_once() {
    let folder = Folder::new();
    // A body over a sixteenth of the memory is sent from the disk, once it is no longer in memory.
    let disk = format!(
        "[cache]\nmemory = \"16MiB\"\ndisk = {{ path = \"{}/cache\", size = \"64MiB\" }}",
        folder.path().display()
    );
    let origin = pages(1_500_000, "Cache-Control: max-age=600\r\nVary: Accept-Encoding\r\n");
    let edge = edge(&origin).more(&disk);
    let whole = |proxy: &Proxy| {
        eventually("the index is whole", || {
            proxy.metric("tidegate_cache_disk_open") == 1.0 && proxy.metric("tidegate_cache_disk_rebuilding") == 0.0
        });
    };
    let mut proxy = edge.start();
    whole(&proxy);
    let plain = get(&proxy, "/", "");
    eventually("it is on the disk", || proxy.metric("tidegate_cache_disk_written_total") >= 1.0);
    proxy.term();
    proxy.wait();
    let proxy = edge.start();
    whole(&proxy);
    let first = packed(&proxy, "/", "gzip");
    for _ in 0..3 {
        assert_eq!(stored(&proxy, "/", "gzip").body, first.body);
    }
    assert_eq!(decoded("gzip", &first.body).unwrap(), plain.body);
    assert_eq!((compressed(&proxy, "gzip", "made"), compressed(&proxy, "gzip", "passing")), (1.0, 0.0));
    assert_eq!(origin.requests().len(), 1);
}
