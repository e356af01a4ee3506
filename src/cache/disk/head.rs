//! The head of a stored response: everything but the body, as octets.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::record::MAX_HEAD;
use crate::cache::policy::{Rules, Terms};
use crate::cache::vary::Names;
use crate::cache::{Entry, Variant};
use crate::http::Headers;

/// What a head says.
#[derive(Debug)]
pub(in crate::cache) struct Head {
    /// The whole key.
    pub(in crate::cache) key: Bytes,
    /// As clients ask for it.
    pub(in crate::cache) url: Box<str>,
    pub(in crate::cache) tags: Vec<Box<str>>,
    pub(in crate::cache) status: StatusCode,
    pub(in crate::cache) terms: Terms,
    pub(in crate::cache) chosen_by: Variant,
    /// The fields that clients get.
    pub(in crate::cache) told: Headers,
    /// The others.
    pub(in crate::cache) withheld: Headers,
}

/// The head of an entry under that key; `None` where it is too long to be kept.
pub(super) fn write(key: &[u8], entry: &Entry) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(1024);
    put(&mut out, key);
    put(&mut out, entry.mark.url().as_bytes());
    list(&mut out, entry.mark.tags().map(|tag| (tag.as_bytes(), &b""[..])));
    out.extend_from_slice(&entry.status.as_u16().to_le_bytes());
    let Terms { received, initial_age, lifetime, stale_while_revalidate, stale_if_error, rules } = entry.terms;
    for time in [received, initial_age, lifetime, stale_while_revalidate, stale_if_error] {
        out.extend_from_slice(&time.to_le_bytes());
    }
    out.push(rules.bits());
    list(&mut out, entry.chosen_by.names.iter().map(|name| (name.as_str().as_bytes(), &b""[..])));
    put(&mut out, &entry.chosen_by.said);
    list(&mut out, entry.fields.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())));
    list(&mut out, entry.withheld().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())));
    (out.len() <= MAX_HEAD).then_some(out)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // What is longer than this is longer than a head may be.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

fn list<'a>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
    let place = out.len();
    put(out, b"");
    let mut count = 0_u32;
    for (one, other) in pairs {
        put(out, one);
        put(out, other);
        count += 1;
    }
    out[place..place + 4].copy_from_slice(&count.to_le_bytes());
}

/// Reads a head; `None` where it is not one.
pub(super) fn read(octets: &Bytes) -> Option<Head> {
    let mut rest = Rest(octets.clone());
    let key = rest.bytes()?;
    let url = rest.text()?;
    let tags = rest.pairs(|tag, _| text(&tag))?;
    let status = StatusCode::from_u16(u16::from_le_bytes(rest.octets()?)).ok()?;
    let mut times = [0; 5];
    for time in &mut times {
        *time = u64::from_le_bytes(rest.octets()?);
    }
    let [received, initial_age, lifetime, stale_while_revalidate, stale_if_error] = times;
    let [rules] = rest.octets()?;
    let rules = Rules::from_bits(rules);
    let terms = Terms { received, initial_age, lifetime, stale_while_revalidate, stale_if_error, rules };
    let names = rest.pairs(|name, _| HeaderName::from_bytes(&name).ok())?;
    let chosen_by = Variant { names: Names::stored(names), said: Box::from(&*rest.bytes()?) };
    let (told, withheld) = (rest.fields()?, rest.fields()?);
    rest.0.is_empty().then_some(Head { key, url, tags, status, terms, chosen_by, told, withheld })
}

fn text(bytes: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(bytes).ok().map(Box::from)
}

/// What is still to be read.
struct Rest(Bytes);

impl Rest {
    fn octets<const N: usize>(&mut self) -> Option<[u8; N]> {
        (self.0.len() >= N).then(|| {
            let front = self.0.split_to(N);
            std::array::from_fn(|octet| front[octet])
        })
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let length = u32::from_le_bytes(self.octets()?) as usize;
        (self.0.len() >= length).then(|| self.0.split_to(length))
    }

    fn text(&mut self) -> Option<Box<str>> {
        text(&self.bytes()?)
    }

    fn pairs<T>(&mut self, read: impl Fn(Bytes, Bytes) -> Option<T>) -> Option<Vec<T>> {
        let count = u32::from_le_bytes(self.octets()?);
        (0..count).map(|_| read(self.bytes()?, self.bytes()?)).collect()
    }

    fn fields(&mut self) -> Option<Headers> {
        let field = |name: Bytes, value: Bytes| {
            Some((HeaderName::from_bytes(&name).ok()?, HeaderValue::from_maybe_shared(value).ok()?))
        };
        Some(self.pairs(field)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::purge::Purges;
    use crate::cache::{Content, Contents};

    fn entry() -> Entry {
        let field =
            |name: &'static str, value: &'static str| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers: Headers =
            [field("etag", "\"e\""), field("surrogate-key", "t u"), field("x", "1"), field("x", "2")]
                .into_iter()
                .collect();
        let request: Headers = [field("accept-language", "de")].into_iter().collect();
        let vary: Headers = [field("vary", "accept-language")].into_iter().collect();
        let names = Names::of(&vary).expect("names");
        let terms = Terms {
            received: 1,
            initial_age: 2,
            lifetime: 3,
            stale_while_revalidate: 4,
            stale_if_error: 5,
            rules: Rules::VALIDATOR,
        };
        let mark = Purges::default().mark(7, "http://a/x".into(), ["t".into(), "u".into()]);
        let contents = Contents::identity(Content::copy(b"body"));
        Entry::new(StatusCode::OK, &headers, terms, Variant::of(names, &request), contents, mark)
    }

    #[test]
    fn there_and_back() {
        let entry = entry();
        let octets = Bytes::from(write(b"the key", &entry).expect("short enough"));
        let head = read(&octets).expect("a head");
        assert_eq!((&head.key[..], &*head.url, head.status), (&b"the key"[..], "http://a/x", StatusCode::OK));
        assert_eq!(head.tags, ["t".into(), "u".into()]);
        assert_eq!((head.terms, &head.chosen_by), (entry.terms, &entry.chosen_by));
        let fields = |headers: &Headers| headers.iter().map(|(n, v)| (n.clone(), v.clone())).collect::<Vec<_>>();
        assert_eq!(fields(&head.told), fields(&entry.headers(0)));
        assert_eq!(fields(&head.withheld), fields(entry.withheld()));
    }

    #[test]
    fn what_is_cut_or_longer_is_no_head() {
        let octets = write(b"k", &entry()).expect("short enough");
        for length in 0..octets.len() {
            assert!(read(&Bytes::copy_from_slice(&octets[..length])).is_none(), "{length}");
        }
        assert!(read(&[&octets[..], b"x"].concat().into()).is_none());
        // A count that no octets stand behind costs nothing.
        assert!(read(&Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255])).is_none());
    }
}
