//! Names, expressions and other texts.

use std::path::Path;

use http::HeaderName;
use regex::Regex;

use super::message::header_name;
use super::{Read, Wrong};
use crate::config::model::{HashOn, Secret, Template};
use crate::config::nearest::quoted;

/// A regular expression without back-references, in linear time.
pub(in crate::config) fn regex(text: &str) -> Read<Regex> {
    Regex::new(text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            Wrong::new("this regular expression is too large", "smaller repetitions, or fewer of them")
        }
        error => {
            let all = error.to_string();
            let reason = all.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
            let message = format!("not a regular expression: {}", reason.unwrap_or("it cannot be read"));
            Wrong::new(message, "the syntax is that of https://docs.rs/regex; '...' quotes spare double backslashes")
        }
    })
}

/// A secret that nobody guesses.
pub(in crate::config) fn secret(text: &str) -> Read<Secret> {
    const LEAST: usize = 16;
    if text.len() < LEAST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "this is too short for a secret, or has spaces or letters beyond ASCII";
        return Err(Wrong::new(message, "16 visible characters or more, such as openssl rand -hex 16 makes"));
    }
    Ok(Secret::new(text.to_owned()))
}

/// A text with placeholders.
pub(in crate::config) fn template(text: &str) -> Read<Template> {
    Template::parse(text).map_err(|error| Wrong {
        message: error.to_string(),
        help: error.help(),
        part: Some(error.span()),
    })
}

/// `"client_ip"`, `"path"`, `"header:NAME"`, `"cookie:NAME"`.
pub(in crate::config) fn hash_on(text: &str) -> Read<HashOn> {
    match text.split_once(':') {
        None if text == "client_ip" => Ok(HashOn::ClientIp),
        None if text == "path" => Ok(HashOn::Path),
        Some(("header", name)) => header_name(name).map(HashOn::Header),
        Some(("cookie", name)) if HeaderName::from_bytes(name.as_bytes()).is_ok() => {
            Ok(HashOn::Cookie(name.to_owned()))
        }
        _ => {
            let help = "\"client_ip\", \"path\", \"header:NAME\" or \"cookie:NAME\"";
            Err(Wrong::new(format!("{} is nothing to decide by", quoted(text)), help))
        }
    }
}

/// The name of a cookie (RFC 6265 §4.1.1: a token).
pub(in crate::config) fn cookie_name(text: &str) -> Read<String> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => {
            let help = "letters, digits and any of ! # $ % & ' * + - . ^ _ ` | ~";
            Err(Wrong::new(format!("{} cannot be the name of a cookie", quoted(text)), help))
        }
    }
}

/// A name of a listener, an upstream or a route: it appears in logs, metrics and messages.
pub(in crate::config) fn name(text: &str) -> Read<()> {
    const LONGEST: usize = 100;
    let plain = |c: char| c.is_alphanumeric() || "._-/:@+ ".contains(c);
    if text.is_empty() || text.chars().count() > LONGEST || !text.chars().all(plain) || text.trim() != text {
        let help = format!("1 to {LONGEST} letters, digits, or any of . _ - / : @ +");
        return Err(Wrong::new(format!("{} cannot be a name", quoted(text)), help));
    }
    Ok(())
}

/// A protocol to upgrade to (RFC 9110 §7.8), lower case.
///
/// Not one that carries HTTP again: behind the switch nothing is looked at, so its requests would walk past every rule.
pub(in crate::config) fn upgrade(text: &str) -> Read<String> {
    let lower = text.to_ascii_lowercase();
    if ["h2", "http/", "tls/"].iter().any(|front| lower.starts_with(front)) {
        let help = "HTTP/2 to an upstream is `protocol = \"h2\"`, and clients need no switch for it";
        return Err(Wrong::new(format!("{} is never switched to: no rule would hold behind it", quoted(text)), help));
    }
    match HeaderName::from_bytes(text.replace('/', "-").as_bytes()) {
        Ok(_) => Ok(lower),
        Err(_) => Err(Wrong::new(format!("{} is not a protocol", quoted(text)), "such as \"websocket\"")),
    }
}

/// One file name or a path below a folder: nothing that leads out of it.
pub(in crate::config) fn inner_path(text: &str) -> Read<String> {
    use std::path::Component::{CurDir, Normal};
    let path = text.strip_prefix('/').unwrap_or(text);
    let inside = Path::new(path).components().all(|part| matches!(part, Normal(_) | CurDir));
    if path.is_empty() || !inside || path.contains('\0') {
        let help = "a path inside `root`, such as \"index.html\"";
        return Err(Wrong::new(format!("{} leads out of the folder", quoted(text)), help));
    }
    Ok(path.to_owned())
}
