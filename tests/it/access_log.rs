//! The access log: true, whole, and nobody waits for it.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Edge, Folder, Origin, Proxy, eventually, ok};

fn logging(origin: &Origin, log: &str) -> Proxy {
    Edge::to(origin.address).more(&format!("[log]\nformat = \"json\"\n{log}")).start_in(Folder::new())
}

#[test]
fn a_line_tells_the_whole_exchange() {
    let origin = Origin::answering(ok("hello"));
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    let peer = client.stream.local_addr().unwrap().to_string();
    client.ask("POST /a?b=c HTTP/1.1\r\nHost: example.com:81\r\nUser-Agent: story/1\r\nReferer: http://r/\r\nContent-Length: 3\r\n\r\nabc");
    let line: Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    for (field, expected) in [
        ("client_ip", Value::from("127.0.0.1")),
        ("peer", peer.into()),
        ("listener", "web".into()),
        ("route", "all".into()),
        ("upstream", "app".into()),
        ("endpoint", origin.address.to_string().into()),
        ("method", "POST".into()),
        ("scheme", "http".into()),
        ("authority", "example.com:81".into()),
        ("target", "/a?b=*".into()),
        ("protocol", "http/1.1".into()),
        ("status", 200.into()),
        ("request_bytes", 3.into()),
        ("response_bytes", 5.into()),
        ("attempts", 1.into()),
        ("reused", false.into()),
        ("user_agent", "story/1".into()),
        ("referer", "http://r/".into()),
        ("complete", true.into()),
    ] {
        assert_eq!(line[field], expected, "{field}: {line}");
    }
    assert_eq!(line["request_id"], origin.request(1).header("x-request-id").unwrap());
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0 && line["fault"].is_null());
}

#[test]
fn what_fails_is_logged_with_its_reason() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        visit.close();
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.rest();
    let line: Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert_eq!((&line["status"], &line["complete"], &line["side"]), (&200.into(), &false.into(), &"upstream".into()));
    assert_eq!(line["response_bytes"], 4);
    proxy.connect("web").ask("GET / HTTP/1.1\r\nBad Field: x\r\n\r\n");
    let line: Value = serde_json::from_str(&proxy.access_log(2)[1]).unwrap();
    assert_eq!((&line["status"], &line["side"]), (&400.into(), &"client".into()));
}

#[test]
fn combined_is_what_everybody_knows() {
    let origin = Origin::answering(ok("hello"));
    let proxy = logging(&origin, "access_format = \"combined\"");
    proxy.connect("web").ask("GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: \"quoted\"\r\n\r\n");
    let line = proxy.access_log(1).remove(0);
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(line.contains("] \"GET /a HTTP/1.1\" 200 5 \"-\" \""), "{line}");
    assert!(!line.contains("\"\"quoted"), "a quote cannot end the field: {line}");
}

#[test]
fn a_template_says_what_one_wants_to_know() {
    let origin = Origin::answering(ok("hello"));
    let proxy = logging(&origin, "access_format = \"{method} {path} {status} {{{route}}} {fault}\"");
    proxy.get("/a?secret");
    assert_eq!(proxy.access_log(1), ["GET /a 200 {all} -"]);
}

#[test]
fn nothing_a_client_sends_breaks_a_line() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send(b"GET /%22%0a HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\"\\\t{}\r\nReferer: \x80\r\n\r\n");
    assert_eq!(client.response("GET").status(), 200);
    let line: Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert_eq!(line["user_agent"], "\u{ff}\"\\\t{}");
}

#[test]
fn a_file_is_opened_again_after_it_was_moved() {
    let origin = Origin::answering(ok("x"));
    let proxy = logging(&origin, "access = \"access.log\"");
    let (path, moved) = (proxy.folder.path().join("access.log"), proxy.folder.path().join("access.log.1"));
    let lines = |path: &std::path::Path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    proxy.get("/one");
    eventually("the line is there", || lines(&path) == 1);
    std::fs::rename(&path, &moved).unwrap();
    proxy.signal(Signal::USR1);
    eventually("the file is there again", || path.exists());
    proxy.get("/two");
    eventually("the line is there", || lines(&path) == 1);
    assert_eq!(lines(&moved), 1);
}

#[test]
fn no_line_is_lost_at_the_end() {
    let origin = Origin::answering(ok("x"));
    let mut proxy = logging(&origin, "access = \"access.log\"");
    let mut client = proxy.connect("web");
    for _ in 0..500 {
        client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    proxy.term();
    assert_eq!(proxy.wait().code(), Some(0));
    let text = std::fs::read_to_string(proxy.folder.path().join("access.log")).unwrap();
    assert_eq!(text.lines().count(), 500);
}

#[test]
fn requests_do_not_wait_for_a_slow_pipe() {
    let origin = Origin::answering(ok("x"));
    let folder = Folder::new();
    let path = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    // A reader that never reads.
    let _reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let edge = Edge::to(origin.address).more("[log]\nformat = \"json\"\naccess = \"pipe\"");
    let proxy = edge.start_in(folder);
    let target = "x".repeat(4000);
    let mut client = proxy.connect("web");
    for _ in 0..4000 {
        assert_eq!(client.ask(&format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n")).status(), 200);
    }
    assert!(proxy.metric("tidegate_access_log_dropped_total") > 0.0, "16 MB do not fit into 8 MiB and a pipe");
    assert!(proxy.memory_kib("VmHWM") < 64 * 1024, "{}", proxy.memory_kib("VmHWM"));
}

#[test]
fn off_is_off() {
    let origin = Origin::answering(ok("x"));
    let mut proxy = logging(&origin, "access = \"off\"");
    proxy.get("/");
    proxy.term();
    proxy.wait();
    assert!(proxy.whole_access_log().is_empty());
}
