//! Content types by extension.

use std::collections::BTreeMap;

use http::HeaderValue;

/// Extension and type, sorted by extension. Text says its charset, for a browser would guess another.
const BUILT_IN: [(&str, &str); 78] = [
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("apk", "application/vnd.android.package-archive"),
    ("apng", "image/apng"),
    ("atom", "application/atom+xml"),
    ("avi", "video/x-msvideo"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("cjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("deb", "application/vnd.debian.binary-package"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("jar", "application/java-archive"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("jxl", "image/jxl"),
    ("log", "text/plain; charset=utf-8"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/x-m4v"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpd", "application/dash+xml"),
    ("mpeg", "video/mpeg"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("ps", "application/postscript"),
    ("rss", "application/rss+xml"),
    ("rtf", "application/rtf"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// Longest extension that is looked up.
const MAX_EXTENSION: usize = 16;

/// The table with what the config adds.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    own: BTreeMap<Vec<u8>, HeaderValue>,
}

impl Types {
    /// With these extensions (without dot, any case) in addition or instead; `Err` is the extension whose type is no field value.
    pub(super) fn compile(types: &BTreeMap<String, String>) -> Result<Self, String> {
        let entry = |(extension, of): (&String, &String)| {
            let bare = extension.strip_prefix('.').unwrap_or(extension).to_ascii_lowercase();
            let value = HeaderValue::from_str(of).ok().filter(|value| !value.is_empty() && !bare.is_empty());
            value.map(|value| (bare.into_bytes(), value)).ok_or_else(|| extension.clone())
        };
        Ok(Self { own: types.iter().map(entry).collect::<Result<_, _>>()? })
    }

    /// The type of a file of that name; `application/octet-stream` for what is unknown.
    pub(super) fn of(&self, name: &[u8]) -> HeaderValue {
        const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");
        let base = memchr::memrchr(b'/', name).map_or(name, |slash| &name[slash + 1..]);
        let Some(dot) = memchr::memrchr(b'.', base).filter(|dot| *dot > 0) else { return UNKNOWN };
        let extension = &base[dot + 1..];
        let mut lower = [0; MAX_EXTENSION];
        let Some(lower) = lower.get_mut(..extension.len()) else { return UNKNOWN };
        lower.copy_from_slice(extension);
        lower.make_ascii_lowercase();
        if let Some(own) = self.own.get(&*lower) {
            return own.clone();
        }
        let found = BUILT_IN.binary_search_by(|(known, _)| known.as_bytes().cmp(lower));
        found.map_or(UNKNOWN, |at| HeaderValue::from_static(BUILT_IN[at].1))
    }
}

/// Whether files of that type shrink when they are compressed, so that compressed siblings may lie beside them.
pub(super) fn may_shrink(of: &HeaderValue) -> bool {
    let of = of.as_bytes();
    let packed = [
        &b"image/"[..],
        b"video/",
        b"audio/",
        b"font/woff",
        b"application/zip",
        b"application/gzip",
        b"application/zstd",
    ];
    of.starts_with(b"image/svg") || !packed.iter().any(|packed| of.starts_with(packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(BUILT_IN.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(BUILT_IN.iter().all(|(extension, _)| extension.len() <= MAX_EXTENSION));
        assert!(BUILT_IN.iter().all(|(_, of)| !of.starts_with("text/") || of.ends_with("; charset=utf-8")));
    }

    #[test]
    fn types_of_names() {
        let own = [("LOG".to_owned(), "text/x-log".to_owned()), (".foo".to_owned(), "a/b".to_owned())];
        let types = Types::compile(&own.into_iter().collect()).expect("valid");
        for (name, want) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a.b/INDEX.HTML", "text/html; charset=utf-8"),
            ("a.tar.gz", "application/gzip"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("7z.7z", "application/x-7z-compressed"),
            ("a.zst", "application/zstd"),
            ("x.log", "text/x-log"),
            ("x.foo", "a/b"),
            ("README", "application/octet-stream"),
            ("a.html/README", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("x.", "application/octet-stream"),
            ("x.averyverylongextension", "application/octet-stream"),
        ] {
            assert_eq!(types.of(name.as_bytes()), want, "{name}");
        }
    }

    #[test]
    fn a_type_must_be_a_value() {
        for (extension, of) in [("a", "x\ny"), ("a", ""), ("", "a/b"), (".", "a/b")] {
            let types = [(extension.to_owned(), of.to_owned())].into_iter().collect();
            assert_eq!(Types::compile(&types).err().as_deref(), Some(extension));
        }
    }

    #[test]
    fn what_may_shrink() {
        for (of, want) in [
            ("text/css", true),
            ("image/svg+xml", true),
            ("image/png", false),
            ("video/mp4", false),
            ("font/woff2", false),
        ] {
            assert_eq!(may_shrink(&HeaderValue::from_static(of)), want, "{of}");
        }
    }
}
