//! What the route that takes the request does with it.

use http::header::LOCATION;
use serde::Serialize;

use super::{Question, report, words};
use crate::config::model::{self, Action, HeaderRules, Model, Policies, Route, Upstream};
use crate::filter::{Redirect, Rewrite, Template};
use crate::http::Response;
use crate::http::key::KeySource;
use crate::http::negotiate::{self, Coding};
use crate::http::sanitize::CleanRequest;
use crate::routing::split::Split;

/// What a route does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActionReport {
    /// Forwards it.
    Upstream(UpstreamReport),
    /// Forwards it to one of several.
    Split {
        /// `split_on`; absent: by chance.
        #[serde(skip_serializing_if = "Option::is_none")]
        sticky: Option<String>,
        /// `split_cookie`: the cookie in which clients keep their places.
        #[serde(skip_serializing_if = "Option::is_none")]
        cookie: Option<String>,
        /// Where this very request goes, as far as that can be told.
        #[serde(skip_serializing_if = "Option::is_none")]
        takes: Option<String>,
        /// The arms.
        arms: Vec<ArmReport>,
    },
    /// Redirects.
    Redirect {
        /// Status.
        status: u16,
        /// Where to; absent where this request cannot be redirected.
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    },
    /// Answers by itself.
    Respond {
        /// Status.
        status: u16,
        /// Octets of the body.
        octets: usize,
        /// `name: value`.
        fields: Vec<String>,
    },
    /// Serves files.
    Files {
        /// Folder.
        root: String,
        /// Answered for a folder.
        index: String,
        /// Answered where there is no such file.
        #[serde(skip_serializing_if = "Option::is_none")]
        fallback: Option<String>,
    },
}

/// An arm of a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmReport {
    /// Share of the requests, in percent.
    pub percent: f64,
    /// Its upstream.
    pub upstream: UpstreamReport,
}

/// An upstream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpstreamReport {
    /// Name.
    pub name: String,
    /// Protocol.
    pub protocol: &'static str,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Balance.
    pub balance: &'static str,
    /// Endpoints, as the config lists them.
    pub endpoints: Vec<EndpointReport>,
    /// The file that lists more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints_file: Option<String>,
    /// Its timeouts, by key.
    pub timeouts: Vec<Step>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointReport {
    /// Address.
    pub address: String,
    /// Weight.
    pub weight: u32,
    /// Whether it is used only while no other can be.
    pub backup: bool,
}

/// A key of the config and what it does here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The key.
    pub key: &'static str,
    /// What it does.
    pub text: String,
}

/// The request, and the config that decides about it.
pub(super) struct Scene<'a> {
    pub(super) model: &'a Model,
    pub(super) question: &'a Question,
    pub(super) request: &'a CleanRequest,
}

impl Scene<'_> {
    pub(super) fn action(&self, route: &Route) -> ActionReport {
        match &route.action {
            Action::Upstream(place) => ActionReport::Upstream(upstream(&self.model.upstreams[*place])),
            Action::Split(split) => self.split(split),
            Action::Redirect(redirect) => {
                ActionReport::Redirect { status: redirect.status.as_u16(), location: self.redirect(redirect) }
            }
            Action::Respond(respond) => ActionReport::Respond {
                status: respond.status.as_u16(),
                octets: respond.body.len(),
                fields: respond
                    .headers
                    .iter()
                    .map(|(name, value)| line(name, &String::from_utf8_lossy(value.as_bytes())))
                    .collect(),
            },
            Action::Files(files) => ActionReport::Files {
                root: files.root.display().to_string(),
                index: files.index.clone(),
                fallback: files.fallback.clone(),
            },
        }
    }

    fn split(&self, split: &model::Split) -> ActionReport {
        let total: f64 = split.arms.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let arm = |(place, weight): &(usize, u32)| ArmReport {
            percent: f64::from(*weight) * 100.0 / total,
            upstream: upstream(&self.model.upstreams[*place]),
        };
        let compiled = Split::compile(split, &self.model.upstreams);
        let source = KeySource {
            client: self.question.client,
            target: self.request.target().path(),
            headers: self.request.headers(),
        };
        // Where chance plays no part, the lowest and the highest number lead to the same arm, and nobody is given a place.
        let [low, high] = [0, u64::MAX].map(|random| compiled.choose(&source, random));
        let takes = low.filter(|way| low == high && way.newcomer.is_none());
        let takes = takes.map(|way| self.model.upstreams[way.upstream].name.to_string());
        let cookie = split.cookie.as_ref().map(|cookie| cookie.name.clone());
        ActionReport::Split {
            sticky: split.sticky.as_ref().map(words::hash_on),
            cookie,
            takes,
            arms: split.arms.iter().map(arm).collect(),
        }
    }

    fn redirect(&self, redirect: &model::Redirect) -> Option<String> {
        let to = words::keep_unknown(&redirect.to, self.question.client.is_some());
        let known = model::Redirect { to, status: redirect.status };
        let response = Redirect::compile(&known).respond(&report::values(self.request, self.question)).ok()?;
        Some(location(&response))
    }

    /// What each policy that matters for the action does.
    pub(super) fn policies(&self, route: &Route) -> Vec<Step> {
        // No `..`: a new policy has to say here what it does.
        let Policies {
            strip_prefix,
            rewrite,
            request_headers,
            response_headers,
            preserve_host,
            timeout,
            deadline_header,
            hedge,
            mirror,
            inject,
            max_body,
            upgrades,
            max_requests,
            priority,
            codings: model::Codings { compress, decompress_request, decompress_response },
            cache,
            edge,
        } = &route.policies;
        let mut steps = self.edge(edge);
        let forwards = matches!(route.action, Action::Upstream(_) | Action::Split(_));
        let mut step = |when: bool, key, text: String| {
            if when {
                steps.push(Step { key, text });
            }
        };
        let key = if rewrite.is_some() { "rewrite" } else { "strip_prefix" };
        step(strip_prefix.is_some() || rewrite.is_some(), key, self.rewritten(&route.policies));
        for text in self.rules(request_headers) {
            step(true, "request_headers", text);
        }
        for text in self.rules(response_headers) {
            step(true, "response_headers", text);
        }
        let host = if *preserve_host { self.request.authority().as_str() } else { "the endpoint's address" };
        step(forwards, "preserve_host", format!("{preserve_host}: the upstream sees Host: {host}"));
        step(forwards && !upgrades.is_empty(), "upgrades", upgrades.join(", "));
        step(true, "timeout", format!("{} for the whole exchange", words::duration(*timeout)));
        step(forwards && deadline_header.is_some(), "deadline_header", words::deadline(deadline_header.as_ref()));
        step(forwards && hedge.is_some(), "hedge", words::hedge(hedge.as_ref(), self.request.method()));
        let mirror = mirror.as_ref().map(|mirror| words::mirror(mirror, &self.model.upstreams[mirror.upstream].name));
        step(forwards && mirror.is_some(), "mirror", mirror.unwrap_or_default());
        let inject = inject.as_ref().map(|inject| words::inject(inject, self.request.headers()));
        step(inject.is_some(), "inject", inject.unwrap_or_default());
        step(true, "max_body", words::limit(*max_body));
        step(forwards && cache.is_some(), "cache", "what the origin allows to be stored".to_owned());
        step(*priority != model::Priority::Normal, "priority", words::priority(*priority).to_owned());
        step(*max_requests > 0, "max_requests", format!("{max_requests} at the same time"));
        step(
            compress.is_some(),
            "compress",
            compress.as_ref().map_or_else(String::new, |compress| self.compressed(compress)),
        );
        let ratio = decompress_request.map_or(0, |decompress| decompress.max_ratio);
        step(
            decompress_request.is_some(),
            "decompress_request",
            format!("gzip, br and zstd, to {ratio} times at most"),
        );
        step(
            *decompress_response,
            "decompress_response",
            "gzip, br and zstd, for clients that do not take it".to_owned(),
        );
        steps
    }

    /// Path and query that an upstream is asked for.
    pub(super) fn target(&self, route: &Route) -> Option<String> {
        let forwards = matches!(route.action, Action::Upstream(_) | Action::Split(_));
        let target = self.request.target();
        let new = Rewrite::compile(&route.policies).and_then(|rewrite| rewrite.target(target));
        forwards.then(|| new.as_ref().unwrap_or(target).as_str().to_owned())
    }

    /// What this client would be sent.
    fn compressed(&self, policy: &model::Compress) -> String {
        let coding = negotiate::coding(self.request.headers(), policy.encodings.iter().copied());
        if coding == Coding::Identity {
            let all: Vec<_> = policy.encodings.iter().map(|coding| coding.as_str()).collect();
            return format!("nothing: this client takes none of {}", all.join(", "));
        }
        let least = words::limit(policy.min_size);
        format!("{} at level {}, for {least} or more of a type in the list", coding.as_str(), policy.levels.of(coding))
    }

    fn rewritten(&self, policies: &Policies) -> String {
        let target = self.request.target();
        let old = target.as_str();
        match Rewrite::compile(policies).and_then(|rewrite| rewrite.target(target)) {
            Some(new) => format!("{old} becomes {}", new.as_str()),
            None => format!("{old} stays: nothing matches"),
        }
    }

    fn rules(&self, rules: &HeaderRules) -> Vec<String> {
        let HeaderRules { remove, set, add } = rules;
        let mut texts: Vec<_> = remove.iter().map(|name| format!("remove {name}")).collect();
        for (what, fields) in [("set", set), ("add", add)] {
            for (name, template) in fields {
                texts.push(format!("{what} {}", line(name, &self.rendered(template))));
            }
        }
        texts
    }

    fn rendered(&self, template: &model::Template) -> String {
        let mut out = Vec::new();
        let known = words::keep_unknown(template, self.question.client.is_some());
        Template::compile(&known).render(&report::values(self.request, self.question), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// The `Location` of a response.
pub(super) fn location(response: &Response) -> String {
    response
        .headers
        .first(&LOCATION)
        .map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn line(name: &http::HeaderName, value: &str) -> String {
    format!("{name}: {value}")
}

fn upstream(upstream: &Upstream) -> UpstreamReport {
    let endpoint = |one: &model::Endpoint| EndpointReport {
        address: one.address.to_string(),
        weight: one.weight,
        backup: one.backup,
    };
    let timeouts = [
        ("connect_timeout", upstream.connect_timeout),
        ("response_timeout", upstream.response_timeout),
        ("response_body_timeout", upstream.response_body_timeout),
        ("write_timeout", upstream.write_timeout),
    ];
    UpstreamReport {
        name: upstream.name.to_string(),
        protocol: words::protocol(upstream.protocol),
        tls: upstream.tls.is_some(),
        balance: upstream.balance.label(),
        endpoints: upstream.endpoints.iter().map(endpoint).collect(),
        endpoints_file: upstream.discovery.file.as_ref().map(|file| file.display().to_string()),
        timeouts: timeouts.map(|(key, timeout)| Step { key, text: words::duration(timeout) }).into(),
    }
}
