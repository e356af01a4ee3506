//! What the admin address sees of the running program, and the socket that it is on.

use std::cell::Cell as Local;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::discovery::Exposed;
use super::outliers;
use super::pulse::Pulses;
use crate::admin::{
    Admin, BindError, CertificateState, EndpointState, Readiness, Refusal, ReloadOutcome, SocketOwner, Surface,
    Unknown, World,
};
use crate::cache::Store;
use crate::config::model::{self, Model};
use crate::listener::handover::{self, Inherited};
use crate::observe::chronicle::{Chronicle, Reloaded};
use crate::observe::log;
use crate::observe::lookout::{Filter, Lookout};
use crate::observe::metrics::{Exposition, Metrics};
use crate::observe::tracing::SpanCounts;
use crate::routing::split::Split;
use crate::snapshot::{Action, Cell, Snapshot};
use crate::upstream::group::Member;
use crate::upstream::record::Reason;
use crate::upstream::{Endpoint, Moment, Probes, State};

/// Says which route takes a request; the parameters are those of `tidegate explain`.
pub type Explain = fn(&Model, &[(String, String)]) -> Result<serde_json::Value, String>;

/// Who the socket of the admin address is for, between two processes.
const ADMIN: &str = "admin";

/// A reload that somebody asked for, and where the answer goes.
pub(super) type Asked = oneshot::Sender<Result<u64, Refusal>>;

/// The program as others may see it.
pub(super) struct View {
    cell: Arc<Cell>,
    metrics: Arc<Metrics>,
    probes: Rc<Probes>,
    discovery: Exposed,
    pub(super) readiness: Local<Readiness>,
    /// When the snapshot in force was published.
    pub(super) loaded: Local<SystemTime>,
    pub(super) chronicle: Rc<Chronicle>,
    pub(super) pulses: Pulses,
    lookout: Lookout,
    spans: Arc<SpanCounts>,
    explain: Explain,
    reloads: mpsc::Sender<Asked>,
}

/// What a view is made of.
pub(super) struct Sources {
    pub(super) cell: Arc<Cell>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) probes: Rc<Probes>,
    pub(super) discovery: Exposed,
    pub(super) lookout: Lookout,
    pub(super) spans: Arc<SpanCounts>,
    pub(super) explain: Explain,
}

impl View {
    /// Of a program that starts; reloads that are asked for come out of the receiver.
    pub(super) fn new(sources: Sources) -> (Rc<Self>, mpsc::Receiver<Asked>) {
        // They are carried out one after the other; more than a few at a time are nobody's plan.
        let (reloads, asked) = mpsc::channel(4);
        let Sources { cell, metrics, probes, discovery, lookout, spans, explain } = sources;
        let (readiness, loaded) = (Local::new(Readiness::Starting), Local::new(SystemTime::now()));
        let (chronicle, pulses) = (Rc::default(), Pulses::default());
        let view = Self {
            cell,
            metrics,
            probes,
            discovery,
            readiness,
            loaded,
            chronicle,
            pulses,
            lookout,
            spans,
            explain,
            reloads,
        };
        (Rc::new(view), asked)
    }

    /// Remembers a config that was put in force or refused.
    pub(super) fn note_reload(&self, cause: &'static str, outcome: &Result<u64, Refusal>, took: Duration) {
        let refusal = outcome.as_ref().err();
        let problems = refusal.map(|refusal| refusal.problems.clone());
        self.chronicle.reloads.borrow_mut().push(Reloaded {
            time: SystemTime::now(),
            cause,
            result: if refusal.is_some() { "refused" } else { "published" },
            generation: outcome.as_ref().map_or_else(|_| self.cell.load().generation, |generation| *generation),
            took_ms: took.as_millis() as u64,
            message: refusal.map(|refusal| refusal.message.clone()),
            problems: problems.filter(|problems| problems.as_array().is_none_or(|list| !list.is_empty())),
        });
    }

    /// Remembers that a config was taken back, and the one before is in force again.
    pub(super) fn note_rolled_back(&self, generation: u64, why: &str, took: Duration) {
        self.chronicle.reloads.borrow_mut().push(Reloaded {
            time: SystemTime::now(),
            cause: "guard",
            result: "rolled_back",
            generation,
            took_ms: took.as_millis() as u64,
            message: Some(why.to_owned()),
            problems: None,
        });
    }

    fn member_state(&self, member: &Member, now: Moment) -> EndpointState {
        let endpoint = &member.endpoint;
        let (standing, attempts) = (&endpoint.standing, endpoint.tallies.attempts());
        let ejected = standing.ejected(now).then(|| standing.ejected_until().since(now).as_secs_f64());
        EndpointState {
            address: endpoint.label.to_string(),
            name: endpoint.identity.at.map(|_| endpoint.identity.address.to_string()),
            weight: member.weight,
            backup: member.backup,
            zone: member.zone.clone(),
            state: state(endpoint, now).label(),
            reason: if endpoint.is_unresolved() { "dns_error" } else { standing.reason(now) },
            ejected_for: ejected,
            ejections: Reason::ALL.iter().map(|reason| endpoint.record.ejections(*reason)).sum(),
            probe_failure: self.probes.of(endpoint).and_then(|latest| latest.failure),
            in_flight: endpoint.in_flight() as u64,
            connections: endpoint.connections() as u64,
            latency_ms: self.pulses.latency_ms(endpoint),
            attempts: attempts.total(),
            failures: attempts.failures(),
        }
    }
}

/// One word for an endpoint. One that has no address is down; one that answers is up although no probe has said so.
pub(super) fn state(endpoint: &Endpoint, now: Moment) -> State {
    match endpoint.standing.state(now) {
        _ if endpoint.is_unresolved() => State::Down,
        State::Unknown if endpoint.record.is_alive() => State::Up,
        state => state,
    }
}

fn split<'a>(snapshot: &'a Snapshot, route: &str) -> Option<&'a Split> {
    match &snapshot.routes.get(snapshot.route(route)?)?.action {
        Action::Split(split) => Some(split),
        _ => None,
    }
}

impl Surface for View {
    fn readiness(&self) -> Readiness {
        self.readiness.get()
    }

    fn world(&self) -> World {
        let snapshot = self.cell.load();
        World { generation: snapshot.generation, loaded: self.loaded.get(), model: snapshot.model.clone() }
    }

    fn endpoints(&self, upstream: &str) -> Vec<EndpointState> {
        let snapshot = self.cell.load();
        let seed = snapshot.upstream(upstream).and_then(|place| snapshot.upstreams.get(place));
        let now = Moment::now();
        seed.map_or(&[][..], |seed| &seed.members).iter().map(|member| self.member_state(member, now)).collect()
    }

    fn drain(&self, upstream: &str, endpoint: &str, drained: bool) -> Result<(), Unknown> {
        let snapshot = self.cell.load();
        let seed = snapshot.upstream(upstream).and_then(|place| snapshot.upstreams.get(place));
        let seed = seed.ok_or_else(|| Unknown::Upstream(upstream.to_owned()))?;
        let mut named = seed.members.iter().filter(|member| &*member.endpoint.label == endpoint).peekable();
        named.peek().ok_or_else(|| Unknown::Endpoint(endpoint.to_owned()))?;
        named.for_each(|member| member.endpoint.standing.set_drained(drained, Moment::now()));
        Ok(())
    }

    fn weights(&self, route: &str) -> Option<Vec<(Arc<str>, u32)>> {
        let snapshot = self.cell.load();
        let name = |place: usize| snapshot.model.upstreams.get(place).map(|upstream| upstream.name.clone());
        let split = split(&snapshot, route)?;
        Some(split.weights().filter_map(|(place, weight)| Some((name(place)?, weight))).collect())
    }

    fn set_weights(&self, route: &str, weights: Option<&BTreeMap<String, u32>>) -> Result<(), Unknown> {
        let snapshot = self.cell.load();
        let split = split(&snapshot, route).ok_or_else(|| Unknown::Split(route.to_owned()))?;
        let Some(weights) = weights else {
            split.set_weights(|_| None);
            return Ok(());
        };
        let name = |place: usize| snapshot.model.upstreams.get(place).map_or("", |upstream| &upstream.name);
        let known: Vec<_> = split.weights().map(|(place, _)| name(place)).collect();
        if let Some(stranger) = weights.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Unknown::Weights(format!(
                "the split has no upstream {stranger:?}; it has {}",
                known.join(", ")
            )));
        }
        let wanted = |place: usize| weights.get(name(place)).copied();
        if split.weights().all(|(place, now)| wanted(place).unwrap_or(now) == 0) {
            return Err(Unknown::Weights("one weight must be more than 0".to_owned()));
        }
        let now: Vec<_> = split.weights().collect();
        let unchanged = |place: usize| now.iter().find(|(known, _)| *known == place).map(|(_, weight)| *weight);
        split.set_weights(|place| wanted(place).or_else(|| unchanged(place)));
        Ok(())
    }

    fn certificates(&self) -> Vec<CertificateState> {
        let snapshot = self.cell.load();
        let mut all = Vec::new();
        for listener in &snapshot.listeners {
            for certificate in listener.tls.iter().flat_map(|tls| tls.certificates()) {
                let names = certificate.names();
                let wildcards = names.wildcard().map(|name| format!("*.{name}"));
                all.push(CertificateState {
                    listener: listener.name.clone(),
                    names: names.exact().map(str::to_owned).chain(wildcards).collect(),
                    source: certificate.source_name(),
                    not_after: certificate.not_after(),
                });
            }
        }
        all
    }

    fn chronicle(&self) -> Rc<Chronicle> {
        self.chronicle.clone()
    }

    fn explain(&self, question: &[(String, String)]) -> Result<serde_json::Value, String> {
        (self.explain)(&self.cell.load().model, question)
    }

    fn tap(&self, filter: Filter) -> Option<mpsc::Receiver<Bytes>> {
        let watch = self.lookout.watch(filter)?;
        let (chunks, coming) = mpsc::channel(1);
        tokio::task::spawn_local(super::tap::pour(watch, chunks));
        Some(coming)
    }

    fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    fn expose(&self, out: &mut Exposition) {
        super::exposed::endpoints(&self.cell.load(), out);
        super::exposed::limits(&self.cell.load(), out);
        super::exposed::passwords(out);
        super::exposed::releases(&self.cell.load(), out);
        super::jwks::expose(&self.cell.load(), out);
        super::exposed::counts(&self.cell.load(), out);
        super::exposed::probes(&self.probes, out);
        outliers::expose(&self.cell.load(), out);
        super::export::expose(&self.spans, out);
        super::exposed::certificates(&self.certificates(), out);
        super::disk::expose(&self.cell.load(), out);
        self.discovery.expose(out);
        super::exposed::cache(&self.cell.load(), out);
    }

    fn cache(&self) -> Option<Arc<Store>> {
        self.cell.load().cache.clone()
    }

    fn reload(&self) -> ReloadOutcome {
        let (answer, answered) = oneshot::channel();
        let reloads = self.reloads.clone();
        Box::pin(async move {
            let refused = |message: &str| Refusal { message: message.to_owned(), problems: serde_json::json!([]) };
            reloads.send(answer).await.map_err(|_| refused("the program is stopping"))?;
            answered.await.map_err(|_| refused("the program is stopping"))?
        })
    }
}

/// The admin address, while it is on.
#[derive(Default)]
pub(super) struct Desk {
    /// As the config says it.
    model: Option<model::Admin>,
    serving: Option<Serving>,
}

/// The admin address that is served.
struct Serving {
    task: JoinHandle<()>,
    /// For the process that succeeds this one.
    socket: Option<OwnedFd>,
    owner: SocketOwner,
}

/// The socket of a new admin address.
pub(super) enum Change {
    /// It stays as it is.
    None,
    /// It is off from now on.
    Off,
    /// It is there from now on.
    Open(Admin, model::Admin),
}

impl Desk {
    /// Binds the admin address of a config, where that is another one.
    ///
    /// # Errors
    /// Where it cannot be bound; nothing has changed then.
    pub(super) fn prepare(&self, model: Option<&model::Admin>, inherited: &mut Inherited) -> Result<Change, BindError> {
        match model {
            same if same == self.model.as_ref() => Ok(Change::None),
            None => Ok(Change::Off),
            Some(model) => {
                let passed = inherited.take(&handover::name(ADMIN, &model.address)).unwrap_or_default();
                let admin = match passed.sockets.into_iter().next() {
                    Some(socket) => Admin::adopt(model, socket)?,
                    None => Admin::bind(model)?,
                };
                if passed.borrowed {
                    admin.owner().pass_on();
                }
                Ok(Change::Open(admin, model.clone()))
            }
        }
    }

    /// Makes the change.
    pub(super) fn publish(&mut self, change: Change, view: &Rc<View>) {
        let (serving, model) = match change {
            Change::None => return,
            Change::Off => (None, None),
            Change::Open(admin, model) => {
                log::note("admin listening", &[("address", log::show(admin.address()))]);
                let (socket, owner) = (admin.socket().ok(), admin.owner());
                let task = tokio::task::spawn_local(admin.serve(view.clone()));
                (Some(Serving { task, socket, owner }), Some(model))
            }
        };
        if let Some(before) = std::mem::replace(&mut self.serving, serving) {
            before.task.abort();
        }
        self.model = model;
    }

    /// The socket, for the process that succeeds this one.
    pub(super) fn offer(&self) -> Option<(String, Vec<BorrowedFd<'_>>)> {
        let name = handover::name(ADMIN, &self.model.as_ref()?.address);
        Some((name, vec![self.serving.as_ref()?.socket.as_ref()?.as_fd()]))
    }

    /// Leaves the admin address to the process that has its socket now.
    pub(super) fn pass_on(self) {
        if let Some(serving) = self.serving {
            serving.owner.pass_on();
            serving.task.abort();
        }
    }
}
