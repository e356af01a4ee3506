use super::*;

const LIMITS: HeadLimits = HeadLimits { head: 512, field: 128, fields: 8, target: 64 };

fn read(text: &str) -> Result<RequestHead, HeadError> {
    let mut scan = HeadScan::default();
    let end = scan.find(text.as_bytes(), &LIMITS)?.expect("the whole head");
    assert_eq!(end, text.len());
    request(BytesMut::from(text), &LIMITS)
}

#[test]
fn requests_that_are_taken() {
    let head = read("GET /a?b HTTP/1.1\r\nHost: x\r\nX-A:  two words \t\r\nEmpty:\r\n\r\n").expect("taken");
    assert_eq!((head.method, head.target.as_str(), head.version), (Method::GET, "/a?b", Version::HTTP_11));
    let seen: Vec<_> = head.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    assert_eq!(seen, [("x-a", &b"two words"[..]), ("empty", b"")]);
    assert_eq!(head.host.expect("told").as_str(), "x");
    assert_eq!(head.framing, Framing::None);
    assert!(head.wishes.keep_alive);

    let framed = |fields: &str| read(&format!("POST / HTTP/1.1\r\n{fields}\r\n")).map(|head| head.framing);
    assert_eq!(framed("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(framed("Content-Length: 0\r\n"), Ok(Framing::None));
    assert_eq!(framed("transfer-encoding: Chunked\r\n"), Ok(Framing::Chunked));
}

#[test]
fn requests_that_are_refused() {
    use HeadError::*;
    let cases = [
        ("GET  / HTTP/1.1\r\n\r\n", Target),
        ("GET /  HTTP/1.1\r\n\r\n", Target),
        ("GET /a b HTTP/1.1\r\n\r\n", Target),
        ("GET /\u{e9} HTTP/1.1\r\n\r\n", Target),
        ("GET / HTTP/2.0\r\n\r\n", Version),
        ("GET / http/1.1\r\n\r\n", StartLine),
        ("GET /\r\n\r\n", StartLine),
        ("G(T / HTTP/1.1\r\n\r\n", Method),
        ("\r\n", StartLine),
        ("GET / HTTP/1.1\nHost: x\n\n", LineEnd),
        ("GET / HTTP/1.1\r\nHost: x\n\r\n", LineEnd),
        ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", LineEnd),
        ("GET / HTTP/1.1\r\nA : b\r\n\r\n", FieldName),
        ("GET / HTTP/1.1\r\nA\r\n\r\n", FieldName),
        ("GET / HTTP/1.1\r\nA\r\nB: c\r\n\r\n", FieldName),
        ("GET / HTTP/1.1\r\n: b\r\n\r\n", FieldName),
        ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", Fold),
        ("GET / HTTP/1.1\r\n A: b\r\n\r\n", Fold),
        ("GET / HTTP/1.1\r\nA: b\0\r\n\r\n", FieldValue),
        ("GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", ContentLength),
        ("GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", ContentLength),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", ContentLength),
        ("GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", ContentLength),
        ("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", ContentLength),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", TransferEncoding),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", TransferEncoding),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", TransferEncoding),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", TransferEncoding),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", TransferEncoding),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", TransferEncoding),
    ];
    for (text, error) in cases {
        assert_eq!(read(text).map(|head| head.target).expect_err(text), error, "{text:?}");
    }
}

#[test]
fn one_host_stands_apart() {
    let hosts = |fields: &str| {
        let head = read(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).expect("taken");
        let among: Vec<_> = head.headers.all(&HOST).map(|host| host.as_bytes().to_vec()).collect();
        (head.host.map(|host| host.as_str().to_owned()), among.join(&b'|').escape_ascii().to_string())
    };
    let apart = |host: &str, among: &str| (Some(host.to_owned()).filter(|host| !host.is_empty()), among.to_owned());
    for (fields, expected) in [
        ("HOST: a\r\n", apart("a", "")),
        ("", apart("", "")),
        // Who is to refuse them finds them all.
        ("Host: a\r\nHost: a\r\n", apart("", "a|a")),
        ("Host: a\r\nHost: b\r\nhost: c\r\n", apart("", "a|b|c")),
        ("Host:\r\nHost: a\r\n", apart("", "|a")),
        ("Host: a\r\nHost: b c\r\n", apart("", "a|b c")),
        ("Host: a b\r\n", apart("", "a b")),
    ] {
        assert_eq!(hosts(fields), expected, "{fields:?}");
    }
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(8));
    assert_eq!(read(&many).expect_err("nine fields"), HeadError::TooLarge);
}

#[test]
fn limits_are_told_apart() {
    let long = "a".repeat(65);
    assert_eq!(read(&format!("GET /{long} HTTP/1.1\r\n\r\n")).expect_err("target"), HeadError::TargetTooLong);
    let field = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(126));
    assert_eq!(read(&field).expect_err("field"), HeadError::TooLarge);
    let fields = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(9));
    assert_eq!(read(&fields).expect_err("fields"), HeadError::TooLarge);
    let mut scan = HeadScan::default();
    let drip = "GET / HTTP/1.1\r\n".to_owned() + &"a".repeat(600);
    assert_eq!(scan.find(drip.as_bytes(), &LIMITS), Err(HeadError::TooLarge));
    let mut scan = HeadScan::default();
    assert_eq!(scan.find("a".repeat(600).as_bytes(), &LIMITS), Err(HeadError::TargetTooLong));
}

#[test]
fn a_head_that_drips_in_is_found_at_its_end() {
    let text = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /";
    let mut scan = HeadScan::default();
    for end in 0..27 {
        assert_eq!(scan.find(&text[..end], &LIMITS), Ok(None), "{end}");
    }
    assert_eq!(scan.find(text, &LIMITS), Ok(Some(27)));
}

#[test]
fn an_end_is_never_taken_from_what_follows() {
    // An empty section of trailers, and a request behind it.
    assert_eq!(HeadScan::default().find(b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", &LIMITS), Ok(Some(2)));
    // Some take a bare LF for the end of a line, and would see a whole head in front of what we find.
    for text in ["GET / HTTP/1.1\r\nA: b\n\r\nGET /b HTTP/1.1\r\nC: d\r\n\r\n", "GET / HTTP/1.1\n\r\nA: b\r\n\r\n"] {
        assert!(read(text).is_err(), "{text:?}");
    }
    assert!(trailers(BytesMut::from("A: b\nC: d\r\n\r\n"), &LIMITS).is_err());
}

#[test]
fn wishes_of_the_connection() {
    let wishes =
        |version: &str, fields: &str| read(&format!("GET / HTTP/{version}\r\n{fields}\r\n")).expect("ok").wishes;
    assert!(!wishes("1.1", "Connection: x, Close\r\n").keep_alive);
    assert!(!wishes("1.0", "").keep_alive);
    assert!(wishes("1.0", "Connection: keep-alive\r\n").keep_alive);
    assert!(wishes("1.1", "Expect: 100-Continue\r\n").expects_continue);
    let upgrade = wishes("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n").upgrade;
    assert_eq!(upgrade.expect("asked").as_str(), "websocket");
    assert_eq!(wishes("1.1", "Upgrade: websocket\r\n").upgrade, None);
    assert_eq!(wishes("1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n").upgrade, None);
}

#[test]
fn responses() {
    let read = |text: &str| {
        response(BytesMut::from(text), &LIMITS, TransferCodings::Chunked)
            .map(|head| (head.status.as_u16(), head.framing))
    };
    assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), Ok((200, Framing::Length(3))));
    assert_eq!(read("HTTP/1.1 200\r\n\r\n"), Ok((200, Framing::UntilClose)));
    assert_eq!(read("HTTP/1.0 200 \r\n\r\n"), Ok((200, Framing::UntilClose)));
    let named = response(BytesMut::from("HTTP/1.1 200 OK\r\nHost: a\r\n\r\n"), &LIMITS, TransferCodings::Chunked);
    assert!(named.expect("taken").headers.contains(&HOST), "a field like any other");
    assert_eq!(read("HTTP/1.1 304 N\r\nContent-Length: 3\r\n\r\n"), Ok((304, Framing::None)));
    assert_eq!(read("HTTP/1.1 103 Early\r\n\r\n"), Ok((103, Framing::None)));
    assert_eq!(read("HTTP/1.1 2000 OK\r\n\r\n"), Err(HeadError::StartLine));
    assert_eq!(read("HTTP/1.1  200 OK\r\n\r\n"), Err(HeadError::StartLine));
    assert_eq!(read("ICY 200 OK\r\n\r\n"), Err(HeadError::StartLine));
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(read(both), Err(HeadError::TransferEncoding));
}

#[test]
fn codings_that_nobody_knows() {
    let read = |version: &str, fields: &str, codings: TransferCodings| {
        let text = format!("HTTP/{version} 200 OK\r\n{fields}\r\n");
        response(BytesMut::from(text.as_str()), &LIMITS, codings).map(|head| (head.framing, head.keep_alive))
    };
    let refused = Err(HeadError::TransferEncoding);
    for coding in ["identity", "ajsbktc", "x-own"] {
        let fields = format!("Transfer-Encoding: {coding}\r\nConnection: keep-alive\r\n");
        assert_eq!(read("1.1", &fields, TransferCodings::Chunked), refused, "{coding}");
        // It ends with its connection, whatever that says of itself.
        assert_eq!(read("1.1", &fields, TransferCodings::Unknown), Ok((Framing::UntilClose, false)), "{coding}");
        assert_eq!(read("1.0", &fields, TransferCodings::Unknown), refused, "{coding}");
        for beside in ["Content-Length: 3", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"] {
            assert_eq!(
                read("1.1", &format!("{fields}{beside}\r\n"), TransferCodings::Unknown),
                refused,
                "{coding} {beside}"
            );
            assert_eq!(
                read("1.1", &format!("{beside}\r\n{fields}"), TransferCodings::Unknown),
                refused,
                "{coding} {beside}"
            );
        }
    }
    for coding in [
        "gzip",
        "GZIP",
        "deflate",
        "compress",
        "xchunked",
        "chunked;x",
        "gzip, chunked",
        "chunked, identity",
        "\"a\"",
        "",
        "a b",
    ] {
        let fields = format!("Transfer-Encoding: {coding}\r\n");
        assert_eq!(read("1.1", &fields, TransferCodings::Unknown), refused, "{coding}");
    }
    assert_eq!(read("1.1", "Transfer-Encoding: Chunked\r\n", TransferCodings::Unknown), Ok((Framing::Chunked, true)));
}
