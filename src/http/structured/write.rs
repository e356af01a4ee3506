//! Writing (RFC 9651 §4.1), straight into the bytes of a field.

use bytes::Bytes;
use http::HeaderValue;

use super::is_part;

/// Writes one item and its parameters. What the type cannot hold is replaced or cut, never written wrongly.
#[derive(Debug, Default)]
pub struct Writer(String);

impl Writer {
    /// A writer that has written a token; octets that no token may have become `_`.
    pub fn token(token: &str) -> Self {
        let mut writer = Self(String::with_capacity(64));
        writer.push_token(token);
        writer
    }

    /// `;name`: a parameter that is true. The name must be a key (§3.1.2), which is the program's to hold.
    #[must_use]
    pub fn flag(mut self, name: &'static str) -> Self {
        self.0.push(';');
        self.0.push(' ');
        self.0.push_str(name);
        self
    }

    /// `;name=number`; what has more than 15 digits is cut to the largest number.
    #[must_use]
    pub fn integer(self, name: &'static str, number: i64) -> Self {
        const LARGEST: i64 = 999_999_999_999_999;
        let mut writer = self.flag(name);
        writer.0.push('=');
        writer.0.push_str(itoa::Buffer::new().format(number.clamp(-LARGEST, LARGEST)));
        writer
    }

    /// `;name=token`
    #[must_use]
    pub fn token_parameter(self, name: &'static str, token: &str) -> Self {
        let mut writer = self.flag(name);
        writer.0.push('=');
        writer.push_token(token);
        writer
    }

    /// `;name="text"`; what is not visible ASCII becomes `?`.
    #[must_use]
    pub fn string(self, name: &'static str, text: &str) -> Self {
        let mut writer = self.flag(name);
        writer.0.push_str("=\"");
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                writer.0.push('\\');
            }
            writer.0.push(if matches!(c, ' '..='~') { c } else { '?' });
        }
        writer.0.push('"');
        writer
    }

    /// What was written.
    pub fn value(self) -> HeaderValue {
        HeaderValue::from_maybe_shared(Bytes::from(self.0)).expect("only visible ASCII was written")
    }

    fn push_token(&mut self, token: &str) {
        let first = |c: char| c.is_ascii_alphabetic() || c == '*';
        if !token.starts_with(first) {
            self.0.push('*');
        }
        // Every response of a cache has one; they are the program's own words but for a few.
        if token.bytes().all(is_part) {
            self.0.push_str(token);
        } else {
            self.0.extend(token.chars().map(|c| if u8::try_from(c).is_ok_and(is_part) { c } else { '_' }));
        }
    }
}
