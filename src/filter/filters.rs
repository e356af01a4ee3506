//! The list of a route's filters, and the order in which they run.

use super::{FieldRules, FilterError, Rewrite, Values};
use crate::config::model::Policies;
use crate::http::Response;
use crate::http::sanitize::{CleanRequest, CleanResponse};

/// The filters of one route, in their order.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    request: Box<[Filter]>,
    response: Box<[Filter]>,
}

/// One filter.
#[derive(Clone, Debug)]
enum Filter {
    /// `strip_prefix` and `rewrite`
    Rewrite(Rewrite),
    /// `request_headers`, or `response_headers` in the other list
    Fields(FieldRules),
}

/// What becomes of the request.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on, perhaps changed.
    Continue,
    /// It is answered with this; boxed, because it is rare.
    Respond(Box<Response>),
}

impl Filters {
    /// Those of a route.
    pub fn compile(policies: &Policies) -> Self {
        let fields = |rules| FieldRules::compile(rules).map(Filter::Fields);
        // The target first, so that a route reads as "where it goes, then what it says".
        let request = [Rewrite::compile(policies).map(Filter::Rewrite), fields(&policies.request_headers)];
        Self {
            request: request.into_iter().flatten().collect(),
            response: fields(&policies.response_headers).into_iter().collect(),
        }
    }

    /// Changes the request. The values are those of the request as it came.
    ///
    /// # Errors
    /// [`FilterError`]; the request is perhaps changed in part, and is not to be forwarded.
    pub fn on_request(&self, request: &mut CleanRequest, values: &Values<'_>) -> Result<Verdict, FilterError> {
        for filter in &self.request {
            match filter {
                Filter::Rewrite(rewrite) => rewrite.on_request(request)?,
                Filter::Fields(rules) => rules.on_request(request, values)?,
            }
        }
        Ok(Verdict::Continue)
    }

    /// Changes the response. The values are those of the request as it came.
    ///
    /// # Errors
    /// [`FilterError`]; the response is perhaps changed in part, and is not to be sent.
    pub fn on_response(&self, response: &mut CleanResponse, values: &Values<'_>) -> Result<(), FilterError> {
        for filter in &self.response {
            match filter {
                Filter::Rewrite(_) => {}
                Filter::Fields(rules) => rules.on_response(response, values)?,
            }
        }
        Ok(())
    }

    /// Whether nothing is done to responses, so that no values have to be kept for them.
    pub const fn leaves_responses(&self) -> bool {
        self.response.is_empty()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use http::{HeaderName, HeaderValue, Method, Version};

    use super::super::template::tests::VALUES;
    use super::*;
    use crate::config::model::HeaderRules;
    use crate::http::sanitize::{self, Limits};
    use crate::http::{Body, Headers, Request, Scheme, Target, Text};

    /// A request for that target with these fields: `name:value` with spaces between.
    pub(in crate::filter) fn request(target: &'static str, fields: &str) -> CleanRequest {
        let field = |text: &str| {
            let (name, value) = text.split_once(':').expect("name:value");
            let value = HeaderValue::from_str(value).expect("a value");
            (HeaderName::from_bytes(name.as_bytes()).expect("a name"), value)
        };
        let request = Request {
            method: Method::GET,
            scheme: Scheme::Https,
            authority: Text::from_static("example.com:8443"),
            target: Target::parse(Text::from_static(target)).expect("a target"),
            version: Version::HTTP_2,
            headers: fields.split_whitespace().map(field).collect(),
            upgrade: None,
            expects_continue: false,
            body: Body::Empty,
        };
        let limits = Limits { max_fields: 99, max_field_size: 9999, max_target_size: 9999, max_head_size: 9999 };
        sanitize::request(request, limits, Default::default()).expect("a clean request")
    }

    /// Fields as [`request`] takes them.
    pub(in crate::filter) fn lines(headers: &Headers) -> String {
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}:{}", value.to_str().expect("visible"))).collect();
        lines.join(" ")
    }

    fn rules(name: &'static str, template: &str) -> HeaderRules {
        let template = crate::config::model::Template::parse(template).expect("a template");
        HeaderRules { set: vec![(HeaderName::from_static(name), template)], ..HeaderRules::default() }
    }

    #[test]
    fn target_and_fields_of_one_route() {
        let mut policies = crate::routing::tests::policies();
        policies.strip_prefix = Some("/api/".to_owned());
        policies.request_headers = rules("x-uri", "{uri}");
        policies.response_headers = rules("x-host", "{host}");
        let filters = Filters::compile(&policies);
        let mut request = request("/api/x", "a:1");
        assert!(matches!(filters.on_request(&mut request, &VALUES), Ok(Verdict::Continue)));
        assert_eq!((request.target().as_str(), lines(request.headers()).as_str()), ("/x", "a:1 x-uri:/a%20b?q=1&r"));
        let mut response = sanitize::own(Response::new(http::StatusCode::OK));
        filters.on_response(&mut response, &VALUES).expect("applies");
        assert_eq!(lines(response.headers()), "x-host:example.com");
        assert!(!filters.leaves_responses());
    }

    #[test]
    fn a_route_without_rules_has_no_filters() {
        let mut policies = crate::routing::tests::policies();
        policies.strip_prefix = Some("/".to_owned());
        let filters = Filters::compile(&policies);
        assert!(filters.request.is_empty() && filters.leaves_responses());
    }
}
