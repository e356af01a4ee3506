//! Which exchanges a tap shows: terms about fields of the access log, all of which must hold.
//!
//! ```text
//! route=api status>=500          side=upstream          target=/api/* duration_ms>250
//! status=5xx !fault              user_agent~curl        client_ip!=10.0.0.1
//! ```

use std::fmt;

use crate::observe::access_log::{Facts, Field, Value};

/// Terms that a filter may have.
const TERMS: usize = 16;

/// A filter. Without a term it takes everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(Vec<Term>);

#[derive(Clone, Debug, PartialEq)]
struct Term {
    field: Field,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Present(bool),
    /// With a star at the end: begins with. The flag is whether it must hold.
    Is(bool, Box<[u8]>, bool),
    /// `5xx`
    Class(bool, u64),
    Contains(Box<[u8]>),
    Number(Order, f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Less,
    AtMost,
    More,
    AtLeast,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// There is no such field; the one that was probably meant.
    Unknown(String, Option<Field>),
    /// What stands after `<` or `>` is no number.
    Number(String),
    /// More terms than a filter may have.
    Long,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name, Some(nearest)) => {
                write!(f, "there is no field {name:?}; did you mean {}?", nearest.name())
            }
            Self::Unknown(name, None) => {
                write!(f, "there is no field {name:?}; the fields are those of the access log")
            }
            Self::Number(text) => write!(f, "{text:?} is no number"),
            Self::Long => write!(f, "a filter has at most {TERMS} terms"),
        }
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// Reads terms with spaces between them.
    ///
    /// # Errors
    /// [`FilterError`], the first one.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let terms = text.split_whitespace().map(term).collect::<Result<Vec<_>, _>>()?;
        if terms.len() > TERMS { Err(FilterError::Long) } else { Ok(Self(terms)) }
    }

    /// Whether all terms hold.
    pub(crate) fn takes(&self, facts: &Facts<'_>) -> bool {
        self.0.iter().all(|term| term.test.holds(term.field.value(facts)))
    }
}

fn term(text: &str) -> Result<Term, FilterError> {
    let field =
        |name: &str| Field::named(name).ok_or_else(|| FilterError::Unknown(name.to_owned(), Field::nearest(name)));
    let number = |text: &str| text.parse::<f64>().map_err(|_| FilterError::Number(text.to_owned()));
    let Some(at) = text.find(['=', '!', '~', '<', '>']).filter(|at| *at > 0) else {
        let name = text.strip_prefix('!');
        return Ok(Term { field: field(name.unwrap_or(text))?, test: Test::Present(name.is_none()) });
    };
    let (name, rest) = text.split_at(at);
    let field = field(name)?;
    let orders = [(">=", Order::AtLeast), ("<=", Order::AtMost), (">", Order::More), ("<", Order::Less)];
    if let Some((order, value)) = orders.iter().find_map(|(sign, order)| Some((*order, rest.strip_prefix(sign)?))) {
        return Ok(Term { field, test: Test::Number(order, number(value)?) });
    }
    if let Some(part) = rest.strip_prefix('~') {
        return Ok(Term { field, test: Test::Contains(part.as_bytes().into()) });
    }
    let wanted = !rest.starts_with('!');
    let value = rest.trim_start_matches('!').trim_start_matches('=');
    if let Some(class) =
        value.strip_suffix("xx").and_then(|class| class.parse().ok()).filter(|_| field == Field::Status)
    {
        return Ok(Term { field, test: Test::Class(wanted, class) });
    }
    let (value, begins) = value.strip_suffix('*').map_or((value, false), |value| (value, true));
    Ok(Term { field, test: Test::Is(wanted, value.as_bytes().into(), begins) })
}

impl Test {
    fn holds(&self, value: Value<'_>) -> bool {
        match self {
            Self::Present(wanted) => !matches!(value, Value::Absent) == *wanted,
            Self::Class(wanted, class) => matches!(value, Value::Number(status) if status / 100 == *class) == *wanted,
            Self::Is(wanted, text, begins) => {
                let same = |value: &[u8]| if *begins { value.starts_with(text) } else { value == &**text };
                as_text(value, same) == *wanted
            }
            Self::Contains(part) => as_text(value, |value| memchr::memmem::find(value, part).is_some()),
            Self::Number(order, wanted) => {
                let number = match value {
                    Value::Number(number) => number as f64,
                    Value::Micros(micros) => micros as f64 / 1000.0,
                    _ => return false,
                };
                match order {
                    Order::Less => number < *wanted,
                    Order::AtMost => number <= *wanted,
                    Order::More => number > *wanted,
                    Order::AtLeast => number >= *wanted,
                }
            }
        }
    }
}

/// Asks about the text of a value; of nothing there is none.
fn as_text(value: Value<'_>, ask: impl Fn(&[u8]) -> bool) -> bool {
    match value {
        Value::Absent => false,
        Value::Foreign(bytes) | Value::Own(bytes) => ask(bytes),
        Value::Bool(yes) => ask(if yes { b"true" } else { b"false" }),
        other => {
            let mut text = Vec::new();
            other.write(&mut text);
            ask(&text)
        }
    }
}
