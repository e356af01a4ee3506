//! The one policy for paths. Routing, cache, access rules and upstream all see what [`clean`] lets through, so that no two of
//! them can read a path differently. What a listener may choose is in [`PathPolicy`].
//!
//! Unless the policy says otherwise, dot segments are resolved (RFC 3986 §5.2.4), percent-encoded ones too; what two servers read in
//! two ways is refused; the rest stays byte for byte: `%2F` is no separator, `//` stays, case stays. Escapes that mean the same
//! without are not resolved then: routes compare paths in their normal form (`normal`).

mod policy;

use std::borrow::Cow;

pub use self::policy::{Backslashes, DotSegments, EncodedSlashes, Escapes, PathPolicy};
use super::{Target, Text, normal};

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
    /// A dot segment, where the policy wants none.
    DotSegment,
    /// `%2F` or `%5C`, where the policy wants none.
    EncodedSlash,
}

/// The target with its path made clean; the same bytes, and no allocation, where there is nothing to do. The query is not read.
/// What is clean stays as it is when it is cleaned again.
///
/// # Errors
/// [`BadPath`] where servers could disagree about the path, or the policy does not want it.
pub fn clean(target: Target, policy: PathPolicy) -> Result<Target, BadPath> {
    let path = target.path();
    if path == "*" || is_plain(path, policy) {
        return Ok(target);
    }
    let mut path = separators(path.as_bytes(), policy)?;
    if policy.merge_slashes && has_double_slash(&path) {
        path = Cow::Owned(merged(&path));
    }
    if inspect(&path)? {
        if policy.dot_segments == DotSegments::Reject {
            return Err(BadPath::DotSegment);
        }
        path = Cow::Owned(resolve(&path)?);
    }
    if policy.escapes == Escapes::Normal {
        path = normalised(path);
    }
    let Cow::Owned(mut whole) = path else { return Ok(target) };
    whole.extend_from_slice(&target.text().as_bytes()[target.path().len()..]);
    Text::visible(whole.into()).and_then(Target::parse).ok_or(BadPath::Byte)
}

/// Whether the path is clean at first sight: nearly every one has nothing that anybody could read in another way.
pub fn is_plain(path: &str, policy: PathPolicy) -> bool {
    memchr::memchr3(b'%', b'\\', b'.', path.as_bytes()).is_none()
        && !(policy.merge_slashes && has_double_slash(path.as_bytes()))
        && (policy.escapes == Escapes::Keep || normal::is_normal(path))
}

fn has_double_slash(path: &[u8]) -> bool {
    memchr::memmem::find(path, b"//").is_some()
}

/// What stands for a slash, as the policy takes it. Broken escapes stay, and are refused afterwards: a slash makes none of them whole.
fn separators(path: &[u8], policy: PathPolicy) -> Result<Cow<'_, [u8]>, BadPath> {
    let backslash = || match policy.backslashes {
        Backslashes::Reject => Err(BadPath::Byte),
        Backslashes::Slash => Ok(b'/'),
    };
    if policy.encoded_slashes == EncodedSlashes::Keep && memchr::memchr(b'\\', path).is_none() {
        return Ok(Cow::Borrowed(path));
    }
    let (mut out, mut at) = (Vec::with_capacity(path.len()), 0);
    while let Some(&byte) = path.get(at) {
        let escaped = (byte == b'%').then(|| path.get(at + 1..at + 3).and_then(unhex)).flatten();
        let separator = escaped.filter(|byte| matches!(byte, b'/' | b'\\'));
        at += if separator.is_some() && policy.encoded_slashes != EncodedSlashes::Keep { 3 } else { 1 };
        out.push(match (byte, separator, policy.encoded_slashes) {
            (b'\\', ..) => backslash()?,
            (_, Some(_), EncodedSlashes::Reject) => return Err(BadPath::EncodedSlash),
            (_, Some(b'\\'), EncodedSlashes::Decode) => backslash()?,
            (_, Some(slash), EncodedSlashes::Decode) => slash,
            _ => byte,
        });
    }
    Ok(if out == path { Cow::Borrowed(path) } else { Cow::Owned(out) })
}

/// With one slash for several.
fn merged(path: &[u8]) -> Vec<u8> {
    let mut out = path.to_vec();
    out.dedup_by(|after, before| *after == b'/' && *before == b'/');
    out
}

fn normalised(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let mut room = String::new();
    // A path is visible ASCII.
    match std::str::from_utf8(&path) {
        Ok(text) if !normal::is_normal(text) => Cow::Owned(normal::normal(text, &mut room).as_bytes().to_vec()),
        _ => path,
    }
}

/// Refuses what must be refused; tells whether there is a dot segment to resolve.
fn inspect(path: &[u8]) -> Result<bool, BadPath> {
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

    const KEEP: PathPolicy = PathPolicy {
        merge_slashes: false,
        dot_segments: DotSegments::Resolve,
        encoded_slashes: EncodedSlashes::Keep,
        backslashes: Backslashes::Reject,
        escapes: Escapes::Keep,
    };

    fn cleaned_by(policy: PathPolicy, target: &str) -> Result<String, BadPath> {
        let text = Text::visible(bytes::Bytes::copy_from_slice(target.as_bytes())).expect("a test's target is visible");
        let target = Target::parse(text).expect("a test's target is in origin form");
        clean(target, policy).map(|target| target.as_str().to_owned())
    }

    fn cleaned(target: &str) -> Result<String, BadPath> {
        cleaned_by(PathPolicy::default(), target)
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
        let target = clean(Target::parse(text).expect("origin form"), KEEP).expect("clean");
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
    fn the_default_keeps_what_can_be_kept() {
        assert_eq!(PathPolicy::default(), KEEP);
    }

    /// Each policy alone: what passes, and as what.
    #[test]
    fn policies() {
        let merge = PathPolicy { merge_slashes: true, ..KEEP };
        let no_dots = PathPolicy { dot_segments: DotSegments::Reject, ..KEEP };
        let no_slashes = PathPolicy { encoded_slashes: EncodedSlashes::Reject, ..KEEP };
        let decode = PathPolicy { encoded_slashes: EncodedSlashes::Decode, ..KEEP };
        let slash = PathPolicy { backslashes: Backslashes::Slash, ..KEEP };
        let normal = PathPolicy { escapes: Escapes::Normal, ..KEEP };
        let cases: &[(PathPolicy, &str, Result<&str, BadPath>)] = &[
            (merge, "//", Ok("/")),
            (merge, "//a//b///c/", Ok("/a/b/c/")),
            (merge, "/a//b?q=//x", Ok("/a/b?q=//x")),
            (merge, "/a//../b", Ok("/b")),
            (merge, "/a/.//./b", Ok("/a/b")),
            (merge, "//../b", Err(BadPath::AboveRoot)),
            (merge, "/a/%2F/b", Ok("/a/%2F/b")),
            (merge, "/a%2F..//b", Err(BadPath::Ambiguous)),
            (merge, "/a/b", Ok("/a/b")),
            (no_dots, "/a/../b", Err(BadPath::DotSegment)),
            (no_dots, "/a/.", Err(BadPath::DotSegment)),
            (no_dots, "/%2e/a", Err(BadPath::DotSegment)),
            (no_dots, "/..", Err(BadPath::DotSegment)),
            (no_dots, "/...", Ok("/...")),
            (no_dots, "/a.b/.c", Ok("/a.b/.c")),
            (no_dots, "/a/..;x", Err(BadPath::Ambiguous)),
            (no_slashes, "/a%2Fb", Err(BadPath::EncodedSlash)),
            (no_slashes, "/a%5cb", Err(BadPath::EncodedSlash)),
            (no_slashes, "/a%252Fb", Ok("/a%252Fb")),
            (no_slashes, "/a%20b?x=%2F", Ok("/a%20b?x=%2F")),
            (no_slashes, "/a%2", Err(BadPath::Escape)),
            (decode, "/a%2Fb%2fc", Ok("/a/b/c")),
            (decode, "/a%2F..%2Fb", Ok("/b")),
            (decode, "/a/..%2f..%2fb", Err(BadPath::AboveRoot)),
            (decode, "/a%2F%2e%2E/b", Ok("/b")),
            (decode, "/a%252Fb", Ok("/a%252Fb")),
            (decode, "/%2Fa", Ok("//a")),
            (decode, "/a%5Cb", Err(BadPath::Byte)),
            (decode, "/%%2F2F", Err(BadPath::Escape)),
            (decode, "/a?b=%2F", Ok("/a?b=%2F")),
            (slash, "/a\\b", Ok("/a/b")),
            (slash, "/a\\..\\b", Ok("/b")),
            (slash, "/\\..\\..", Err(BadPath::AboveRoot)),
            (slash, "/a%5Cb", Ok("/a%5Cb")),
            (slash, "/a%5C..", Err(BadPath::Ambiguous)),
            (slash, "/a?b\\c", Ok("/a?b\\c")),
            (normal, "/%61%7e", Ok("/a~")),
            (normal, "/caf%c3%a9|", Ok("/caf%C3%A9%7C")),
            (normal, "/a%2fb", Ok("/a%2Fb")),
            (normal, "/a/%2e%2e/%62", Ok("/b")),
            (normal, "/%2e%2e%2e", Ok("/...")),
            (normal, "/%2561", Ok("/%2561")),
            (normal, "/a?%61", Ok("/a?%61")),
        ];
        for (policy, given, want) in cases {
            assert_eq!(cleaned_by(*policy, given).as_deref(), want.as_ref().copied(), "{given} {policy:?}");
        }
    }

    #[test]
    fn policies_together() {
        let all = PathPolicy {
            merge_slashes: true,
            encoded_slashes: EncodedSlashes::Decode,
            backslashes: Backslashes::Slash,
            escapes: Escapes::Normal,
            ..KEEP
        };
        for (given, want) in [
            ("/a\\%5c%2F\\b", Ok("/a/b")),
            ("/a%5C..%5c%2e%2e\\%63", Err(BadPath::AboveRoot)),
            ("/x/a%5C..%5c%2e%2e\\%63", Ok("/c")),
            ("/%2F%2fevil.example/..", Ok("/")),
        ] {
            assert_eq!(cleaned_by(all, given).as_deref(), want.as_ref().copied(), "{given}");
        }
    }

    #[test]
    fn escapes_become_octets() {
        assert_eq!(unescape("/a%20b%2F"), Some(b"/a b/".to_vec()));
        assert_eq!(unescape("/%f"), None);
    }
}
