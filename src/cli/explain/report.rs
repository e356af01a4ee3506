//! The answer as facts, for the text and for `--json`.

use http::StatusCode;
use serde::Serialize;

use super::action::{self, ActionReport, Step};
use super::question::Asked;
use super::{Question, Unasked};
use crate::config::model::{Listener, Model, PathMatch, Place, Route};
use crate::filter::{FilterError, Redirect, Values};
use crate::http::normal::normal;
use crate::http::sanitize::{self, CleanRequest, Limits};
use crate::http::{Scheme, authority};
use crate::routing::{Explanation, Lookup, Router, explain};

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The request as it was understood.
    pub request: RequestReport,
    /// Why the listeners are not those that the URL names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// What happens; once for all listeners by which the same happens.
    pub outcomes: Vec<Outcome>,
}

/// The request as it was understood.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestReport {
    /// Method.
    pub method: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port; empty where none was named.
    pub authority: String,
    /// Path, percent-encoded.
    pub path: String,
    /// Query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// `name: value`, in order.
    pub fields: Vec<String>,
}

/// What happens to the request by these listeners.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// By which it may arrive.
    pub listeners: Vec<ListenerReport>,
    /// The path as it is understood; absent where it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathReport>,
    /// What happens.
    pub decision: Decision,
}

/// A path after the listener's policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathReport {
    /// As routes, caches and upstreams are given it.
    pub clean: String,
    /// Its normal form, in which routes and rewrites compare it.
    pub compared: String,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListenerReport {
    /// Name.
    pub name: String,
    /// Address.
    pub address: String,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// It is malformed, or the proxy cannot answer it.
    Refused {
        /// Status of the answer.
        status: u16,
        /// Why, in a word.
        reason: &'static str,
    },
    /// `redirect_to_https` of the listener.
    RedirectToHttps {
        /// Where to.
        location: String,
    },
    /// 404.
    NoRoute {
        /// Who came near.
        lost: Vec<LostReport>,
        /// How many routes are for other hosts and paths.
        far: usize,
    },
    /// A route takes it.
    Route(Box<RouteReport>),
}

/// The route that takes it, and what it does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteReport {
    /// Name.
    pub name: String,
    /// File and line.
    pub place: String,
    /// Why it takes it.
    pub because: Vec<String>,
    /// What it does.
    pub action: ActionReport,
    /// Path and query that an upstream is asked for; absent where none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What each policy does.
    pub policies: Vec<Step>,
    /// Who came near.
    pub lost: Vec<LostReport>,
    /// How many other routes are for other hosts and paths.
    pub far: usize,
}

/// A route that came near.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LostReport {
    /// Name.
    pub name: String,
    /// File and line.
    pub place: String,
    /// What it asks for: hosts, path, predicates.
    pub asks: String,
    /// Why it lost.
    pub reasons: Vec<ReasonReport>,
}

/// Why a route lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReasonReport {
    /// In a word.
    pub reason: &'static str,
    /// In a clause.
    pub text: String,
}

impl Report {
    /// Makes the report.
    ///
    /// # Errors
    /// [`Unasked`]
    pub fn make(model: &Model, question: &Question) -> Result<Self, Unasked> {
        let asked = question.asked(model)?;
        let (places, remark) = question.listeners(model, &asked)?;
        let router = Router::compile(&model.routes, model.listeners.len());
        let mut outcomes: Vec<Outcome> = Vec::new();
        for place in places {
            let listener = &model.listeners[place];
            let shown = ListenerReport {
                name: listener.name.to_string(),
                address: listener.address.to_string(),
                tls: listener.tls.is_some(),
            };
            let (path, decision) = Desk { model, router: &router, question, asked: &asked }.decide(place);
            match outcomes.iter_mut().find(|outcome| outcome.path == path && outcome.decision == decision) {
                Some(same) => same.listeners.push(shown),
                None => outcomes.push(Outcome { listeners: vec![shown], path, decision }),
            }
        }
        Ok(Self { request: request_report(question, &asked), remark, outcomes })
    }

    /// Whether every listener finds a route or redirects.
    pub fn is_served(&self) -> bool {
        let served = |decision: &Decision| matches!(decision, Decision::Route(_) | Decision::RedirectToHttps { .. });
        self.outcomes.iter().all(|outcome| served(&outcome.decision))
    }
}

fn request_report(question: &Question, asked: &Asked) -> RequestReport {
    let field =
        |(name, value): &(_, http::HeaderValue)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    RequestReport {
        method: question.method.to_string(),
        scheme: asked.scheme.as_str(),
        authority: asked.authority.to_string(),
        path: asked.target.path().to_owned(),
        query: asked.target.query().map(str::to_owned),
        fields: question.fields.iter().map(field).collect(),
    }
}

/// All that a decision is made of.
struct Desk<'a> {
    model: &'a Model,
    router: &'a Router,
    question: &'a Question,
    asked: &'a Asked,
}

impl Desk<'_> {
    fn decide(&self, place: usize) -> (Option<PathReport>, Decision) {
        let listener = &self.model.listeners[place];
        match sanitize::request(self.question.request(self.asked), limits(listener), listener.paths) {
            Ok(request) => {
                let (clean, mut room) = (request.target().path().to_owned(), String::new());
                let compared = normal(&clean, &mut room).to_owned();
                (Some(PathReport { clean, compared }), self.route(place, &request))
            }
            Err(refused) => {
                let (status, reason) = (refused.refusal.status().as_u16(), refused.refusal.label());
                (None, Decision::Refused { status, reason })
            }
        }
    }

    fn route(&self, listener: usize, request: &CleanRequest) -> Decision {
        if let Some(decision) = self.redirect_to_https(listener, request) {
            return decision;
        }
        let lookup = Lookup {
            listener,
            host: authority::host(request.authority().as_str()),
            path: request.target().path(),
            query: request.target().query(),
            method: request.method(),
            headers: request.headers(),
        };
        let Explanation { winner, because, lost, far } = explain(self.router, &self.model.routes, &lookup);
        let lost =
            lost.into_iter().map(|one| lost_report(&self.model.routes[one.route.place()], one.reasons)).collect();
        match winner {
            None => Decision::NoRoute { lost, far },
            Some(winner) => {
                let route = &self.model.routes[winner.place()];
                let scene = action::Scene { model: self.model, question: self.question, request };
                Decision::Route(Box::new(RouteReport {
                    name: route.name.to_string(),
                    place: place(&route.place),
                    because,
                    action: scene.action(route),
                    target: scene.target(route),
                    policies: scene.policies(route),
                    lost,
                    far,
                }))
            }
        }
    }

    fn redirect_to_https(&self, listener: usize, request: &CleanRequest) -> Option<Decision> {
        let port = self.model.listeners[listener].redirect_to_https.filter(|_| request.scheme() == Scheme::Http)?;
        Some(match Redirect::to_https(port).respond(&values(request, self.question)) {
            Ok(response) => Decision::RedirectToHttps { location: action::location(&response) },
            Err(error) => refused_by(error),
        })
    }
}

fn refused_by(error: FilterError) -> Decision {
    let status = if error.is_clients() { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
    Decision::Refused { status: status.as_u16(), reason: error.label() }
}

/// What placeholders stand for in this request.
pub(super) fn values<'a>(request: &'a CleanRequest, question: &Question) -> Values<'a> {
    Values {
        scheme: request.scheme(),
        authority: request.authority().as_str(),
        target: request.target().as_str(),
        client: question.client,
        request_id: None,
    }
}

fn limits(listener: &Listener) -> Limits {
    let limits = &listener.limits;
    Limits {
        max_fields: limits.max_fields,
        max_field_size: limits.max_field_size,
        max_target_size: limits.max_target_size,
        max_head_size: limits.max_head_size,
    }
}

fn lost_report(route: &Route, reasons: Vec<crate::routing::Reason>) -> LostReport {
    let reasons = reasons.into_iter().map(|reason| ReasonReport { reason: reason.label, text: reason.text });
    LostReport {
        name: route.name.to_string(),
        place: place(&route.place),
        asks: asks(route),
        reasons: reasons.collect(),
    }
}

fn place(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}

/// What a route asks for, in one line: `GET,POST *.example.com/api header x-env=canary`.
fn asks(route: &Route) -> String {
    let methods: Vec<_> = route.methods.iter().map(http::Method::as_str).collect();
    let mut hosts: Vec<_> = route.hosts.iter().take(2).map(ToString::to_string).collect();
    if route.hosts.len() > 2 {
        hosts.push("...".to_owned());
    }
    let path = match &route.path {
        PathMatch::Exact(exact) => format!("={exact}"),
        PathMatch::Prefix(prefix) => prefix.clone(),
        PathMatch::Regex(regex) => format!("~{regex}"),
    };
    let mut words = vec![methods.join(","), hosts.join(","), path];
    words.extend(route.headers.iter().map(|(name, value)| format!("{name}: {}", value.shown())));
    words.extend(route.cookies.iter().map(|(name, value)| format!("cookie {name}={}", value.shown())));
    words.extend(route.query.iter().map(|(name, value)| format!("?{name}={}", value.shown())));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}
