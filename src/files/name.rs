//! Which file a path means.

use crate::http::path;

/// A name below the root, free of anything that could lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Octets between the slashes at both ends; empty for the root.
    pub(super) path: Vec<u8>,
    /// Whether it ended with a slash and so means a folder.
    pub(super) folder: bool,
}

/// Reads a path as it stands in a URL. `None` for what no file is behind:
///
/// - broken escapes; NUL, a slash or a backslash in escapes; dot segments;
/// - empty segments: `//secret` would be another spelling of `/secret`, and routes tell them apart;
/// - names that begin with a dot unless `hidden`; `/.well-known/` is public by RFC 8615.
pub(super) fn parse(path: &str, hidden: bool) -> Option<Name> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let folder = path.is_empty() || path.ends_with('/');
    let mut out = Vec::with_capacity(path.len());
    if path.is_empty() {
        return Some(Name { path: out, folder });
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    for (at, segment) in path.split('/').enumerate() {
        let segment = path::unescape(segment)?;
        let public = hidden || !segment.starts_with(b".") || at == 0 && segment == b".well-known";
        let odd = segment.iter().any(|byte| matches!(byte, 0 | b'/' | b'\\'));
        if segment.is_empty() || odd || !public || segment == b"." || segment == b".." {
            return None;
        }
        if at > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(&segment);
    }
    Some(Name { path: out, folder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (path, want) in [
            ("/", Some(("", true))),
            ("", Some(("", true))),
            ("/a", Some(("a", false))),
            ("/a/", Some(("a", true))),
            ("/a/b.txt", Some(("a/b.txt", false))),
            ("a/b", Some(("a/b", false))),
            ("/a%20b", Some(("a b", false))),
            ("/a%25", Some(("a%", false))),
            ("/...", None),
            ("/a..b", Some(("a..b", false))),
            ("/.well-known/acme-challenge/x", Some((".well-known/acme-challenge/x", false))),
            ("/a/.well-known/x", None),
            ("/.well-known/.x", None),
            ("/.git/config", None),
            ("/%2egit", None),
            ("/a/.b", None),
            ("/..", None),
            ("/../a", None),
            ("/a/%2e%2e/b", None),
            ("/a%2fb", None),
            ("/a%5cb", None),
            ("/a\\b", None),
            ("/a%00", None),
            ("/a%zz", None),
            ("//", None),
            ("//a", None),
            ("/a//b", None),
            ("/a//", None),
        ] {
            let want = want.map(|(path, folder)| Name { path: path.into(), folder });
            assert_eq!(parse(path, false), want, "{path}");
        }
    }

    #[test]
    fn hidden_names_on_demand() {
        for (path, want) in [("/.git/config", true), ("/...", true), ("/.", false), ("/..", false), ("/a/../b", false)]
        {
            assert_eq!(parse(path, true).is_some(), want, "{path}");
        }
    }
}
