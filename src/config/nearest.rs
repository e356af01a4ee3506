//! What was probably meant.

/// The candidate closest to `written`, if any is close enough to be worth a guess.
pub(super) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.chars().count() > 100 {
        return None;
    }
    let plain = fold(written);
    let close = |one: &str| one.chars().count().div_ceil(3);
    // Most candidates are out by their length alone, which costs nothing.
    let possible = |one: &&'a str| one.len().abs_diff(plain.len()) <= close(one) || is_part(&plain, one);
    let scored = candidates.into_iter().filter(possible).map(|one| (distance(&plain, &fold(one)), one));
    let (distance, one) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= close(one)).then_some(one)
}

/// Case and the three ways to join words are no difference that counts.
fn fold(text: &str) -> String {
    text.to_lowercase().replace(['-', ' '], "_")
}

/// Swapped neighbours are one mistake. A word that the other one begins or ends with is a close one: `timeout`, `connect_timeout`.
fn distance(written: &str, candidate: &str) -> usize {
    let edits = strsim::osa_distance(written, candidate);
    if is_part(written, candidate) { edits.min(2) } else { edits }
}

fn is_part(written: &str, candidate: &str) -> bool {
    written.len() >= 4 && (candidate.ends_with(written) || candidate.starts_with(written))
}

/// A text of the operator's inside a message: quoted, no control characters, not without end.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}", format!("{}...", &text[..end])),
        None => format!("{text:?}"),
    }
}

/// `a`, `a and b`, `a, b and c`; or with `or`.
pub(super) fn listed<S: AsRef<str>>(words: &[S], joint: &str) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<_> = most.iter().map(AsRef::as_ref).collect();
            format!("{} {joint} {}", most.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_only_where_it_is_close() {
        let keys = ["address", "http2", "idle_timeout", "max_connections", "request_head_timeout", "tls"];
        let cases = [
            ("adress", Some("address")),
            ("addresss", Some("address")),
            ("Address", Some("address")),
            ("max-connections", Some("max_connections")),
            ("head_timeout", Some("request_head_timeout")),
            ("maxconnections", Some("max_connections")),
            ("tsl", Some("tls")),
            ("bananas", None),
            ("x", None),
            ("", None),
            ("ädress", Some("address")),
        ];
        for (written, meant) in cases {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), keys), None);
    }

    #[test]
    fn texts_in_messages_stay_short_and_harmless() {
        assert_eq!(quoted("a\u{1b}[31m"), r#""a\u{1b}[31m""#);
        assert!(quoted(&"é".repeat(1000)).len() < 140);
        assert_eq!(listed(&["a", "b", "c"], "or"), "a, b or c");
    }
}
