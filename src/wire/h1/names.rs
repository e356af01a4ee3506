//! Names of fields that most heads have, found by one look into a table; every other name is read by the `http` crate.

use http::HeaderName;

/// What a field means for reading the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    Plain,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
    Host,
    Expect,
}

/// The name in these octets and what it means; `None` where they are no token (RFC 9110 §5.6.2).
#[inline]
pub(super) fn read(text: &[u8]) -> Option<(HeaderName, Role)> {
    if let Some(known) = find(text) {
        return Some((known.name.clone(), known.role));
    }
    let name = HeaderName::from_bytes(text).ok()?;
    // As `HOST`, say: in the table under another spelling.
    let role = find(name.as_str().as_bytes()).map_or(Role::Plain, |known| known.role);
    Some((name, role))
}

struct Known {
    name: HeaderName,
    lower: &'static [u8],
    /// `Content-Type` for `content-type`, as HTTP/1 is mostly written.
    title: [u8; LONGEST],
    role: Role,
}

/// Octets of the longest name in the table.
const LONGEST: usize = 32;
/// Places for names.
const PLACES: usize = 512;
/// Under which no two names share a place.
const FACTOR: u32 = 0xcd61_3e31;

#[inline]
fn find(text: &[u8]) -> Option<&'static Known> {
    let known = NAMES.get(usize::from(TABLE[place(text)?]))?;
    let same = known.lower.len() == text.len() && (text == &known.title[..text.len()] || text == known.lower);
    same.then_some(known)
}

/// Where a name stands in the table, whatever its case.
#[inline]
const fn place(text: &[u8]) -> Option<usize> {
    let length = text.len();
    if length == 0 || length > LONGEST {
        return None;
    }
    let key = [length as u8, text[0] | 0x20, text[length - 1] | 0x20, text[length * 3 / 4] | 0x20];
    Some((u32::from_le_bytes(key).wrapping_mul(FACTOR) >> (u32::BITS - PLACES.trailing_zeros())) as usize)
}

/// The number of the name at each place; one that there is not for a place without a name.
static TABLE: [u8; PLACES] = {
    let mut table = [u8::MAX; PLACES];
    let mut at = 0;
    while at < NAMES.len() {
        match place(NAMES[at].lower) {
            Some(place) if table[place] == u8::MAX => table[place] = at as u8,
            _ => panic!("two names share a place, or one is too long: another FACTOR is needed"),
        }
        at += 1;
    }
    table
};

const fn known(lower: &'static str, role: Role) -> Known {
    let mut title = [0; LONGEST];
    let bytes = lower.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let begins = at == 0 || bytes[at - 1] == b'-';
        title[at] = if begins { bytes[at].to_ascii_uppercase() } else { bytes[at] };
        at += 1;
    }
    Known { name: HeaderName::from_static(lower), lower: bytes, title, role }
}

const fn plain(lower: &'static str) -> Known {
    known(lower, Role::Plain)
}

static NAMES: [Known; 74] = [
    known("connection", Role::Connection),
    known("content-length", Role::ContentLength),
    known("expect", Role::Expect),
    known("host", Role::Host),
    known("transfer-encoding", Role::TransferEncoding),
    known("upgrade", Role::Upgrade),
    plain("accept"),
    plain("accept-charset"),
    plain("accept-encoding"),
    plain("accept-language"),
    plain("accept-ranges"),
    plain("access-control-allow-credentials"),
    plain("access-control-allow-origin"),
    plain("age"),
    plain("allow"),
    plain("alt-svc"),
    plain("authorization"),
    plain("cache-control"),
    plain("content-disposition"),
    plain("content-encoding"),
    plain("content-language"),
    plain("content-location"),
    plain("content-range"),
    plain("content-security-policy"),
    plain("content-type"),
    plain("cookie"),
    plain("date"),
    plain("dnt"),
    plain("etag"),
    plain("expires"),
    plain("forwarded"),
    plain("if-match"),
    plain("if-modified-since"),
    plain("if-none-match"),
    plain("if-range"),
    plain("keep-alive"),
    plain("last-modified"),
    plain("link"),
    plain("location"),
    plain("origin"),
    plain("pragma"),
    plain("priority"),
    plain("range"),
    plain("referer"),
    plain("referrer-policy"),
    plain("retry-after"),
    plain("sec-ch-ua"),
    plain("sec-ch-ua-mobile"),
    plain("sec-ch-ua-platform"),
    plain("sec-fetch-dest"),
    plain("sec-fetch-mode"),
    plain("sec-fetch-site"),
    plain("sec-fetch-user"),
    plain("server"),
    plain("server-timing"),
    plain("set-cookie"),
    plain("strict-transport-security"),
    plain("te"),
    plain("traceparent"),
    plain("tracestate"),
    plain("trailer"),
    plain("upgrade-insecure-requests"),
    plain("user-agent"),
    plain("vary"),
    plain("via"),
    plain("x-content-type-options"),
    plain("x-forwarded-for"),
    plain("x-forwarded-host"),
    plain("x-forwarded-proto"),
    plain("x-frame-options"),
    plain("x-powered-by"),
    plain("x-real-ip"),
    plain("x-request-id"),
    plain("x-requested-with"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_name() {
        for known in &NAMES {
            let lower = known.name.as_str();
            assert_eq!(lower.as_bytes(), known.lower);
            let title = &known.title[..lower.len()];
            let mixed = lower.to_ascii_uppercase();
            for text in [lower.as_bytes(), title, mixed.as_bytes()] {
                assert_eq!(read(text), Some((known.name.clone(), known.role)), "{}", text.escape_ascii());
            }
            assert_eq!(find(title).map(|known| known.lower), Some(known.lower), "found by one look");
            assert_eq!(HeaderName::from_bytes(title).ok().as_ref(), Some(&known.name), "as http reads it");
        }
    }

    #[test]
    fn other_names_and_what_is_none() {
        for text in ["x-own", "ten", "content-typo", "a", "x-a-name-that-is-longer-than-any-in-the-table"] {
            let name: HeaderName = text.parse().expect("a name");
            assert_eq!(read(text.as_bytes()), Some((name, Role::Plain)), "{text}");
        }
        // The octets of a known name, each with the bit that tells the case: control characters and others are not letters.
        for text in
            ["", "host ", " host", "ho\rst", "ho:st", "@ge", "content\rlength", "conten\u{14}-length", "h\u{e9}"]
        {
            assert_eq!(read(text.as_bytes()), None, "{}", text.escape_debug());
        }
    }
}
