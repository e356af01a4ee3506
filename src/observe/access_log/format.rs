//! How a line looks: JSON, the combined format, or a template.

use std::fmt;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use super::fields::{Facts, Field, Value, each_in_json};
use crate::config::model::AccessFormat;
use crate::observe::escape;

/// The combined format of Apache and nginx, as a template.
const COMBINED: &str = concat!(
    r#"{client_ip} - - [{time_clf}] "{method} {target} {http_version}" {status} {response_bytes} "#,
    r#""{referer}" "{user_agent}""#
);

/// A format, ready to write lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line; facts that do not apply are left out.
    Json,
    /// Text with fields in it; facts that do not apply are `-`.
    Template(Template),
}

impl Format {
    /// From the config.
    ///
    /// # Errors
    /// [`TemplateError`] where a template is none.
    pub fn compile(format: &AccessFormat) -> Result<Self, TemplateError> {
        match format {
            AccessFormat::Json => Ok(Self::Json),
            AccessFormat::Combined => Template::parse(COMBINED).map(Self::Template),
            AccessFormat::Template(text) => Template::parse(text).map(Self::Template),
        }
    }

    /// Appends a line with its end.
    pub(crate) fn write(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Json => json_line(facts, out),
            Self::Template(template) => template.write(facts, out),
        }
        out.push(b'\n');
    }
}

/// A line with `{field}` in it. `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<[u8]>),
    Field(Field),
}

/// Why a text is no template. Offsets are octets of that text, for the underline of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// `{name}` names nothing.
    Unknown {
        /// Where the name begins, after the brace.
        offset: usize,
        /// The name as written, perhaps empty.
        name: String,
        /// The field that was probably meant.
        nearest: Option<Field>,
    },
    /// `{` without its `}`.
    Unclosed {
        /// Where the brace is.
        offset: usize,
    },
    /// `}` without its `{`.
    Unopened {
        /// Where the brace is.
        offset: usize,
    },
    /// A control character, which would break the line.
    Control {
        /// Where it is.
        offset: usize,
        /// Which one.
        character: char,
    },
    /// No field at all: every line would be the same.
    NoField,
}

impl TemplateError {
    /// The octets that the message is about: offset and length, at least 1.
    pub fn span(&self) -> (usize, usize) {
        match self {
            Self::Unknown { offset, name, .. } => (*offset, name.len().max(1)),
            Self::Unclosed { offset } | Self::Unopened { offset } => (*offset, 1),
            Self::Control { offset, character } => (*offset, character.len_utf8()),
            Self::NoField => (0, 1),
        }
    }

    /// What would be right instead, as one clause.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { nearest: Some(nearest), .. } => format!("did you mean {{{}}}?", nearest.name()),
            Self::Unknown { nearest: None, .. } | Self::NoField => {
                let all: Vec<_> = Field::ALL.iter().map(|field| format!("{{{}}}", field.name())).collect();
                format!("one of {}", all.join(", "))
            }
            Self::Unclosed { .. } => "close it with }, or write {{ for a brace".to_owned(),
            Self::Unopened { .. } => "write }} for a brace".to_owned(),
            Self::Control { .. } => {
                "each exchange is one line: no line break and no other control character".to_owned()
            }
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, .. } if name.is_empty() => f.write_str("empty field {}"),
            Self::Unknown { name, .. } => write!(f, "unknown field {{{}}}", name.escape_debug()),
            Self::Unclosed { .. } => f.write_str("{ without }"),
            Self::Unopened { .. } => f.write_str("} without {"),
            Self::Control { character, .. } => write!(f, "control character {}", character.escape_default()),
            Self::NoField => f.write_str("no field in the template"),
        }
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`], the first one.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut literal) = (Vec::new(), String::new());
        let mut rest = text.char_indices();
        while let Some((offset, character)) = rest.next() {
            match character {
                '{' | '}' if rest.as_str().starts_with(character) => {
                    literal.push(character);
                    rest.next();
                }
                '{' => {
                    let field = field_at(text, offset)?;
                    parts.push(Part::Literal(std::mem::take(&mut literal).into_bytes().into()));
                    parts.push(Part::Field(field));
                    rest.nth(field.name().len()); // all of it is ASCII: the name, then the brace
                }
                '}' => return Err(TemplateError::Unopened { offset }),
                _ if character.is_control() && character != '\t' => {
                    return Err(TemplateError::Control { offset, character });
                }
                _ => literal.push(character),
            }
        }
        if parts.is_empty() {
            return Err(TemplateError::NoField);
        }
        parts.push(Part::Literal(literal.into_bytes().into()));
        parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
        Ok(Self { parts })
    }

    fn write(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Field(field) if facts.redaction.omits(*field) => out.push(b'-'),
                Part::Field(field) => match field.value(facts) {
                    Value::Absent => out.push(b'-'),
                    Value::Target(target, redaction) => redaction.pieces(target, |piece| escape::text(out, piece)),
                    Value::Foreign(bytes) => escape::text(out, bytes),
                    Value::Own(text) => out.extend_from_slice(text),
                    plain => write_plain(out, plain),
                },
            }
        }
    }
}

fn field_at(text: &str, brace: usize) -> Result<Field, TemplateError> {
    let offset = brace + 1;
    let inside = &text[offset..];
    let end = inside.find(['{', '}']).filter(|&end| inside[end..].starts_with('}'));
    let name = &inside[..end.ok_or(TemplateError::Unclosed { offset: brace })?];
    Field::named(name).ok_or_else(|| TemplateError::Unknown {
        offset,
        name: name.to_owned(),
        nearest: Field::nearest(name),
    })
}

/// One JSON object, without the end of the line.
pub(crate) fn json_line(facts: &Facts<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    each_in_json(facts, |key, value| {
        #[inline(always)]
        fn quoted(out: &mut Vec<u8>, key: &'static [u8], write: impl FnOnce(&mut Vec<u8>)) {
            out.extend_from_slice(key);
            out.push(b'"');
            write(out);
            out.push(b'"');
        }
        match value {
            Value::Absent => {}
            Value::Foreign(bytes) => quoted(out, key, |out| escape::json(out, bytes)),
            Value::Own(text) => quoted(out, key, |out| out.extend_from_slice(text)),
            Value::Target(target, redaction) => {
                quoted(out, key, |out| redaction.pieces(target, |piece| escape::json(out, piece)))
            }
            Value::Tries(tries, start) => {
                out.extend_from_slice(key);
                tries.write_json(start, out);
            }
            Value::Address(_) | Value::AddressAndPort(_) | Value::Causes(_) | Value::TraceId(_) => {
                quoted(out, key, |out| write_plain(out, value))
            }
            plain => {
                out.extend_from_slice(key);
                write_plain(out, plain);
            }
        }
    });
    // Each key brings the comma before it; the first is `time`, which is always there.
    out[start] = b'{';
    out.push(b'}');
}

impl Value<'_> {
    /// Appends its text; of what needs quotes, without them.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Value::Foreign(bytes) | Value::Own(bytes) => out.extend_from_slice(bytes),
            Value::Target(target, redaction) => redaction.pieces(target, |piece| out.extend_from_slice(piece)),
            plain => write_plain(out, plain),
        }
    }
}

#[inline]
fn write_plain(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Number(number) => write_number(out, number),
        Value::Micros(micros) => write_millis(out, micros),
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Causes(causes) => {
            let _ = write!(out, "{causes}"); // writing to memory cannot fail
        }
        Value::Address(address) => write_address(out, address),
        Value::AddressAndPort(SocketAddr::V4(address)) => {
            write_address(out, IpAddr::V4(*address.ip()));
            out.push(b':');
            write_number(out, address.port().into());
        }
        Value::AddressAndPort(SocketAddr::V6(address)) => {
            out.push(b'[');
            write_address(out, IpAddr::V6(*address.ip()));
            out.extend_from_slice(b"]:");
            write_number(out, address.port().into());
        }
        Value::TraceId(id) => {
            let _ = write!(out, "{id}"); // writing to memory cannot fail
        }
        Value::Tries(tries, _) => tries.write_text(out),
        Value::Absent | Value::Foreign(_) | Value::Own(_) | Value::Target(..) => {}
    }
}

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn write_millis(out: &mut Vec<u8>, micros: u64) {
    write_number(out, micros / 1_000);
    let rest = (micros % 1_000) as u16;
    let digit = |value: u16| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
}

fn write_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => write_v4(out, address.octets()),
        // Writing to memory cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

fn write_v4(out: &mut Vec<u8>, octets: [u8; 4]) {
    let (mut text, mut length) = ([0; 16], 0);
    let mut push = |byte| {
        text[length & 15] = byte;
        length += 1;
    };
    for octet in octets {
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
        push(b'.');
    }
    out.extend_from_slice(&text[..length - 1]);
}
