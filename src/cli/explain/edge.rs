//! What the route decides at the edge about the request, and what it tells browsers.

use http::header::ORIGIN;

use super::action::{Scene, Step};
use super::words;
use crate::config::model::{
    Access, Auth, Bandwidth, Cidr, Cors, EdgePolicies, LimitKey, OriginPattern, RateLimit, SecurityHeaders,
};
use crate::edge::{self, AccessRules, Preflight, SecurityFields};
use crate::http::Headers;

impl Scene<'_> {
    pub(super) fn edge(&self, policies: &EdgePolicies) -> Vec<Step> {
        // No `..`: a new policy has to say here what it does.
        let EdgePolicies { access, rate_limits, bandwidth, auth, cors, security_headers } = policies;
        let limits = rate_limits.iter().map(rate_limit);
        let cors = cors.as_ref().map(|cors| self.cors(cors));
        let security = security_headers.as_ref().map(|headers| self.security(headers));
        self.access(access)
            .into_iter()
            .chain(limits)
            .chain(self::bandwidth(bandwidth))
            .chain(auth.as_ref().map(self::auth))
            .chain(cors)
            .chain(security)
            .collect()
    }

    fn access(&self, access: &Access) -> Vec<Step> {
        let Some(rules) = AccessRules::compile(access) else { return Vec::new() };
        let list = |ranges: &[Cidr]| ranges.iter().map(range).collect::<Vec<_>>().join(", ");
        let mut steps = Vec::new();
        for (key, ranges) in [("allow", &access.allow), ("deny", &access.deny)] {
            if !ranges.is_empty() {
                steps.push(Step { key, text: list(ranges) });
            }
        }
        if let Some(client) = self.question.client {
            let text = if rules.admits(Some(client)) { "may come" } else { "is refused: 403 address_denied" };
            steps.push(Step {
                key: if access.deny.is_empty() { "allow" } else { "deny" },
                text: format!("{client} {text}"),
            });
        }
        steps
    }

    fn cors(&self, model: &Cors) -> Step {
        let cors = edge::Cors::compile(model);
        let origins: Vec<_> = model.origins.iter().map(origin).collect();
        let all = format!("pages of {}", origins.join(", "));
        let headers = self.request.headers();
        let text = match headers.first(&ORIGIN) {
            None => all,
            Some(origin) => {
                let name = String::from_utf8_lossy(origin.as_bytes());
                match (cors.allows(origin), Preflight::of(self.request.method(), headers)) {
                    (true, Some(_)) => format!("the preflight of {name} is answered here: 204"),
                    (true, None) => format!("pages of {name} may read the response"),
                    (false, Some(_)) => format!("the preflight of {name} is refused: 403 origin_denied"),
                    (false, None) => format!("pages of {name} may not read the response"),
                }
            }
        };
        Step { key: "cors", text }
    }

    fn security(&self, model: &SecurityHeaders) -> Step {
        let mut headers = Headers::new();
        SecurityFields::compile(model).tell(self.request.scheme(), &mut headers);
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        Step { key: "security_headers", text: names.join(", ") }
    }
}

fn range(range: &Cidr) -> String {
    format!("{}/{}", range.address, range.prefix)
}

fn rate_limit(limit: &RateLimit) -> Step {
    let by = match &limit.key {
        LimitKey::ClientIp => format!("client_ip (/{} and /{})", limit.prefix_v4, limit.prefix_v6),
        LimitKey::Path => "path".to_owned(),
        LimitKey::Fixed => "nothing: all requests together".to_owned(),
        LimitKey::Header(name) => format!("header:{name}"),
        LimitKey::Cookie(name) => format!("cookie:{name}"),
        LimitKey::Identity => "identity".to_owned(),
    };
    let name = limit.name.as_ref().map_or_else(String::new, |name| format!(", shared as {name}"));
    let dry = if limit.dry_run { ", counted only" } else { "" };
    let (requests, period) = (limit.requests, words::duration(Some(limit.period)));
    Step { key: "rate_limit", text: format!("{requests} in {period}, {} at once, by {by}{name}{dry}", limit.burst) }
}

fn auth(auth: &Auth) -> Step {
    let ways = [
        ("basic", auth.basic.is_some()),
        ("api_keys", auth.api_keys.is_some()),
        ("jwt", auth.jwt.is_some()),
        ("forward", auth.forward.is_some()),
    ];
    let ways: Vec<_> = ways.into_iter().filter(|(_, on)| *on).map(|(way, _)| way).collect();
    let names: Vec<_> = auth.names().iter().map(ToString::to_string).collect();
    let told = if names.is_empty() { String::new() } else { format!("; the upstream is told by {}", names.join(", ")) };
    Step { key: "auth", text: format!("{}{told}", ways.join(" or ")) }
}

fn bandwidth(bandwidth: &Bandwidth) -> Option<Step> {
    let ways = [("download", bandwidth.download), ("upload", bandwidth.upload)];
    let ways: Vec<_> =
        ways.into_iter().filter_map(|(way, rate)| Some(format!("{way} {}/s", words::limit(rate?)))).collect();
    let each = if bandwidth.per_exchange { "exchange" } else { "connection" };
    (!ways.is_empty()).then(|| Step { key: "bandwidth", text: format!("{} for each {each}", ways.join(", ")) })
}

fn origin(pattern: &OriginPattern) -> String {
    match pattern {
        OriginPattern::Any => "any origin".to_owned(),
        OriginPattern::Exact(origin) => origin.clone(),
        OriginPattern::Below(front, end) => format!("{front}*{end}"),
    }
}
