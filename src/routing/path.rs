//! The normal form of a path in the config, and what a prefix covers.

use std::fmt::Write;

/// The form in which requests arrive here (RFC 3986 §6.2.2): escapes in upper case, unreserved characters not escaped, and
/// what may not stand in a path escaped.
pub(super) fn normal(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| escape(bytes.get(at + 1..at + 3)?)).flatten();
        at += if escaped.is_some() { 3 } else { 1 };
        match escaped {
            Some(byte) if is_unreserved(byte) => out.push(char::from(byte)),
            None if is_path(byte) => out.push(char::from(byte)),
            // A String takes any text.
            Some(byte) => drop(write!(out, "%{byte:02X}")),
            None => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// Whether the prefix covers the path: it is the whole path, or ends where a segment of the path ends.
pub(super) fn covers(prefix: &str, path: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'),
        None => prefix == "/",
    }
}

fn escape(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Segments of a path and the slash (RFC 3986 §3.3); `%` where it begins no escape is escaped itself.
fn is_path(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

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
        ];
        for (path, expected) in cases {
            assert_eq!(normal(path), expected, "{path}");
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
