//! Fields that make browsers careful.

use http::HeaderValue;
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};

use crate::config::model::{FrameOptions, SecurityHeaders};
use crate::http::{Headers, Scheme};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// `security_headers` of a route, compiled.
#[derive(Clone, Debug)]
pub struct SecurityFields {
    fields: Box<[(HeaderName, HeaderValue)]>,
    hsts: Option<HeaderValue>,
    replace: bool,
}

impl SecurityFields {
    /// Of a route.
    pub fn compile(model: &SecurityHeaders) -> Self {
        let frames = match model.frame_options {
            FrameOptions::Off => None,
            FrameOptions::Deny => Some("DENY"),
            FrameOptions::SameOrigin => Some("SAMEORIGIN"),
        };
        let fixed = |value: Option<&'static str>| value.map(HeaderValue::from_static);
        let fields = [
            (X_CONTENT_TYPE_OPTIONS, fixed(model.nosniff.then_some("nosniff"))),
            (X_FRAME_OPTIONS, fixed(frames)),
            (REFERRER_POLICY, fixed(model.referrer_policy)),
            (CONTENT_SECURITY_POLICY, model.content_security_policy.clone()),
            (PERMISSIONS_POLICY, model.permissions_policy.clone()),
        ];
        let hsts = model.hsts.and_then(|age| {
            let subdomains = if model.hsts_subdomains { "; includeSubDomains" } else { "" };
            let preload = if model.hsts_preload { "; preload" } else { "" };
            HeaderValue::try_from(format!("max-age={}{subdomains}{preload}", age.as_secs())).ok()
        });
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Self { fields, hsts, replace: model.replace }
    }

    /// Puts them on a response to a client that reached the edge like that.
    pub fn tell(&self, scheme: Scheme, headers: &mut Headers) {
        for (name, value) in &self.fields {
            self.put(name, value, headers);
        }
        match &self.hsts {
            _ if scheme == Scheme::Http => {
                // Nobody may say it in clear text (RFC 6797 §7.2).
                headers.remove(&STRICT_TRANSPORT_SECURITY);
            }
            Some(hsts) => self.put(&STRICT_TRANSPORT_SECURITY, hsts, headers),
            None => {}
        }
    }

    fn put(&self, name: &HeaderName, value: &HeaderValue, headers: &mut Headers) {
        if self.replace {
            headers.set(name.clone(), value.clone());
        } else if !headers.contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn model() -> SecurityHeaders {
        SecurityHeaders {
            hsts: Some(Duration::from_secs(31_536_000)),
            hsts_subdomains: true,
            hsts_preload: true,
            nosniff: true,
            frame_options: FrameOptions::Deny,
            referrer_policy: Some("no-referrer"),
            content_security_policy: Some(HeaderValue::from_static("default-src 'self'")),
            permissions_policy: None,
            replace: false,
        }
    }

    fn told(model: &SecurityHeaders, scheme: Scheme, before: &[(HeaderName, &'static str)]) -> Vec<String> {
        let mut headers: Headers =
            before.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        SecurityFields::compile(model).tell(scheme, &mut headers);
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect()
    }

    #[test]
    fn over_tls_and_in_clear_text() {
        let plain = [
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'self'",
        ];
        assert_eq!(told(&model(), Scheme::Http, &[(STRICT_TRANSPORT_SECURITY, "max-age=1")]), plain);
        let over_tls = told(&model(), Scheme::Https, &[]);
        assert_eq!(over_tls[..4], plain);
        assert_eq!(over_tls[4..], ["strict-transport-security: max-age=31536000; includeSubDomains; preload"]);
    }

    #[test]
    fn what_the_upstream_says_stays_unless_it_is_to_be_replaced() {
        let before = [(X_FRAME_OPTIONS, "SAMEORIGIN"), (STRICT_TRANSPORT_SECURITY, "max-age=1")];
        let kept = told(&model(), Scheme::Https, &before);
        assert!(kept.contains(&"x-frame-options: SAMEORIGIN".to_owned()), "{kept:?}");
        assert!(kept.contains(&"strict-transport-security: max-age=1".to_owned()), "{kept:?}");
        let replaced = told(&SecurityHeaders { replace: true, ..model() }, Scheme::Https, &before);
        assert!(replaced.contains(&"x-frame-options: DENY".to_owned()), "{replaced:?}");
        assert!(!replaced.contains(&"strict-transport-security: max-age=1".to_owned()), "{replaced:?}");
    }
}
