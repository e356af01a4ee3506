//! Who may come, how often and how fast, and what browsers are told: the steps of [`crate::edge`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use http::header::{ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::client::Client;
use super::fault::Fault;
use super::ticket::Ticket;
use crate::edge::bandwidth::{Pace, paced};
use crate::edge::limit::{self, LimitRule, Outcome};
use crate::edge::{Cors, Edge, Preflight};
use crate::http::key::KeySource;
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::http::{Response, Scheme};
use crate::snapshot::Route;

/// What every response of an exchange gets on its way out, whoever made it.
pub(super) struct Dress {
    edge: Arc<Edge>,
    origin: Option<HeaderValue>,
    scheme: Scheme,
    /// Where the client stands with each limit that was asked, by its place.
    standings: Vec<(usize, Outcome)>,
    /// Whether the client is told how to authenticate.
    pub(super) challenges: bool,
}

/// How fast the bodies of one connection pass. Routes of one rate share it, and there are few rates.
#[derive(Debug, Default)]
pub(super) struct Paces(RefCell<Vec<Shared>>);

/// A pace and what finds it.
#[derive(Debug)]
struct Shared {
    way: Way,
    rate: u64,
    pace: Rc<RefCell<Pace>>,
}

/// Which way a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// Notes what responses of this route will need of the request.
pub(super) fn begin(route: &Route, request: &CleanRequest, ticket: &mut Ticket) {
    let Some(edge) = &route.edge else { return };
    if let Some(keys) = edge.auth.as_ref().and_then(|auth| auth.keys.as_ref()) {
        // Before anything can fail: whatever comes, no log has the key, and no template gives it on.
        let [target, asked] = [&ticket.exchange.target, ticket.exchange.asked()].map(|target| keys.masked(target));
        if let Some(target) = target {
            ticket.exchange.target = target;
        }
        if let Some(asked) = asked {
            ticket.exchange.set_asked(&asked);
        }
    }
    let origin = edge.cors.as_ref().and_then(|_| request.headers().first(&ORIGIN).cloned());
    let scheme = ticket.exchange.scheme;
    ticket.dress = Some(Dress { edge: edge.clone(), origin, scheme, standings: Vec::new(), challenges: false });
}

/// `allow` and `deny`, by the address that trusted proxies tell.
pub(super) fn check_address(route: &Route, ticket: &Ticket) -> Result<(), Fault> {
    match route.edge.as_ref().and_then(|edge| edge.access.as_ref()) {
        Some(access) if !access.admits(ticket.exchange.client) => Err(Fault::AddressDenied),
        _ => Ok(()),
    }
}

/// The limits whose key is known from the request alone.
pub(super) fn check_rate(route: &Route, request: &CleanRequest, ticket: &mut Ticket) -> Result<(), Fault> {
    let Some(edge) = route.edge.as_ref().filter(|edge| !edge.limits.is_empty()) else { return Ok(()) };
    // Without authentication nobody has a name, and the address counts.
    take(edge, request, ticket, |rule| edge.auth.is_none() || !rule.limit.needs_identity())
}

/// The limits that count by who asks.
pub(super) fn check_identity_rate(route: &Route, request: &CleanRequest, ticket: &mut Ticket) -> Result<(), Fault> {
    let Some(edge) = route.edge.as_ref().filter(|edge| !edge.limits.is_empty()) else { return Ok(()) };
    take(edge, request, ticket, |rule| rule.limit.needs_identity())
}

/// Asks limits, in order; the first that is exceeded ends it.
fn take(
    edge: &Edge,
    request: &CleanRequest,
    ticket: &mut Ticket,
    which: impl Fn(&LimitRule) -> bool,
) -> Result<(), Fault> {
    let now = Instant::now();
    for (place, rule) in edge.limits.iter().enumerate().filter(|(_, rule)| which(rule)) {
        let exchange = &ticket.exchange;
        let source =
            KeySource { client: exchange.client, target: exchange.asked().as_str(), headers: request.headers() };
        let user = exchange.edge.as_ref().and_then(|facts| facts.user.clone());
        let outcome = rule.limit.take(&source, user.as_deref(), now);
        if let Some(dress) = &mut ticket.dress {
            dress.standings.push((place, outcome));
        }
        if !outcome.exceeded {
            continue;
        }
        let counts = &rule.limit.counts;
        (if rule.dry_run { &counts.dry_run } else { &counts.limited }).fetch_add(1, Relaxed);
        let facts = ticket.exchange.edge();
        (facts.limit, facts.dry_run) = (Some(rule.limit.name.clone()), rule.dry_run);
        if !rule.dry_run {
            return Err(Fault::RateLimited(outcome.seconds.max(1)));
        }
    }
    Ok(())
}

/// `upload`, on the request's body.
pub(super) fn pace_upload(client: &Client, route: &Route, request: &mut CleanRequest) {
    let Some(edge) = &route.edge else { return };
    if let Some(rate) = edge.bandwidth.upload {
        let pace = client.paces.find(Way::Up, rate, edge.bandwidth.per_exchange);
        let body = request.body_mut();
        *body = paced(std::mem::take(body), pace);
    }
}

/// `download`, on the response's body as it goes out.
pub(super) fn pace_download(client: &Client, route: &Route, response: &mut CleanResponse) {
    let Some(edge) = &route.edge else { return };
    if let Some(rate) = edge.bandwidth.download {
        let pace = client.paces.find(Way::Down, rate, edge.bandwidth.per_exchange);
        let body = response.body_mut();
        *body = paced(std::mem::take(body), pace);
    }
}

impl Paces {
    fn find(&self, way: Way, rate: u64, fresh: bool) -> Rc<RefCell<Pace>> {
        let new = || Rc::new(RefCell::new(Pace::new(rate, Instant::now())));
        if fresh {
            return new();
        }
        let mut all = self.0.borrow_mut();
        if let Some(shared) = all.iter().find(|shared| (shared.way, shared.rate) == (way, rate)) {
            return shared.pace.clone();
        }
        let pace = new();
        all.push(Shared { way, rate, pace: pace.clone() });
        pace
    }
}

/// The answer to a CORS preflight, which comes without credentials and never reaches an upstream.
pub(super) fn preflight(route: &Route, request: &CleanRequest) -> Result<Option<CleanResponse>, Fault> {
    let Some(cors) = route.edge.as_ref().and_then(|edge| edge.cors.as_ref()) else { return Ok(None) };
    let Some(preflight) = Preflight::of(request.method(), request.headers()) else { return Ok(None) };
    match cors.answer(&preflight) {
        Ok(response) => Ok(Some(sanitize::own(response))),
        Err(_) => Err(Fault::OriginDenied),
    }
}

/// What the upstream says of CORS is said by the edge.
pub(super) fn silence(route: &Route, response: &mut CleanResponse) {
    if route.edge.as_ref().is_some_and(|edge| edge.cors.is_some()) {
        Cors::silence(response.headers_mut());
    }
}

impl Dress {
    /// Puts it on a response.
    pub(super) fn put(&self, response: &mut Response) {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        if let Some(auth) = self.edge.auth.as_ref().filter(|_| self.challenges) {
            auth.challenges().iter().for_each(|one| response.headers.append(WWW_AUTHENTICATE, one.clone()));
        }
        let standings =
            self.standings.iter().filter_map(|(place, outcome)| Some((self.edge.limits.get(*place)?, *outcome)));
        limit::tell(standings, &mut response.headers);
        if let Some(cors) = &self.edge.cors {
            cors.tell(self.origin.as_ref(), &mut response.headers);
        }
        if let Some(security) = &self.edge.security {
            security.tell(self.scheme, &mut response.headers);
        }
    }
}
