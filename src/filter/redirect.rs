//! The action `redirect`: a `Location` made of a template.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};

use super::{FilterError, Template, Values};
use crate::config::model;
use crate::http::{Body, Response};

/// A compiled redirect.
#[derive(Clone, Debug)]
pub struct Redirect {
    to: Template,
    status: StatusCode,
    needs_host: bool,
    /// Whether the template may begin with a path of the client's choice.
    begins_with_path: bool,
}

impl Redirect {
    /// Compiles the action.
    pub fn compile(redirect: &model::Redirect) -> Self {
        let to = Template::compile(&redirect.to);
        let literal = |part: &model::TemplatePart| matches!(part, model::TemplatePart::Literal(_));
        Self {
            needs_host: to.needs_host(),
            begins_with_path: !redirect.to.parts.first().is_some_and(literal),
            status: redirect.status,
            to,
        }
    }

    /// The redirect to HTTPS of a listener: same host, same target, that port, 308.
    pub fn to_https(port: u16) -> Self {
        let port = if port == 443 { String::new() } else { format!(":{port}") };
        let to = model::Template::parse(&format!("https://{{host}}{port}{{uri}}")).expect("a template of our own");
        Self::compile(&model::Redirect { to, status: StatusCode::PERMANENT_REDIRECT })
    }

    /// The response.
    ///
    /// # Errors
    /// [`FilterError`] where the template needs a host and the client named none, or there is no legal `Location`.
    pub fn respond(&self, values: &Values<'_>) -> Result<Response, FilterError> {
        if self.needs_host && values.authority.is_empty() {
            return Err(FilterError::HostMissing);
        }
        let mut location = Vec::with_capacity(128);
        self.to.render(values, &mut location);
        let mut from = 0;
        if self.begins_with_path {
            // `//evil.example` of the client's making would name another host (RFC 3986 §4.2).
            from = location.iter().take_while(|byte| **byte == b'/').count().saturating_sub(1);
        }
        let location = HeaderValue::from_bytes(&location[from..]).map_err(|_| FilterError::FieldValue)?;
        let mut response = Response::new(self.status).with_body(Body::full(note(self.status).as_bytes()));
        response.headers.append(LOCATION, location);
        response.headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Ok(response)
    }
}

/// The short note that RFC 9110 §15.4 asks for; the place itself is in the field alone, so that nothing has to be escaped.
const fn note(status: StatusCode) -> &'static str {
    match status.as_u16() {
        301 => "Moved permanently; see the Location field.\n",
        302 => "Found elsewhere; see the Location field.\n",
        303 => "See other; see the Location field.\n",
        307 => "Temporary redirect; see the Location field.\n",
        _ => "Permanent redirect; see the Location field.\n",
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::tests::VALUES;
    use super::*;

    fn redirect(to: &str) -> Redirect {
        let to = model::Template::parse(to).expect("a template");
        Redirect::compile(&model::Redirect { to, status: StatusCode::FOUND })
    }

    fn location(redirect: &Redirect, values: &Values<'_>) -> Result<String, FilterError> {
        let response = redirect.respond(values)?;
        Ok(response.headers.text(&LOCATION).expect("a Location").to_owned())
    }

    #[test]
    fn places() {
        let cases = [
            ("https://{host}{uri}", "/x?q", "https://example.com/x?q"),
            ("https://other.example{path}", "/x?q", "https://other.example/x"),
            ("https://other.example{path}{query}", "/x?q", "https://other.example/x?q"),
            ("/new{uri}", "//x", "/new//x"),
            ("{path}", "//evil.example/x", "/evil.example/x"),
            ("{uri}", "///evil.example?//", "/evil.example?//"),
            ("{path}/", "/x", "/x/"),
            ("//cdn.example{path}", "/x", "//cdn.example/x"),
        ];
        for (to, target, expected) in cases {
            let values = Values { target, ..VALUES };
            assert_eq!(location(&redirect(to), &values).as_deref(), Ok(expected), "{to} for {target}");
        }
    }

    #[test]
    fn to_https_keeps_host_and_target() {
        assert_eq!(location(&Redirect::to_https(443), &VALUES).as_deref(), Ok("https://example.com/a%20b?q=1&r"));
        let values = Values { authority: "[::1]:8080", ..VALUES };
        assert_eq!(location(&Redirect::to_https(8443), &values).as_deref(), Ok("https://[::1]:8443/a%20b?q=1&r"));
        let response = Redirect::to_https(443).respond(&VALUES).expect("a response");
        assert_eq!(response.status, StatusCode::PERMANENT_REDIRECT);
        assert!(!response.body.is_empty());
    }

    #[test]
    fn no_host_and_no_second_line() {
        let values = Values { authority: "", ..VALUES };
        assert_eq!(location(&redirect("https://{host}/"), &values), Err(FilterError::HostMissing));
        assert_eq!(location(&redirect("https://a.example/"), &values).as_deref(), Ok("https://a.example/"));
        let values = Values { target: "/\r\nset-cookie: x", ..VALUES };
        assert_eq!(location(&redirect("https://a.example{uri}"), &values), Err(FilterError::FieldValue));
    }
}
