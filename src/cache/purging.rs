//! What a request with the method `PURGE` asks for, in its field `Tidegate-Purge`: a dictionary (RFC 9651).

use http::HeaderName;

use super::purge::Scope;
use crate::http::Headers;
use crate::http::structured::{self, Item, Member};

/// How a purge by method says what it is about.
pub const TIDEGATE_PURGE: HeaderName = HeaderName::from_static("tidegate-purge");

/// Why a purge is none.
pub const MALFORMED: &str =
    "Tidegate-Purge takes one of `prefix`, `all`, `tag=\"news\"` and `tag=(\"news\" \"sport\")`, and `soft`";

/// The scopes of a purge of that URL, and whether it is soft; without the field it is a hard one of the URL alone. `None` where the field
/// says anything else than what is known: half of a purge would be worse than none.
pub fn read(url: &str, headers: &Headers) -> Option<(Vec<Scope>, bool)> {
    if !headers.contains(&TIDEGATE_PURGE) {
        return Some((vec![Scope::Url(url.into())], false));
    }
    let asked = structured::dictionary(headers.all(&TIDEGATE_PURGE))?;
    let (mut scopes, mut soft) = (Vec::new(), false);
    for (name, member) in asked.iter() {
        match name {
            "soft" => soft = flag(member)?,
            "prefix" if flag(member)? => scopes.push(vec![Scope::Prefix(url.into())]),
            "all" if flag(member)? => scopes.push(vec![Scope::All]),
            "tag" => scopes.push(tags(member)?),
            _ => return None,
        }
    }
    match scopes.len() {
        0 => Some((vec![Scope::Url(url.into())], soft)),
        1 => scopes.pop().map(|scopes| (scopes, soft)),
        // Of the URL's beginning, or of something that has nothing to do with it?
        _ => None,
    }
}

fn flag(member: &Member) -> Option<bool> {
    member.bare()?.boolean()
}

fn tags(member: &Member) -> Option<Vec<Scope>> {
    let tag = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(|text| Scope::Tag(text.into()));
    match member {
        Member::Inner(items, _) if !items.is_empty() => {
            items.iter().map(|item: &Item| tag(item.value.string())).collect()
        }
        Member::Inner(..) => None,
        Member::Item(item) => Some(vec![tag(item.value.string())?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_is_asked_for() {
        const URL: &str = "http://a/b";
        let tag = |text: &str| Scope::Tag(text.into());
        for (field, want) in [
            (None, Some((vec![Scope::Url(URL.into())], false))),
            (Some("soft"), Some((vec![Scope::Url(URL.into())], true))),
            (Some("soft=?0"), Some((vec![Scope::Url(URL.into())], false))),
            (Some("prefix"), Some((vec![Scope::Prefix(URL.into())], false))),
            (Some("prefix, soft"), Some((vec![Scope::Prefix(URL.into())], true))),
            (Some("all"), Some((vec![Scope::All], false))),
            (Some("tag=\"news\""), Some((vec![tag("news")], false))),
            (Some("soft, tag=(\"a\" \"b c\")"), Some((vec![tag("a"), tag("b c")], true))),
            (Some(""), Some((vec![Scope::Url(URL.into())], false))),
            (Some("tag=news"), None),
            (Some("tag=\"\""), None),
            (Some("tag=()"), None),
            (Some("tag"), None),
            (Some("prefix=?0"), None),
            (Some("prefix, all"), None),
            (Some("softly"), None),
            (Some("soft=1"), None),
            (Some("Soft"), None),
        ] {
            let field = field.map(|field| (TIDEGATE_PURGE, HeaderValue::from_str(field).unwrap()));
            let headers: Headers = field.clone().into_iter().collect();
            assert_eq!(read(URL, &headers), want, "{field:?}");
        }
    }
}
