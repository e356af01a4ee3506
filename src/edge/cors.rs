//! Which pages of other origins may use a route: the server's side of the CORS protocol (Fetch standard, section 3.2).
//!
//! The edge is the only one that speaks it for such a route: preflights are answered here, and what the upstream says of it is taken away.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};

use crate::config::model::{self, CorsHeaders, OriginPattern};
use crate::http::{Headers, Response};

/// `cors` of a route, compiled.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Box<[OriginPattern]>,
    /// `Access-Control-Allow-Methods`
    methods: HeaderValue,
    /// `Access-Control-Allow-Headers`; none: what the page asks for.
    headers: Option<HeaderValue>,
    /// `Access-Control-Expose-Headers`
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
    /// Every origin may, so that responses are the same for all.
    any: bool,
}

/// A preflight (Fetch standard, section 3.2.2).
#[derive(Debug)]
pub struct Preflight<'a> {
    origin: &'a HeaderValue,
    headers: Option<&'a HeaderValue>,
}

/// The origin of a preflight may not use the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied;

/// What only the edge says.
const OURS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

impl<'a> Preflight<'a> {
    /// The request, where it is one.
    pub fn of(method: &Method, headers: &'a Headers) -> Option<Self> {
        if method != Method::OPTIONS || !headers.contains(&ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let origin = headers.first(&ORIGIN)?;
        Some(Self { origin, headers: headers.first(&ACCESS_CONTROL_REQUEST_HEADERS) })
    }
}

impl Cors {
    /// Of a route.
    pub fn compile(cors: &model::Cors) -> Self {
        let model::Cors { origins, methods, headers, expose, credentials, max_age } = cors;
        let names = |names: &[HeaderName]| list(names.iter().map(HeaderName::as_str));
        Self {
            any: origins.contains(&OriginPattern::Any),
            origins: origins.clone().into(),
            methods: list(methods.iter().map(Method::as_str)),
            headers: match headers {
                CorsHeaders::Any => None,
                CorsHeaders::Only(headers) => Some(names(headers)),
            },
            expose: (!expose.is_empty()).then(|| names(expose)),
            credentials: *credentials,
            max_age: max_age.as_secs().into(),
        }
    }

    /// Whether that origin may use the route.
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.origins.iter().any(|pattern| match pattern {
            OriginPattern::Any => true,
            OriginPattern::Exact(exact) => origin == exact,
            OriginPattern::Below(front, end) => {
                let name = origin.strip_prefix(&**front).and_then(|rest| rest.strip_suffix(&**end));
                name.is_some_and(|name| name.bytes().all(is_of_a_name) && !name.is_empty())
            }
        })
    }

    /// The answer to a preflight; [`Self::tell`] is still to be called on it.
    ///
    /// # Errors
    /// [`Denied`]
    pub fn answer(&self, preflight: &Preflight<'_>) -> Result<Response, Denied> {
        if !self.allows(preflight.origin) {
            return Err(Denied);
        }
        let mut response = Response::new(StatusCode::NO_CONTENT);
        let headers = &mut response.headers;
        headers.append(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        match (&self.headers, preflight.headers) {
            (Some(named), _) if !named.is_empty() => headers.append(ACCESS_CONTROL_ALLOW_HEADERS, named.clone()),
            (None, Some(asked)) => {
                headers.append(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
                headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
            }
            _ => {}
        }
        headers.append(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        Ok(response)
    }

    /// Takes away what an upstream says in the edge's place.
    pub fn silence(headers: &mut Headers) {
        if OURS.iter().any(|name| headers.contains(name)) {
            headers.retain(|name, _| !OURS.contains(name));
        }
    }

    /// Tells the browser. `origin` is the request's.
    pub fn tell(&self, origin: Option<&HeaderValue>, headers: &mut Headers) {
        if self.any && !self.credentials {
            headers.append(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            // Whoever keeps the response is to keep it for this origin, or for none, alone.
            headers.append(VARY, HeaderValue::from_static("origin"));
            let Some(origin) = origin.filter(|origin| self.allows(origin)) else { return };
            headers.append(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            if self.credentials {
                headers.append(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
        if let Some(expose) = &self.expose {
            headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }
}

/// A letter of what stands in the place of the star: labels and their dots, so that no userinfo and no path can hide there.
const fn is_of_a_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')
}

/// Names with commas between them; they are tokens, so it is a value.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> HeaderValue {
    let names: Vec<_> = names.collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn cors(origins: &[OriginPattern], credentials: bool) -> Cors {
        Cors::compile(&model::Cors {
            origins: origins.to_vec(),
            methods: vec![Method::GET, Method::PUT],
            headers: CorsHeaders::Only(vec![HeaderName::from_static("x-a"), HeaderName::from_static("x-b")]),
            expose: vec![HeaderName::from_static("x-seen")],
            credentials,
            max_age: Duration::from_secs(600),
        })
    }

    fn lines(headers: &Headers) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect()
    }

    fn exact(text: &str) -> OriginPattern {
        OriginPattern::Exact(text.to_owned())
    }

    #[test]
    fn origins() {
        let some = cors(
            &[exact("https://a.example"), OriginPattern::Below("https://".to_owned(), ".b.example:8443".to_owned())],
            true,
        );
        for (origin, want) in [
            ("https://a.example", true),
            ("http://a.example", false),
            ("https://a.example:444", false),
            ("https://a.example.evil", false),
            ("https://x.b.example:8443", true),
            ("https://x.y.b.example:8443", true),
            ("https://.b.example:8443", false),
            ("https://b.example:8443", false),
            ("https://evil.example/.b.example:8443", false),
            ("https://evil@x.b.example:8443", false),
            ("https://xb.example:8443", false),
            ("null", false),
            ("*", false),
        ] {
            assert_eq!(some.allows(&HeaderValue::from_static(origin)), want, "{origin}");
        }
        assert!(cors(&[exact("null")], false).allows(&HeaderValue::from_static("null")));
    }

    #[test]
    fn what_browsers_are_told() {
        let told = |cors: &Cors, origin: Option<&'static str>| {
            let mut headers = Headers::new();
            cors.tell(origin.map(HeaderValue::from_static).as_ref(), &mut headers);
            lines(&headers)
        };
        let named = cors(&[exact("https://a.example")], true);
        assert_eq!(
            told(&named, Some("https://a.example")),
            [
                "vary: origin",
                "access-control-allow-origin: https://a.example",
                "access-control-allow-credentials: true",
                "access-control-expose-headers: x-seen"
            ]
        );
        assert_eq!(told(&named, Some("https://b.example")), ["vary: origin"]);
        assert_eq!(told(&named, None), ["vary: origin"]);
        let all = cors(&[OriginPattern::Any], false);
        let open = ["access-control-allow-origin: *", "access-control-expose-headers: x-seen"];
        assert_eq!(told(&all, Some("https://b.example")), open);
        assert_eq!(told(&all, None), open);
    }

    #[test]
    fn preflights() {
        let headers = |fields: &[(HeaderName, &'static str)]| {
            fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect::<Headers>()
        };
        let asked = headers(&[
            (ORIGIN, "https://a.example"),
            (ACCESS_CONTROL_REQUEST_METHOD, "PUT"),
            (ACCESS_CONTROL_REQUEST_HEADERS, "x-a, x-z"),
        ]);
        assert!(Preflight::of(&Method::GET, &asked).is_none());
        assert!(Preflight::of(&Method::OPTIONS, &headers(&[(ORIGIN, "https://a.example")])).is_none());
        let preflight = Preflight::of(&Method::OPTIONS, &asked).expect("a preflight");
        let answer = cors(&[exact("https://a.example")], false).answer(&preflight).expect("allowed");
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(
            lines(&answer.headers),
            [
                "access-control-allow-methods: GET, PUT",
                "access-control-allow-headers: x-a, x-b",
                "access-control-max-age: 600"
            ]
        );
        assert_eq!(cors(&[exact("https://b.example")], false).answer(&preflight).err(), Some(Denied));
        let echo = Cors { headers: None, ..cors(&[OriginPattern::Any], false) };
        let answer = echo.answer(&preflight).expect("allowed");
        assert_eq!(answer.headers.text(&ACCESS_CONTROL_ALLOW_HEADERS), Some("x-a, x-z"));
        assert_eq!(answer.headers.text(&VARY), Some("access-control-request-headers"));
    }

    #[test]
    fn an_upstream_says_nothing_in_our_place() {
        let mut headers: Headers = OURS.iter().map(|name| (name.clone(), HeaderValue::from_static("x"))).collect();
        headers.append(VARY, HeaderValue::from_static("accept"));
        Cors::silence(&mut headers);
        assert_eq!(lines(&headers), ["vary: accept"]);
    }
}
