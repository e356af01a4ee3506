//! A second reader of HTTP/1.1 (RFC 9112): it takes what the grammar allows a sender to write and nothing else.
//!
//! Written for the tests, without a look at the program's own parser. Where the RFC lets a recipient be lenient, this one is not.

/// What the front of some bytes is.
#[derive(Debug)]
pub enum Reading<T> {
    /// A whole message, and how many bytes it took.
    Whole(T, usize),
    /// The beginning of one.
    Part,
    /// No message; or one that another reader could take otherwise.
    Wrong(String),
}

/// A message.
#[derive(Clone, Debug, Default)]
pub struct Strict {
    /// Method and target, or the status.
    pub line: String,
    /// Names in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Without its framing.
    pub body: Vec<u8>,
    /// Names in lower case.
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Strict {
    /// `POST /x body`, other bytes than visible ones escaped.
    pub fn summary(&self) -> String {
        match self.body.is_empty() {
            true => self.line.clone(),
            false => format!("{} {}", self.line, self.body.escape_ascii()),
        }
    }

    /// The values of a field.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_slice()).collect()
    }
}

type Part<T> = Result<Option<T>, String>;

fn reading<T>(part: Part<(T, usize)>) -> Reading<T> {
    match part {
        Ok(Some((message, length))) => Reading::Whole(message, length),
        Ok(None) => Reading::Part,
        Err(why) => Reading::Wrong(why),
    }
}

/// Reads a request as a proxy may send it to an origin.
pub fn request(bytes: &[u8]) -> Reading<Strict> {
    reading(read_request(bytes))
}

/// Reads a final or interim response to a request of that method. `ended`: the connection has ended behind the bytes.
pub fn response(bytes: &[u8], method: &str, ended: bool) -> Reading<Strict> {
    reading(read_response(bytes, method, ended))
}

fn read_request(bytes: &[u8]) -> Part<(Strict, usize)> {
    let Some((lines, end)) = head(bytes)? else { return Ok(None) };
    let line = text(lines[0])?;
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return Err(format!("request line {line:?}")) };
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(format!("method {method:?}"));
    }
    if !(is_origin_form(target) || target == "*" && method == "OPTIONS") {
        return Err(format!("target {target:?}"));
    }
    let fields = fields(&lines[1..])?;
    let mut message = Strict { line: format!("{method} {target}"), fields, ..Strict::default() };
    let hosts = message.all("host");
    if hosts.len() != 1 || !hosts[0].iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(byte)) {
        return Err(format!("host {hosts:?}"));
    }
    check_hop(&message)?;
    let framed = framing(&message)?;
    body(&mut message, bytes, end, framed.unwrap_or(Framed::Length(0))).map(|end| end.map(|end| (message, end)))
}

fn read_response(bytes: &[u8], method: &str, ended: bool) -> Part<(Strict, usize)> {
    let Some((lines, end)) = head(bytes)? else { return Ok(None) };
    let line = text(lines[0])?;
    let rest = line.strip_prefix("HTTP/1.1 ").ok_or_else(|| format!("status line {line:?}"))?;
    let status = rest.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
    let status = status.filter(|_| rest.get(3..4) == Some(" ")).ok_or_else(|| format!("status line {line:?}"))?;
    let mut message = Strict { line: status.to_owned(), fields: fields(&lines[1..])?, ..Strict::default() };
    let framed = framing(&message)?;
    let bodiless = method == "HEAD" || status.starts_with('1') || status == "204" || status == "304";
    if (status.starts_with('1') || status == "204") && framed.is_some() {
        return Err(format!("framing fields in a {status}"));
    }
    let framed = match framed {
        _ if bodiless => Framed::Length(0),
        Some(framed) => framed,
        None if !ended => return Ok(None),
        None => Framed::Length(bytes.len() - end),
    };
    body(&mut message, bytes, end, framed).map(|end| end.map(|end| (message, end)))
}

/// The lines of a head without their CR LF, and where the head ends.
fn head(bytes: &[u8]) -> Part<(Vec<&[u8]>, usize)> {
    let (mut lines, mut at) = (Vec::new(), 0);
    while let Some((line, next)) = line(&bytes[at..])? {
        at += next;
        if line.is_empty() {
            return if lines.is_empty() { Err("an empty line first".to_owned()) } else { Ok(Some((lines, at))) };
        }
        lines.push(line);
    }
    Ok(None)
}

/// A line without its CR LF and its length with it. Neither CR nor LF stands alone.
fn line(bytes: &[u8]) -> Part<(&[u8], usize)> {
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else { return Ok(None) };
    match &bytes[end..] {
        [b'\r', b'\n', ..] => Ok(Some((&bytes[..end], end + 2))),
        [b'\r'] => Ok(None),
        _ => Err(format!("a line end alone: {:?}", bytes[..end].escape_ascii().to_string())),
    }
}

fn text(line: &[u8]) -> Result<&str, String> {
    let visible = line.iter().all(|byte| (0x20..0x7f).contains(byte));
    std::str::from_utf8(line).ok().filter(|_| visible).ok_or_else(|| format!("{:?}", line.escape_ascii().to_string()))
}

fn fields(lines: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, String> {
    lines.iter().map(|line| field(line).ok_or_else(|| format!("field {:?}", line.escape_ascii().to_string()))).collect()
}

fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let fine = !name.is_empty()
        && name.iter().copied().all(is_token)
        && value.iter().all(|byte| *byte == b'\t' || *byte >= 0x20 && *byte != 0x7f);
    fine.then(|| (String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
}

/// What a proxy must not pass on (RFC 9110 §7.6.1), and what only makes sense to somebody who is to be deceived.
fn check_hop(message: &Strict) -> Result<(), String> {
    for (name, value) in &message.fields {
        let folded = name.replace('_', "-");
        let allowed = match folded.as_str() {
            "connection" => value.eq_ignore_ascii_case(b"upgrade"),
            "upgrade" => message.all("connection").len() == 1,
            "keep-alive" | "proxy-connection" | "proxy" | "te" | "http2-settings" => false,
            "content-length" | "transfer-encoding" | "host" => folded == *name,
            _ => true,
        };
        if !allowed {
            return Err(format!("{name}: {}", value.escape_ascii()));
        }
    }
    Ok(())
}

enum Framed {
    Length(usize),
    Chunked,
}

/// RFC 9112 §6.3, with every doubt an error.
fn framing(message: &Strict) -> Result<Option<Framed>, String> {
    match (&message.all("content-length")[..], &message.all("transfer-encoding")[..]) {
        ([], []) => Ok(None),
        ([length], []) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            let length =
                String::from_utf8_lossy(length).parse().map_err(|_| "a length beyond all bounds".to_owned())?;
            Ok(Some(Framed::Length(length)))
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Framed::Chunked)),
        (lengths, codings) => Err(format!("framing by {} lengths and {} codings", lengths.len(), codings.len())),
    }
}

fn body(message: &mut Strict, bytes: &[u8], at: usize, framed: Framed) -> Part<usize> {
    match framed {
        Framed::Length(length) => {
            let Some(body) = bytes.get(at..at.saturating_add(length)) else { return Ok(None) };
            message.body = body.to_vec();
            Ok(Some(at + length))
        }
        Framed::Chunked => chunks(message, bytes, at),
    }
}

/// RFC 9112 §7.1, without extensions: a proxy has no cause to send one.
fn chunks(message: &mut Strict, bytes: &[u8], mut at: usize) -> Part<usize> {
    loop {
        let Some((size, next)) = line(&bytes[at..])? else { return Ok(None) };
        let digits = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
        let size = usize::from_str_radix(&String::from_utf8_lossy(size), 16).ok().filter(|_| digits);
        let size = size.ok_or_else(|| "no chunk size".to_owned())?;
        at += next;
        if size == 0 {
            break;
        }
        let Some(data) = bytes.get(at..at.saturating_add(size).saturating_add(2)) else { return Ok(None) };
        if &data[size..] != b"\r\n" {
            return Err("no CR LF behind a chunk".to_owned());
        }
        message.body.extend_from_slice(&data[..size]);
        at += size + 2;
    }
    while let Some((line, next)) = line(&bytes[at..])? {
        at += next;
        if line.is_empty() {
            return Ok(Some(at));
        }
        let trailer = field(line).ok_or_else(|| format!("trailer {:?}", line.escape_ascii().to_string()))?;
        let framing = ["host", "content-length", "transfer-encoding", "authorization", "cookie", "connection"];
        if framing.contains(&trailer.0.replace('_', "-").as_str()) {
            return Err(format!("trailer {}", trailer.0));
        }
        message.trailers.push(trailer);
    }
    Ok(None)
}

/// RFC 9110 §5.6.2
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A path that begins with one slash, with whole escapes, and no dot segment in it. Characters that RFC 3986 does not know in a path
/// but that every server passes (`|`, `^`, `"`) are let through, as no reader takes them for the end of anything.
fn is_origin_form(target: &str) -> bool {
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let plain = target.starts_with('/') && !target.contains('#') && !path.contains('\\');
    let dots = path.split('/').any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    });
    let bytes = path.as_bytes();
    let escapes = (0..bytes.len())
        .filter(|at| bytes[*at] == b'%')
        .all(|at| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    plain && !dots && escapes && !path.contains("%00")
}

#[test]
fn the_strict_reader_takes_only_what_is_plain() {
    let whole = |bytes: &[u8]| matches!(request(bytes), Reading::Whole(_, length) if length == bytes.len());
    let wrong = |bytes: &[u8]| matches!(request(bytes), Reading::Wrong(_));
    assert!(whole(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert!(whole(b"POST /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab"));
    assert!(whole(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx: y\r\n\r\n"));
    assert!(matches!(request(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab"), Reading::Part));
    for fields in [
        "content-length: 1\r\ncontent-length: 1",
        "content-length: 1\r\ntransfer-encoding: chunked",
        "content-length: +1",
        "content-length: ",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "content_length: 1",
        "x : y",
        " x: y",
        "x: y\r\n z",
        "x: y\nz: a",
        "x: y\rz",
        "x: \0",
        "host: b",
        "connection: close, x",
        "te: trailers",
    ] {
        let message = format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n");
        assert!(wrong(message.as_bytes()), "{fields:?}");
    }
    for line in
        ["GET  / HTTP/1.1", "GET / HTTP/1.0", "GET /#x HTTP/1.1", "GET http://a/ HTTP/1.1", "GET /../x HTTP/1.1"]
    {
        assert!(wrong(format!("{line}\r\nhost: a\r\n\r\n").as_bytes()), "{line:?}");
    }
    assert!(wrong(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2;x\r\nab\r\n0\r\n\r\n"));
}
