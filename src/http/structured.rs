//! Structured field values (RFC 9651): parsed strictly, as the RFC demands, so that a field that is not well-formed is ignored as a whole.

mod parse;
mod write;

pub use parse::{dictionary, item, list};
pub use write::Writer;

use super::trust::is_token;

/// Whether a token may have it behind its first octet (RFC 9651 §3.3.4).
fn is_part(octet: u8) -> bool {
    is_token(octet) || matches!(octet, b':' | b'/')
}

/// A value without parameters (RFC 9651 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bare {
    /// An integer of at most 15 digits.
    Integer(i64),
    /// A decimal, in thousandths.
    Decimal(i64),
    /// A string of visible ASCII and blanks.
    String(String),
    /// A token.
    Token(String),
    /// Octets.
    Bytes(Vec<u8>),
    /// A boolean.
    Boolean(bool),
    /// A date in seconds since 1970.
    Date(i64),
    /// A string of Unicode.
    Display(String),
}

impl Bare {
    /// The number, where it is an integer.
    pub const fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The truth, where it is a boolean.
    pub const fn boolean(&self) -> Option<bool> {
        if let Self::Boolean(truth) = self { Some(*truth) } else { None }
    }

    /// The text, where it is a string.
    pub fn string(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }
}

/// Parameters in their order; of a name that occurs twice the last value counts, at the place of the first.
pub type Parameters = Vec<(String, Bare)>;

/// A value with its parameters (§3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Value.
    pub value: Bare,
    /// Parameters.
    pub parameters: Parameters,
}

/// What stands in a list, or behind a name in a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Member {
    /// One item.
    Item(Item),
    /// Items in brackets (§3.1.1), and the parameters of the whole.
    Inner(Vec<Item>, Parameters),
}

impl Member {
    /// The value, where it is one item.
    pub const fn bare(&self) -> Option<&Bare> {
        if let Self::Item(item) = self { Some(&item.value) } else { None }
    }
}

/// A dictionary in its order; of a name that occurs twice the last value counts, at the place of the first (§3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dictionary(Vec<(String, Member)>);

impl Dictionary {
    /// The member of that name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, member)| member)
    }

    /// Name and member, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.0.iter().map(|(name, member)| (name.as_str(), member))
    }

    /// Whether it has no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
