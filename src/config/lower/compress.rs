//! `compress`, `decompress_request`: a boolean, or a table that is as good as `true`.

use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::{Codings, Compress, Decompress, Levels, SharedDictionary, TypePattern};
use crate::config::nearest::quoted;
use crate::config::raw::Shape;
use crate::config::scalar::{Read, Wrong};
use crate::http::negotiate::Coding;

pub(super) fn codings(at: &Fields<'_>) -> Codings {
    Codings {
        compress: switched(at, "compress", read),
        decompress_request: switched(at, "decompress_request", |at| Decompress { max_ratio: at.count("max_ratio") }),
        decompress_response: at.boolean("decompress_response"),
    }
}

/// The policy; a route that says `true` has the table of `[defaults]`, where there is one.
pub(super) fn switched<T>(at: &Fields<'_>, name: &str, read: impl Fn(&Fields<'_>) -> T) -> Option<T> {
    let own = at.own(name);
    let on = match &own {
        Some(found) if !is_table(found) => Some(found.boolean()?),
        _ => None,
    };
    let found = match on {
        Some(false) => return None,
        Some(true) => at.inherited(name).filter(is_table).or(own),
        None => own.or_else(|| at.inherited(name)),
    }?;
    if is_table(&found) {
        return found.section().map(|at| read(&at));
    }
    // `true` alone: every key has its default.
    found.boolean()?.then(|| found.empty_section()).flatten().map(|at| read(&at))
}

fn is_table(found: &Found<'_>) -> bool {
    matches!(found.node.shape, Shape::Table(_))
}

fn read(at: &Fields<'_>) -> Compress {
    Compress {
        encodings: encodings(at),
        levels: levels(at),
        min_size: at.size("min_size"),
        types: at.list("types", |text| {
            TypePattern::parse(text).ok_or_else(|| {
                let help = "such as \"text/html\", \"text/*\" or \"*+json\"";
                Wrong::new(format!("{} is not a content type", quoted(text)), help)
            })
        }),
        adaptive: at.boolean("adaptive"),
        dictionary: switched(at, "dictionary", dictionary),
    }
}

fn dictionary(at: &Fields<'_>) -> SharedDictionary {
    let files = at.find("files").map_or_else(Vec::new, |found| found.items());
    SharedDictionary {
        automatic: at.boolean("automatic"),
        pattern: at.find("match").and_then(|found| found.parsed(pattern)),
        id: at.find("id").and_then(|found| found.parsed(identifier)),
        max_size: at.size("max_size"),
        files: files.iter().filter_map(Found::file).collect(),
    }
}

/// A pattern of URLs of the origin itself, as far as it can be told without a browser.
fn pattern(text: &str) -> Read<String> {
    let help = "a path with `*` for any part of it, such as \"/app/*.js\"";
    if !text.starts_with('/') || text.starts_with("//") {
        return Err(Wrong::new(format!("{} is no pattern of paths", quoted(text)), help));
    }
    if text.contains(['(', ')']) && !text.contains("\\(") {
        return Err(Wrong::new("clients take no regular expressions here", help));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Wrong::new(format!("{} holds what no URL holds", quoted(text)), help));
    }
    Ok(text.to_owned())
}

fn identifier(text: &str) -> Read<String> {
    let good = text.len() <= MAX_ID && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if good { Ok(text.to_owned()) } else { Err(Wrong::new("this is no identifier", "at most 1024 letters of ASCII")) }
}

/// What clients keep of an identifier (RFC 9842 §2.1.3).
const MAX_ID: usize = 1024;

fn encodings(at: &Fields<'_>) -> Vec<Coding> {
    let Some(found) = at.find("encodings") else { return vec![Coding::Zstd, Coding::Br, Coding::Gzip] };
    let items = found.items();
    if items.is_empty() && matches!(found.node.shape, Shape::List(_)) {
        found.wrong(Wrong::new("no coding to compress with", "write compress = false for none"));
    }
    let mut encodings = Vec::with_capacity(items.len());
    for coding in items.iter().filter_map(Found::word) {
        if !encodings.contains(&coding) {
            encodings.push(coding);
        }
    }
    encodings
}

fn levels(at: &Fields<'_>) -> Levels {
    match at.find("level") {
        Some(found) if !is_table(&found) => {
            let level = found.integer().and_then(|level| u8::try_from(level).ok());
            level.map_or(DEFAULTS, |level| Levels { zstd: level, br: level.min(MAX_BR), gzip: level })
        }
        Some(found) => found.section().map_or(DEFAULTS, |at| Levels {
            zstd: at.count("zstd"),
            br: at.count("br"),
            gzip: at.count("gzip"),
        }),
        None => DEFAULTS,
    }
}

/// The highest of br, as the key table has it.
const MAX_BR: u8 = 8;
/// Those of the key table.
const DEFAULTS: Levels = Levels { zstd: 3, br: 4, gzip: 3 };
