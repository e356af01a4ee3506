//! `compress`, `decompress_request`

use std::path::PathBuf;

use crate::http::negotiate::Coding;

/// What is done about content codings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codings {
    /// `compress`, default off
    pub compress: Option<Compress>,
    /// `decompress_request`, default off
    pub decompress_request: Option<Decompress>,
    /// `decompress_response`, default false: for clients that do not take the coding
    pub decompress_response: bool,
}

/// `compress`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compress {
    /// `encodings`, the first is preferred where the client does not care; default zstd, br, gzip
    pub encodings: Vec<Coding>,
    /// `level`
    pub levels: Levels,
    /// `min_size`, default 512: smaller content stays
    pub min_size: u64,
    /// `types`, default [`TypePattern::DEFAULTS`]
    pub types: Vec<TypePattern>,
    /// `adaptive`, default false: lower levels while the worker is busy
    pub adaptive: bool,
    /// `dictionary`; absent: none are used
    pub dictionary: Option<SharedDictionary>,
}

/// `compress.dictionary`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedDictionary {
    /// `automatic`, default true: what is stored is a dictionary for what comes after it
    pub automatic: bool,
    /// `match`; absent: the path of each response itself
    pub pattern: Option<String>,
    /// `id`
    pub id: Option<String>,
    /// `max_size`, default 256 KiB: what is larger is no dictionary
    pub max_size: u64,
    /// `files`
    pub files: Vec<PathBuf>,
}

/// `level`: one for all codings, or one for each
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// 1 to 19, default 3
    pub zstd: u8,
    /// 0 to 11, default 4
    pub br: u8,
    /// 1 to 9, default 4
    pub gzip: u8,
}

impl Levels {
    /// That of a coding; the identity has none.
    pub const fn of(&self, coding: Coding) -> u8 {
        match coding {
            Coding::Zstd | Coding::Dcz => self.zstd,
            Coding::Br | Coding::Dcb => self.br,
            Coding::Gzip => self.gzip,
            Coding::Identity => 0,
        }
    }
}

/// One of `types`, lower case
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypePattern {
    /// `text/html`
    Exact(String),
    /// `text/*` as `text/`; `*/*` as nothing
    Family(String),
    /// `*+json` as `+json`
    Suffix(String),
}

impl TypePattern {
    /// What is compressed unless the config says otherwise.
    pub const DEFAULTS: &[&str] = &[
        "text/html",
        "text/css",
        "text/javascript",
        "text/plain",
        "text/xml",
        "text/csv",
        "text/markdown",
        "text/calendar",
        "text/vtt",
        "text/x-component",
        "application/javascript",
        "application/x-javascript",
        "application/json",
        "application/x-ndjson",
        "application/manifest+json",
        "application/xml",
        "application/wasm",
        "application/vnd.ms-fontobject",
        "image/svg+xml",
        "image/bmp",
        "image/x-icon",
        "image/vnd.microsoft.icon",
        "font/ttf",
        "font/otf",
        "font/collection",
        "*+json",
        "*+xml",
    ];

    /// Reads `text/html`, `text/*`, `*/*` or `*+json`.
    pub fn parse(text: &str) -> Option<Self> {
        let token = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
        };
        let lower = text.to_ascii_lowercase();
        if let Some(suffix) = lower.strip_prefix('*').filter(|suffix| suffix.starts_with('+')) {
            return token(suffix).then(|| Self::Suffix(suffix.to_owned()));
        }
        match lower.split_once('/')? {
            ("*", "*") => Some(Self::Family(String::new())),
            (family, "*") => token(family).then(|| Self::Family(format!("{family}/"))),
            (family, of) => (token(family) && token(of)).then_some(Self::Exact(lower)),
        }
    }
}

/// `decompress_request`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decompress {
    /// `max_ratio`, default 100: octets that one octet of the request may become
    pub max_ratio: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_types() {
        let suffix = |text: &str| Some(TypePattern::Suffix(text.to_owned()));
        let family = |text: &str| Some(TypePattern::Family(text.to_owned()));
        for (text, want) in [
            ("Text/HTML", Some(TypePattern::Exact("text/html".to_owned()))),
            ("text/*", family("text/")),
            ("*/*", family("")),
            ("*+json", suffix("+json")),
            ("*", None),
            ("json", None),
            ("*/json", None),
            ("text/", None),
            ("text/html; charset=utf-8", None),
            ("a/b/c", None),
        ] {
            assert_eq!(TypePattern::parse(text), want, "{text}");
        }
        assert!(TypePattern::DEFAULTS.iter().all(|text| TypePattern::parse(text).is_some()));
    }
}
