//! Templates: `https://example.com{path}` to [`model::Template`](Template), with the place of what is wrong.
//!
//! A template becomes a field value, so its text may hold what a field value may (RFC 9110 §5.5): no control character but
//! the tab. What is filled in later comes from requests that were checked already, and is checked again when it is rendered.

use std::fmt;

use super::model::{Placeholder, Template, TemplatePart};

/// Why a text is no template. Offsets and lengths are octets of that text, for the underline of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// `{name}` names nothing.
    Unknown {
        /// Where the name begins, after the brace.
        offset: usize,
        /// The name as written, perhaps empty.
        name: String,
        /// The placeholder that was probably meant.
        nearest: Option<Placeholder>,
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
    /// A control character, which no field value may hold.
    Control {
        /// Where it is.
        offset: usize,
        /// Which one.
        character: char,
    },
}

impl TemplateError {
    /// The octets that the message is about: offset and length, at least 1.
    pub fn span(&self) -> (usize, usize) {
        match self {
            Self::Unknown { offset, name, .. } => (*offset, name.len().max(1)),
            Self::Unclosed { offset } | Self::Unopened { offset } => (*offset, 1),
            Self::Control { offset, character } => (*offset, character.len_utf8()),
        }
    }

    /// What would be right instead, as one clause.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { nearest: Some(nearest), .. } => format!("did you mean {{{}}}?", nearest.name()),
            Self::Unknown { nearest: None, .. } => {
                let all: Vec<_> = Placeholder::ALL.iter().map(|one| format!("{{{}}}", one.name())).collect();
                format!("one of {}", all.join(", "))
            }
            Self::Unclosed { .. } => "close it with }, or write {{ for a brace".to_owned(),
            Self::Unopened { .. } => "write }} for a brace".to_owned(),
            Self::Control { .. } => "a field value holds no line break or other control character".to_owned(),
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, .. } if name.is_empty() => f.write_str("empty placeholder {}"),
            Self::Unknown { name, .. } => write!(f, "unknown placeholder {{{}}}", name.escape_debug()),
            Self::Unclosed { .. } => f.write_str("{ without }"),
            Self::Unopened { .. } => f.write_str("} without {"),
            Self::Control { character, .. } => write!(f, "control character {}", character.escape_default()),
        }
    }
}

impl std::error::Error for TemplateError {}

impl Placeholder {
    /// Every placeholder, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Scheme,
        Self::Host,
        Self::Authority,
        Self::Path,
        Self::Query,
        Self::Uri,
        Self::ClientIp,
        Self::RequestId,
    ];

    /// The name between the braces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheme => "scheme",
            Self::Host => "host",
            Self::Authority => "authority",
            Self::Path => "path",
            Self::Query => "query",
            Self::Uri => "uri",
            Self::ClientIp => "client_ip",
            Self::RequestId => "request_id",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    fn nearest(name: &str) -> Option<Self> {
        let close = |one: &Self| strsim::damerau_levenshtein(one.name(), &name.to_ascii_lowercase().replace('-', "_"));
        Self::ALL.into_iter().min_by_key(close).filter(|one| close(one) <= one.name().len().div_ceil(3))
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`], the first one.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.char_indices();
        while let Some((offset, character)) = rest.next() {
            let doubled = rest.as_str().starts_with(character);
            match character {
                '{' | '}' if doubled => {
                    literal.push(character);
                    rest.next();
                }
                '{' => {
                    let placeholder = placeholder_at(text, offset)?;
                    if !literal.is_empty() {
                        parts.push(TemplatePart::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(TemplatePart::Placeholder(placeholder));
                    rest.nth(placeholder.name().len()); // all of it is ASCII: the name, then the brace
                }
                '}' => return Err(TemplateError::Unopened { offset }),
                '\t' => literal.push(character),
                _ if character.is_ascii_control() => return Err(TemplateError::Control { offset, character }),
                _ => literal.push(character),
            }
        }
        if !literal.is_empty() {
            parts.push(TemplatePart::Literal(literal));
        }
        Ok(Self { parts })
    }
}

fn placeholder_at(text: &str, brace: usize) -> Result<Placeholder, TemplateError> {
    let offset = brace + 1;
    let inside = &text[offset..];
    let end = inside.find(['{', '}']).filter(|&end| inside[end..].starts_with('}'));
    let name = &inside[..end.ok_or(TemplateError::Unclosed { offset: brace })?];
    Placeholder::named(name).ok_or_else(|| TemplateError::Unknown {
        offset,
        name: name.to_owned(),
        nearest: Placeholder::nearest(name),
    })
}

/// The text that reads as this template again.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                TemplatePart::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                TemplatePart::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.name())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> TemplatePart {
        TemplatePart::Literal(text.to_owned())
    }

    #[test]
    fn texts_and_their_parts() {
        use TemplatePart::Placeholder as P;
        let cases: [(&str, Vec<TemplatePart>); 7] = [
            ("", vec![]),
            ("plain", vec![literal("plain")]),
            ("{path}", vec![P(Placeholder::Path)]),
            ("https://{host}{uri}", vec![literal("https://"), P(Placeholder::Host), P(Placeholder::Uri)]),
            ("{{{scheme}}}", vec![literal("{"), P(Placeholder::Scheme), literal("}")]),
            ("a{{b}}c", vec![literal("a{b}c")]),
            ("grün\t{client_ip}", vec![literal("grün\t"), P(Placeholder::ClientIp)]),
        ];
        for (text, parts) in cases {
            let template = Template::parse(text).expect(text);
            assert_eq!(template.parts, parts, "{text}");
            assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn every_placeholder_is_found_by_its_name() {
        for one in Placeholder::ALL {
            let template = Template::parse(&format!("{{{}}}", one.name())).expect("a placeholder");
            assert_eq!(template.parts, [TemplatePart::Placeholder(one)]);
        }
    }

    #[test]
    fn what_is_wrong_and_where() {
        let unknown = |offset, name: &str, nearest| TemplateError::Unknown { offset, name: name.to_owned(), nearest };
        let cases = [
            ("x{pth}", unknown(2, "pth", Some(Placeholder::Path))),
            ("{Client-IP}", unknown(1, "Client-IP", Some(Placeholder::ClientIp))),
            ("{banana}", unknown(1, "banana", None)),
            ("{}", unknown(1, "", None)),
            ("{ path }", unknown(1, " path ", Some(Placeholder::Path))),
            ("a{path", TemplateError::Unclosed { offset: 1 }),
            ("a{path{host}", TemplateError::Unclosed { offset: 1 }),
            ("{", TemplateError::Unclosed { offset: 0 }),
            ("a}b", TemplateError::Unopened { offset: 1 }),
            ("{path}}", TemplateError::Unopened { offset: 6 }),
            ("a\r\nb: c", TemplateError::Control { offset: 1, character: '\r' }),
            ("ü\0", TemplateError::Control { offset: 2, character: '\0' }),
            ("\u{7f}", TemplateError::Control { offset: 0, character: '\u{7f}' }),
        ];
        for (text, error) in cases {
            assert_eq!(Template::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_message_names_the_nearest() {
        let error = Template::parse("{shceme}").expect_err("unknown");
        assert_eq!(
            (error.to_string().as_str(), error.help().as_str()),
            ("unknown placeholder {shceme}", "did you mean {scheme}?")
        );
        assert_eq!(error.span(), (1, 6));
    }
}
