//! Templates, compiled: text and placeholders to octets, into a buffer that is there already.

use std::io::Write;
use std::net::IpAddr;

use http::HeaderValue;

use super::FilterError;
use crate::config::model::{self, Placeholder, TemplatePart};
use crate::http::{Scheme, authority};

/// What placeholders stand for: facts of the request as it came, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// Scheme.
    pub scheme: Scheme,
    /// Host and port; empty where the client named none.
    pub authority: &'a str,
    /// Path and query; the path is clean.
    pub target: &'a str,
    /// The client's address; `None` on a unix socket, where it renders as `-`.
    pub client: Option<IpAddr>,
    /// The request's id; `None` renders as nothing.
    pub request_id: Option<&'a HeaderValue>,
}

/// A compiled template.
#[derive(Clone)]
pub struct Template(Content);

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Template(..)")
    }
}

#[derive(Clone)]
enum Content {
    /// There is no placeholder: the value is ready.
    Fixed(HeaderValue),
    /// Something is filled in.
    Parts(Box<[Part]>),
}

#[derive(Clone)]
enum Part {
    Literal(Box<[u8]>),
    Placeholder(Placeholder),
}

impl Template {
    /// A template of the config, which let no control character into it.
    pub fn compile(template: &model::Template) -> Self {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Literal(text) => Part::Literal(text.as_bytes().into()),
            TemplatePart::Placeholder(placeholder) => Part::Placeholder(*placeholder),
        };
        let parts: Box<[Part]> = template.parts.iter().map(part).collect();
        let fixed = match &*parts {
            [] => Some(HeaderValue::from_static("")),
            [Part::Literal(text)] => HeaderValue::from_bytes(text).ok(),
            _ => None,
        };
        Self(fixed.map_or(Content::Parts(parts), Content::Fixed))
    }

    /// Whether it needs to know the host that the client named.
    pub fn needs_host(&self) -> bool {
        let needs = |part: &Part| matches!(part, Part::Placeholder(Placeholder::Host | Placeholder::Authority));
        matches!(&self.0, Content::Parts(parts) if parts.iter().any(needs))
    }

    /// Appends what it stands for.
    pub fn render(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        match &self.0 {
            Content::Fixed(value) => out.extend_from_slice(value.as_bytes()),
            Content::Parts(parts) => parts.iter().for_each(|part| part.render(values, out)),
        }
    }

    /// What it stands for, as the value of a field.
    ///
    /// # Errors
    /// [`FilterError::FieldValue`] where it is none. Values are checked when they are read, so this cannot be a client's doing.
    pub fn value(&self, values: &Values<'_>, room: &mut Vec<u8>) -> Result<HeaderValue, FilterError> {
        if let Content::Fixed(value) = &self.0 {
            return Ok(value.clone());
        }
        room.clear();
        self.render(values, room);
        HeaderValue::from_bytes(room).map_err(|_| FilterError::FieldValue)
    }
}

impl Part {
    fn render(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        let (path, query) = values.target.split_at(values.target.find('?').unwrap_or(values.target.len()));
        let text = match self {
            Self::Literal(text) => return out.extend_from_slice(text),
            Self::Placeholder(Placeholder::RequestId) => {
                return out.extend_from_slice(values.request_id.map_or(b"", HeaderValue::as_bytes));
            }
            Self::Placeholder(Placeholder::ClientIp) => return render_address(values.client, out),
            Self::Placeholder(Placeholder::Scheme) => values.scheme.as_str(),
            Self::Placeholder(Placeholder::Host) => authority::host(values.authority),
            Self::Placeholder(Placeholder::Authority) => values.authority,
            Self::Placeholder(Placeholder::Path) => path,
            Self::Placeholder(Placeholder::Query) => query,
            Self::Placeholder(Placeholder::Uri) => values.target,
        };
        out.extend_from_slice(text.as_bytes());
    }
}

fn render_address(address: Option<IpAddr>, out: &mut Vec<u8>) {
    match address {
        // A Vec takes any octets.
        Some(address) => drop(write!(out, "{}", address.to_canonical())),
        None => out.push(b'-'),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::filter) fn template(text: &str) -> Template {
        Template::compile(&model::Template::parse(text).expect("a template"))
    }

    pub(in crate::filter) const VALUES: Values<'static> = Values {
        scheme: Scheme::Https,
        authority: "example.com:8443",
        target: "/a%20b?q=1&r",
        client: Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
        request_id: None,
    };

    #[test]
    fn what_each_placeholder_stands_for() {
        let id = HeaderValue::from_static("0af7");
        let values = Values { request_id: Some(&id), ..VALUES };
        let cases = [
            ("", ""),
            ("plain", "plain"),
            ("{scheme}://{host}", "https://example.com"),
            ("{authority}{path}", "example.com:8443/a%20b"),
            ("{path}{query}|{uri}", "/a%20b?q=1&r|/a%20b?q=1&r"),
            ("{{{client_ip}}}", "{127.0.0.1}"),
            ("id-{request_id}", "id-0af7"),
        ];
        for (text, expected) in cases {
            let value = template(text).value(&values, &mut Vec::new());
            assert_eq!(value.as_ref().map(HeaderValue::as_bytes), Ok(expected.as_bytes()), "{text}");
            let mut out = b"before ".to_vec();
            template(text).render(&values, &mut out);
            assert_eq!(out, [b"before ", expected.as_bytes()].concat());
        }
    }

    #[test]
    fn what_is_not_there() {
        let values = Values { authority: "", target: "*", client: None, ..VALUES };
        let value = template("[{host}{query}{client_ip}{request_id}]").value(&values, &mut Vec::new());
        assert_eq!(value, Ok(HeaderValue::from_static("[-]")));
        let mapped = "::ffff:10.0.0.1".parse().ok();
        let value = template("{client_ip} {authority}")
            .value(&Values { client: mapped, authority: "[::1]:1", ..values }, &mut Vec::new());
        assert_eq!(value, Ok(HeaderValue::from_static("10.0.0.1 [::1]:1")));
        let value = template("{host} ").value(&Values { authority: "[::1]:1", ..values }, &mut Vec::new());
        assert_eq!(value, Ok(HeaderValue::from_static("[::1] ")));
    }

    #[test]
    fn no_value_smuggles_a_line() {
        for target in ["/\r\nx: y", "/\n", "/\0"] {
            let value = template("{uri}").value(&Values { target, ..VALUES }, &mut Vec::new());
            assert_eq!(value, Err(FilterError::FieldValue));
        }
    }
}
