//! The normal form of a path, for comparing: RFC 3986 §6.2.2 says which escapes mean the same.
//!
//! `/caf%c3%a9` is `/caf%C3%A9` to every server, so a route or a rewrite that looks at one has to see both. What goes upstream
//! stays as [`path::clean`](super::path::clean) left it. Reserved characters are not decoded: `%2F` is never a slash, and `%3B`
//! is no `;`.

/// Whether the path is its own normal form. Nearly every path is.
pub fn is_normal(path: &str) -> bool {
    !path.bytes().any(is_odd)
}

/// The normal form: escapes in upper case, unreserved characters not escaped, and what may not stand in a path escaped. The
/// room is cleared first, and used only where the path is not its own normal form.
pub fn normal<'a>(path: &'a str, room: &'a mut String) -> &'a str {
    if is_normal(path) {
        return path;
    }
    room.clear();
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| escape(bytes.get(at + 1..at + 3)?)).flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        let octet = escaped.unwrap_or(byte);
        if is_unreserved(octet) || escaped.is_none() && !is_odd(octet) {
            room.push(char::from(octet));
        } else {
            room.extend(['%', hex(octet >> 4), hex(octet & 15)]);
        }
    }
    room
}

/// Whether the prefix covers the path, both in normal form: it is the whole path, or ends where a segment of the path ends.
/// `/` covers every path, also the `*` of OPTIONS.
pub fn covers(prefix: &str, path: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'),
        None => prefix == "/",
    }
}

fn escape(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

fn hex(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit)])
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Whether the octet is not one of a path's (RFC 3986 §3.3), or begins an escape.
fn is_odd(byte: u8) -> bool {
    ODD[usize::from(byte)]
}

/// A table, because every request asks for each octet of its path.
static ODD: [bool; 256] = {
    let mut odd = [true; 256];
    let plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
    let mut at = 0;
    while at < plain.len() {
        odd[plain[at] as usize] = false;
        at += 1;
    }
    odd
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        let cases = [
            ("/api", "/api"),
            ("/a%2fb", "/a%2Fb"),
            ("/%61%7E", "/a~"),
            ("/a b", "/a%20b"),
            ("/grün", "/gr%C3%BCn"),
            ("/100%", "/100%25"),
            ("/%zz", "/%25zz"),
            ("/a?b", "/a%3Fb"),
            ("/a+b;c=1,2@x:y", "/a+b;c=1,2@x:y"),
            ("/a%3b%40", "/a%3B%40"),
            ("/a|b%7cc", "/a%7Cb%7Cc"),
            ("*", "*"),
        ];
        for (path, expected) in cases {
            let mut room = String::from("what was there before");
            assert_eq!(normal(path, &mut room), expected, "{path}");
            let mut again = String::new();
            assert_eq!(normal(expected, &mut again), expected, "normal forms stay");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let cases = [
            ("/api", "/api", true),
            ("/api", "/api/", true),
            ("/api", "/api/x", true),
            ("/api", "/apix", false),
            ("/api", "/ap", false),
            ("/api/", "/api", false),
            ("/api/", "/api/", true),
            ("/api/", "/api/x", true),
            ("/api/", "/api//", true),
            ("/a//", "/a/b", false),
            ("/a//", "/a//b", true),
            ("/", "/", true),
            ("/", "/x", true),
            ("/", "*", true),
            ("/api", "*", false),
            ("/api", "/api%2Fx", false),
        ];
        for (prefix, path, expected) in cases {
            assert_eq!(covers(prefix, path), expected, "{prefix} {path}");
        }
    }
}
