//! `${NAME}` and `${NAME:-default}` in texts. `$${` is a plain `${`, and so is what cannot be a name, such as `${1}`.

use std::borrow::Cow;

/// Where the values come from.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Why a text cannot be filled in. The offsets are octets of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EnvError {
    /// No such variable, and no default.
    Unset { name: String, start: usize, end: usize },
    /// `${` without a name and a `}`.
    Malformed { start: usize, end: usize },
}

/// Fills in. A default holds for an empty variable too, as in a shell.
pub(super) fn fill<'t>(text: &'t str, env: &Environment<'_>) -> Result<Cow<'t, str>, EnvError> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(start) = text[done..].find("${").map(|at| done + at) {
        if text[..start].ends_with('$') && start > done {
            out.push_str(&text[done..start - 1]);
            out.push_str("${");
            done = start + 2;
            continue;
        }
        out.push_str(&text[done..start]);
        let end = text[start..].find('}').map(|at| start + at + 1);
        let end = end.ok_or(EnvError::Malformed { start, end: text.len() })?;
        out.push_str(&value(&text[start + 2..end - 1], start, end, env)?);
        done = end;
    }
    out.push_str(&text[done..]);
    Ok(Cow::Owned(out))
}

fn value(inside: &str, start: usize, end: usize, env: &Environment<'_>) -> Result<String, EnvError> {
    let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
    if name.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() && default.is_none() {
        return Ok(format!("${{{name}}}"));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(EnvError::Malformed { start, end });
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(EnvError::Unset { name: name.to_owned(), start, end }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_in() {
        let env = |name: &str| match name {
            "HOST" => Some("example.com".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("${HOST}".to_owned()),
            _ => None,
        };
        let cases = [
            ("plain $HOST", Ok("plain $HOST")),
            ("${HOST}:80", Ok("example.com:80")),
            ("a${HOST}b${HOST}", Ok("aexample.combexample.com")),
            ("${NONE:-x}${EMPTY:-y}[${EMPTY}]", Ok("xy[]")),
            ("${NONE:-}", Ok("")),
            ("$${HOST}", Ok("${HOST}")),
            ("/x/${1}/$2", Ok("/x/${1}/$2")),
            ("${TRICK}", Ok("${HOST}")),
            ("ü${NONE}", Err(EnvError::Unset { name: "NONE".to_owned(), start: 2, end: 9 })),
            ("x${HOST", Err(EnvError::Malformed { start: 1, end: 7 })),
            ("${}", Err(EnvError::Malformed { start: 0, end: 3 })),
            ("${A B}", Err(EnvError::Malformed { start: 0, end: 6 })),
        ];
        for (text, filled) in cases {
            assert_eq!(fill(text, &env).as_deref().map_err(Clone::clone), filled, "{text}");
        }
    }
}
