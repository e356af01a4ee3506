//! The one policy for paths. Routing, cache, access rules and upstream all see what [`clean`] lets through, so that no two of
//! them can read a path differently.
//!
//! Escapes that mean the same without are not resolved: routes compare paths in their normal form (`normal`).
//!
//! Dot segments are resolved (RFC 3986 §5.2.4), percent-encoded ones too; what two servers read in two ways is refused; the rest
//! stays byte for byte: `%2F` is no separator, `//` stays, case stays.

use super::{Target, Text};

/// Why a path is refused; always the client's fault, always 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// A `%` without two hexadecimal digits.
    Escape,
    /// `%00`, or a backslash, which some servers take for a slash.
    Byte,
    /// A dot segment that only some servers see: `..%2f`, `..;x`.
    Ambiguous,
    /// More `..` than segments before it.
    AboveRoot,
}

/// The target with its path made clean; the same bytes, and no allocation, where there is nothing to do. The query is not read.
///
/// # Errors
/// [`BadPath`] where servers could disagree about the path.
pub fn clean(target: Target) -> Result<Target, BadPath> {
    let path = target.path().as_bytes();
    if path == b"*" || !inspect(path)? {
        return Ok(target);
    }
    let mut whole = resolve(path)?;
    whole.extend_from_slice(&target.text().as_bytes()[path.len()..]);
    Text::visible(whole.into()).and_then(Target::parse).ok_or(BadPath::Byte)
}

/// Refuses what must be refused; tells whether there is a dot segment to resolve.
fn inspect(path: &[u8]) -> Result<bool, BadPath> {
    // Nearly every path has none of these bytes.
    if memchr::memchr3(b'%', b'\\', b'.', path).is_none() {
        return Ok(false);
    }
    let mut dotted = false;
    let mut at = 0;
    let mut encoded_before = false;
    while at < path.len() {
        let segment = Segment::read(path, at)?;
        if segment.is_dots() {
            if encoded_before || segment.encoded_after || segment.has_parameters {
                return Err(BadPath::Ambiguous);
            }
            dotted = true;
        }
        encoded_before = segment.encoded_after;
        at = segment.next;
    }
    Ok(dotted)
}

/// What stands between two separators, plain or encoded.
struct Segment {
    /// Octets before the parameters after decoding, as far as all were dots.
    dots: usize,
    only_dots: bool,
    has_parameters: bool,
    /// Whether `%2f` or `%5c` ended it.
    encoded_after: bool,
    next: usize,
}

impl Segment {
    fn read(path: &[u8], mut at: usize) -> Result<Self, BadPath> {
        let mut segment =
            Self { dots: 0, only_dots: true, has_parameters: false, encoded_after: false, next: path.len() };
        while at < path.len() {
            let (byte, width) = decode(path, at)?;
            at += width;
            match byte {
                b'/' | b'\\' => {
                    segment.encoded_after = width == 3;
                    segment.next = at;
                    return Ok(segment);
                }
                b';' => segment.has_parameters = true,
                _ if segment.has_parameters => {}
                b'.' => segment.dots += 1,
                _ => segment.only_dots = false,
            }
        }
        Ok(segment)
    }

    fn is_dots(&self) -> bool {
        self.only_dots && (self.dots == 1 || self.dots == 2)
    }
}

/// The octet at `at`, decoded, and how many it took.
fn decode(path: &[u8], at: usize) -> Result<(u8, usize), BadPath> {
    match path[at] {
        b'%' => match path.get(at + 1..at + 3).and_then(unhex).ok_or(BadPath::Escape)? {
            0 => Err(BadPath::Byte),
            byte => Ok((byte, 3)),
        },
        b'\\' => Err(BadPath::Byte),
        byte => Ok((byte, 1)),
    }
}

fn unhex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low] = *digits else { return None };
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// RFC 3986 §5.2.4 for a path that begins with a slash.
fn resolve(path: &[u8]) -> Result<Vec<u8>, BadPath> {
    let mut out = Vec::with_capacity(path.len());
    let mut segments = path[1..].split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let dots = dots_of(segment);
        if dots == Some(2) {
            let parent = memchr::memrchr(b'/', &out).ok_or(BadPath::AboveRoot)?;
            out.truncate(parent);
        } else if dots.is_none() {
            out.push(b'/');
            out.extend_from_slice(segment);
        }
        if dots.is_some() && segments.peek().is_none() {
            out.push(b'/');
        }
    }
    Ok(out)
}

/// 1 or 2 where the segment is `.` or `..`, each dot plain or encoded.
fn dots_of(mut segment: &[u8]) -> Option<usize> {
    for dots in 0..=2 {
        if segment.is_empty() {
            return (dots > 0).then_some(dots);
        }
        segment = match segment {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return None,
        };
    }
    None
}

/// A path with its escapes resolved, for places that need octets (files). `None` for a broken escape.
pub fn unescape(path: &str) -> Option<Vec<u8>> {
    let path = path.as_bytes();
    let mut out = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        if path[at] == b'%' {
            out.push(path.get(at + 1..at + 3).and_then(unhex)?);
            at += 3;
        } else {
            out.push(path[at]);
            at += 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(target: &str) -> Result<String, BadPath> {
        let text = Text::visible(bytes::Bytes::copy_from_slice(target.as_bytes())).expect("a test's target is visible");
        clean(Target::parse(text).expect("a test's target is in origin form")).map(|target| target.as_str().to_owned())
    }

    #[test]
    fn paths_that_pass() {
        for (given, want) in [
            ("/", "/"),
            ("*", "*"),
            ("/a/b", "/a/b"),
            ("/a//b", "/a//b"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb%5Cc", "/a%2fb%5Cc"),
            ("/a%20b?q=%zz\\..", "/a%20b?q=%zz\\.."),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/a.b/..c/d..", "/a.b/..c/d.."),
            ("/a/;x", "/a/;x"),
            ("/a;v=1.2", "/a;v=1.2"),
            ("/a;..", "/a;.."),
            ("/%41|{}^\"", "/%41|{}^\""),
            ("/.", "/"),
            ("/./", "/"),
            ("/a/.", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a/b/../c", "/a/c"),
            ("/a/..", "/"),
            ("/a/../b?x=/../y", "/b?x=/../y"),
            ("/a/%2e%2e/b", "/b"),
            ("/a/%2E./b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a/%2e/b", "/a/b"),
            ("/a//../b", "/a/b"),
            ("/a/b/c/../../d", "/a/d"),
        ] {
            assert_eq!(cleaned(given).as_deref(), Ok(want), "{given}");
        }
    }

    #[test]
    fn paths_that_are_refused() {
        for (given, want) in [
            ("/%", BadPath::Escape),
            ("/%4", BadPath::Escape),
            ("/%4g", BadPath::Escape),
            ("/%%20", BadPath::Escape),
            ("/a%+1", BadPath::Escape),
            ("/a%00", BadPath::Byte),
            ("/a\\b", BadPath::Byte),
            ("/..\\x", BadPath::Byte),
            ("/..", BadPath::AboveRoot),
            ("/../etc/passwd", BadPath::AboveRoot),
            ("/%2e%2e/etc", BadPath::AboveRoot),
            ("/a/../../b", BadPath::AboveRoot),
            ("/a/..%2fb", BadPath::Ambiguous),
            ("/a%2f..", BadPath::Ambiguous),
            ("/a/..%5Cb", BadPath::Ambiguous),
            ("/a%2F%2e%2E/b", BadPath::Ambiguous),
            ("/a/..;/b", BadPath::Ambiguous),
            ("/a/.;x=1/b", BadPath::Ambiguous),
            ("/a/%2e%2e%3bx/b", BadPath::Ambiguous),
        ] {
            assert_eq!(cleaned(given), Err(want), "{given}");
        }
    }

    #[test]
    fn a_clean_path_keeps_its_bytes() {
        let text = Text::visible(bytes::Bytes::from_static(b"/a.b/%20?q")).expect("visible");
        let address = text.as_bytes().as_ptr();
        let target = clean(Target::parse(text).expect("origin form")).expect("clean");
        assert_eq!(target.text().as_bytes().as_ptr(), address);
    }

    #[test]
    fn cleaning_twice_changes_nothing() {
        for path in ["/a/b/../c", "/a//../b", "/x/./././y/..", "/a/%2e%2e/%2e/b//"] {
            let once = cleaned(path).expect("passes");
            assert_eq!(cleaned(&once).as_deref(), Ok(once.as_str()));
        }
    }

    #[test]
    fn escapes_become_octets() {
        assert_eq!(unescape("/a%20b%2F"), Some(b"/a b/".to_vec()));
        assert_eq!(unescape("/%f"), None);
    }
}
