//! The upstreams of a snapshot: from what a config says of them and what was found out about their endpoints.
//!
//! An endpoint that stays is the same one, with its health, its numbers and its connections. An upstream whose endpoints all stay is not
//! touched at all.

use std::collections::HashMap;
use std::sync::Arc;

use super::{CompileProblem, Snapshot};
use crate::config::model::{self, Model};
use crate::tls::{ClientTls, TlsProblem, alpn_of};
use crate::upstream::capacity::CapacityLimits;
use crate::upstream::discovery::{Answers, Spot, spots};
use crate::upstream::group::{Member, Times};
use crate::upstream::plan::Plan;
use crate::upstream::pool::PoolLimits;
use crate::upstream::retry::RetryPolicy;
use crate::upstream::sticky::{Secret, Stickiness};
use crate::upstream::{Endpoint, EndpointIdentity, Moment, Seed};
use crate::wire::h1::parse::TransferCodings;

/// What has changed in an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub upstream: Arc<str>,
    /// Endpoints that it has now.
    pub added: Vec<Arc<str>>,
    /// Endpoints that it no longer has.
    pub removed: Vec<Arc<str>>,
    /// How many there are.
    pub count: usize,
}

/// All upstreams of a config.
pub(super) fn upstreams(
    model: &Model,
    previous: Option<&Snapshot>,
    answers: &Answers,
    problems: &mut Vec<CompileProblem>,
) -> Vec<Seed> {
    let mut seeds = Vec::with_capacity(model.upstreams.len());
    for upstream in &model.upstreams {
        let before = previous.and_then(|previous| {
            let place = previous.model.upstreams.iter().position(|before| before.name == upstream.name)?;
            previous.upstreams.get(place)
        });
        match seed(model, upstream, before, answers) {
            Ok(seed) => seeds.push(seed),
            Err(found) => problems.extend(found),
        }
    }
    seeds
}

fn seed(
    model: &Model,
    upstream: &model::Upstream,
    before: Option<&Seed>,
    answers: &Answers,
) -> Result<Seed, Vec<CompileProblem>> {
    let tls = upstream_tls(upstream, before).map_err(|found| {
        let table = format!("upstreams.{}.tls", upstream.name);
        found.into_iter().map(CompileProblem::of_tls(table)).collect::<Vec<_>>()
    })?;
    let secret = secret(upstream).map_err(|problem| vec![problem])?;
    let members = members(upstream, spots(upstream, answers), tls.as_ref(), before);
    Ok(Seed {
        plan: plan(model, upstream, &members, secret.as_ref()),
        members,
        tls,
        secret,
        limits: PoolLimits {
            connect_timeout: upstream.connect_timeout,
            idle_timeout: upstream.idle_timeout,
            max_idle: upstream.max_idle,
            max_connections: upstream.max_connections,
        },
        times: Times {
            response: upstream.response_timeout,
            response_body: upstream.response_body_timeout,
            write: upstream.write_timeout,
            max_head: upstream.max_response_head_size,
            codings: if upstream.unknown_transfer_codings {
                TransferCodings::Unknown
            } else {
                TransferCodings::Chunked
            },
        },
        retry: RetryPolicy::compile(&upstream.retry),
        budget: before.map(|before| before.budget.clone()).unwrap_or_default(),
        pace: before.map(|before| before.pace.clone()).unwrap_or_default(),
        health: upstream.health.clone().map(Arc::new),
        capacity_limits: CapacityLimits::compile(&upstream.capacity),
        capacity: before.map(|before| before.capacity.clone()).unwrap_or_default(),
    })
}

impl Snapshot {
    /// The same with the endpoints that are known now, and what has changed; `None` where nothing has.
    pub fn rediscover(&self, answers: &Answers) -> Option<(Self, Vec<Change>)> {
        let mut seeds = self.upstreams.clone();
        let mut changes = Vec::new();
        for (upstream, seed) in self.model.upstreams.iter().zip(&mut seeds) {
            let members = members(upstream, spots(upstream, answers), seed.tls.as_ref(), Some(seed));
            // A name that leads nowhere takes nothing away: the last answer stays.
            let lost = is_unresolved(&members) && !is_unresolved(&seed.members);
            if lost || same(&members, &seed.members) {
                continue;
            }
            changes.push(change(upstream, &seed.members, &members));
            seed.plan = plan(&self.model, upstream, &members, seed.secret.as_ref());
            seed.members = members;
        }
        let found = Self { upstreams: seeds, ..self.clone() };
        (!changes.is_empty()).then_some((found, changes))
    }
}

fn plan(model: &Model, upstream: &model::Upstream, members: &[Member], secret: Option<&Secret>) -> Arc<Plan> {
    let sticky = upstream.spread.sticky.as_ref().zip(secret);
    let sticky = sticky.map(|(sticky, secret)| Stickiness::compile(sticky, secret, &upstream.name, members));
    Arc::new(Plan::compile(upstream, members, model.server.zone.as_ref(), sticky))
}

fn members(
    upstream: &model::Upstream,
    spots: Vec<Spot>,
    tls: Option<&ClientTls>,
    before: Option<&Seed>,
) -> Vec<Member> {
    let mut known: HashMap<Arc<str>, Vec<&Arc<Endpoint>>> = HashMap::new();
    for member in before.into_iter().flat_map(|before| &before.members) {
        known.entry(member.endpoint.label.clone()).or_default().push(&member.endpoint);
    }
    // Where nobody answered for the upstream yet, nobody carries its load.
    let later = before.is_some_and(|before| before.members.iter().any(|member| !member.endpoint.is_unresolved()));
    let member = |spot: Spot| {
        let identity = EndpointIdentity::of(upstream, &spot, tls);
        let same = known.get(&*identity.label()).into_iter().flatten().find(|known| known.identity.is_same(&identity));
        let endpoint = same.map(|same| Arc::clone(same)).unwrap_or_else(|| joined(identity, later));
        Member { endpoint, weight: spot.weight, backup: spot.backup, zone: spot.zone }
    };
    spots.into_iter().map(member).collect()
}

/// A new endpoint. It starts slowly where others carry the load already.
fn joined(identity: EndpointIdentity, later: bool) -> Arc<Endpoint> {
    let endpoint = Endpoint::new(identity);
    if later {
        endpoint.standing.ramp_from(Moment::now());
    }
    endpoint
}

/// Whether there are names, and none of them has an address.
fn is_unresolved(members: &[Member]) -> bool {
    !members.is_empty() && members.iter().all(|member| member.endpoint.is_unresolved())
}

fn same(one: &[Member], other: &[Member]) -> bool {
    let same = |(one, other): (&Member, &Member)| {
        let Member { endpoint, weight, backup, zone } = one;
        Arc::ptr_eq(endpoint, &other.endpoint) && (*weight, *backup, zone) == (other.weight, other.backup, &other.zone)
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

fn change(upstream: &model::Upstream, before: &[Member], now: &[Member]) -> Change {
    let without = |these: &[Member], those: &[Member]| {
        let there = |one: &Member| those.iter().any(|other| Arc::ptr_eq(&one.endpoint, &other.endpoint));
        these.iter().filter(|one| !there(one)).map(|one| one.endpoint.label.clone()).collect()
    };
    let (added, removed) = (without(now, before), without(before, now));
    let count = now.iter().filter(|member| !member.endpoint.is_unresolved()).count();
    Change { upstream: upstream.name.clone(), added, removed, count }
}

/// What the cookies that keep clients where they are are signed with, as it is now.
fn secret(upstream: &model::Upstream) -> Result<Option<Secret>, CompileProblem> {
    let Some(sticky) = &upstream.spread.sticky else { return Ok(None) };
    Secret::load(sticky.secret.as_ref()).map(Some).map_err(|error| CompileProblem {
        label: error.label(),
        key: format!("upstreams.{}.sticky.secret_file", upstream.name),
        message: error.to_string(),
        help: "name a file that this user may read, with 16 bytes or more".to_owned(),
    })
}

fn upstream_tls(upstream: &model::Upstream, before: Option<&Seed>) -> Result<Option<ClientTls>, Vec<TlsProblem>> {
    let Some(tls) = &upstream.tls else { return Ok(None) };
    let alpn = alpn_of(upstream.protocol);
    let before = before.and_then(|before| before.tls.as_ref());
    before.map_or_else(|| ClientTls::compile(tls, alpn), |before| before.recompile(tls, alpn)).map(Some)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::config::parse;
    use crate::observe::metrics::Metrics;
    use crate::snapshot::compile;

    fn labels(seed: &Seed) -> Vec<&str> {
        seed.members.iter().map(|member| &*member.endpoint.label).collect()
    }

    fn answers(addresses: &[&str]) -> Answers {
        let mut answers = Answers::default();
        let addresses: Arc<[IpAddr]> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        answers.hosts.insert("a.test".to_owned(), addresses);
        answers
    }

    fn snapshot(answers: &Answers) -> Snapshot {
        let text = "[listeners.a]\naddress = \"127.0.0.1:0\"\n[upstreams.app]\nendpoints = [\"a.test:80\"]\n\
                    [upstreams.other]\nendpoints = [\"10.0.0.1:1\"]\n[upstreams.safe]\nendpoints = [\"a.test:443\"]\ntls = { verify = false }\n\
                    [[routes]]\nsplit = [{ upstream = \"app\" }, { upstream = \"other\" }, { upstream = \"safe\" }]\n";
        let loaded = parse("test", text, &|_| None).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        compile(Arc::new(loaded.model), None, &Metrics::new(), answers).expect("it compiles")
    }

    #[test]
    fn an_endpoint_that_stays_is_the_same_and_a_new_one_starts_slowly() {
        let first = snapshot(&answers(&["10.0.0.1", "10.0.0.2"]));
        assert!(first.rediscover(&answers(&["10.0.0.1", "10.0.0.2"])).is_none(), "nothing has changed");
        let (second, changes) = first.rediscover(&answers(&["10.0.0.2", "10.0.0.3"])).expect("a change");
        assert_eq!(labels(&second.upstreams[0]), ["10.0.0.2:80", "10.0.0.3:80"]);
        assert!(Arc::ptr_eq(&first.upstreams[0].members[1].endpoint, &second.upstreams[0].members[0].endpoint));
        let plain = |place: usize| second.upstreams[0].members[place].endpoint.standing.is_plain();
        assert!(plain(0) && !plain(1), "it joins others");
        assert!(Arc::ptr_eq(&first.upstreams[1].plan, &second.upstreams[1].plan), "this one has not changed");
        assert_eq!(second.generation, first.generation);
        let change = &changes[0];
        assert_eq!((&*change.upstream, change.count, changes.len()), ("app", 2, 2));
        let texts = |labels: &[Arc<str>]| labels.iter().map(|label| label.to_string()).collect::<Vec<_>>();
        assert_eq!(
            (texts(&change.added), texts(&change.removed)),
            (vec!["10.0.0.3:80".to_owned()], vec!["10.0.0.1:80".to_owned()])
        );
        // TLS is kept even where all endpoints are others.
        let tls = |snapshot: &Snapshot| snapshot.upstreams[2].members[0].endpoint.identity.tls.clone().expect("TLS");
        let (third, _) = second.rediscover(&answers(&["10.0.0.9"])).expect("a change");
        assert!(tls(&second).is_same(&tls(&third)));
    }

    #[test]
    fn a_first_answer_is_no_slow_start() {
        let first = snapshot(&Answers::default());
        assert_eq!(labels(&first.upstreams[0]), ["a.test:80"]);
        assert!(first.upstreams[0].members[0].endpoint.is_unresolved());
        let (second, _) = first.rediscover(&answers(&["10.0.0.1"])).expect("a change");
        assert_eq!(labels(&second.upstreams[0]), ["10.0.0.1:80"]);
        assert!(second.upstreams[0].members[0].endpoint.standing.is_plain());
        // Nobody at all, as a file or a service may say.
        let (third, changes) = second.rediscover(&answers(&[])).expect("a change");
        assert_eq!((labels(&third.upstreams[0]).len(), changes[0].count), (0, 0));
        assert!(second.rediscover(&Answers::default()).is_none(), "no answer takes nothing away");
    }
}
