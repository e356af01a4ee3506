//! A request to the admin address, read whole.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde::de::DeserializeOwned;

/// Octets of a body; more is refused.
pub(crate) const MAX_BODY: usize = 64 << 10;

/// A request.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// Whether it asks for something and changes nothing.
    pub(crate) fn reads(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the body is not what is asked for: {error}"))
    }

    /// The parameters of the query, in order.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let query = self.uri.query().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name), decoded(value))
            })
            .collect()
    }

    /// The parameter of that name; the first one.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The parameter of that name as a whole number.
    ///
    /// # Errors
    /// One sentence, where it is none.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let number = |text: String| text.parse().map_err(|_| format!("{name} is a whole number"));
        self.parameter(name).map(number).transpose()
    }
}

/// Percent-encoding and `+` taken off; what is no UTF-8 then is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        (bytes, rest) = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => (push(bytes, (high * 16 + low) as u8), &tail[2..]),
            (b'+', ..) => (push(bytes, b' '), tail),
            (byte, ..) => (push(bytes, *byte), tail),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn push(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let asked = Asked {
            method: Method::GET,
            uri: Uri::from_static("/api/explain?url=http%3A%2F%2Fa%2F%3Fb%3D1&header=A:+b&header=C:%20d&x&&bad=%zz%4"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("url", "http://a/?b=1"),
            pair("header", "A: b"),
            pair("header", "C: d"),
            pair("x", ""),
            pair("bad", "%zz%4"),
        ];
        assert_eq!(asked.parameters(), expected);
        assert_eq!(asked.parameter("header").as_deref(), Some("A: b"));
    }
}
