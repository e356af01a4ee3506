//! What the admin address sees of the running program, and the socket that it is on.

use std::cell::Cell as Local;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::outliers;
use crate::admin::{Admin, BindError, EndpointState, Readiness, Refusal, ReloadOutcome, Surface, World};
use crate::config::model;
use crate::observe::log;
use crate::observe::metrics::{Exposition, Metrics};
use crate::snapshot::Cell;
use crate::upstream::{Endpoint, Moment, Probes, State};

/// A reload that somebody asked for, and where the answer goes.
pub(super) type Asked = oneshot::Sender<Result<u64, Refusal>>;

/// The program as others may see it.
pub(super) struct View {
    cell: Arc<Cell>,
    metrics: Arc<Metrics>,
    probes: Rc<Probes>,
    pub(super) readiness: Local<Readiness>,
    /// When the snapshot in force was published.
    pub(super) loaded: Local<SystemTime>,
    reloads: mpsc::Sender<Asked>,
}

impl View {
    /// Of a program that starts; reloads that are asked for come out of the receiver.
    pub(super) fn new(cell: Arc<Cell>, metrics: Arc<Metrics>, probes: Rc<Probes>) -> (Rc<Self>, mpsc::Receiver<Asked>) {
        // They are carried out one after the other; more than a few at a time are nobody's plan.
        let (reloads, asked) = mpsc::channel(4);
        let (readiness, loaded) = (Local::new(Readiness::Starting), Local::new(SystemTime::now()));
        (Rc::new(Self { cell, metrics, probes, readiness, loaded, reloads }), asked)
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
        let place = snapshot.model.upstreams.iter().position(|one| &*one.name == upstream);
        let members = place.and_then(|place| snapshot.upstreams.get(place)).map_or(&[][..], |seed| &seed.members);
        let now = Moment::now();
        members.iter().map(|member| endpoint_state(&member.endpoint, now)).collect()
    }

    fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    fn expose(&self, out: &mut Exposition) {
        super::exposed::endpoints(&self.cell.load(), out);
        super::exposed::probes(&self.probes, out);
        outliers::expose(&self.cell.load(), out);
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

fn endpoint_state(endpoint: &Endpoint, now: Moment) -> EndpointState {
    let standing = &endpoint.standing;
    let state = match standing.state(now) {
        _ if !endpoint.addresses_known() => State::Down,
        // No probe has said so, but it answers.
        State::Unknown if endpoint.record.is_alive() => State::Up,
        state => state,
    };
    EndpointState {
        address: endpoint.label.to_string(),
        state: state.label(),
        reason: standing.reason(now),
        in_flight: endpoint.in_flight() as u64,
    }
}

/// The admin address, while it is on.
#[derive(Default)]
pub(super) struct Desk {
    /// As the config says it.
    model: Option<model::Admin>,
    serving: Option<JoinHandle<()>>,
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
    pub(super) fn prepare(&self, model: Option<&model::Admin>) -> Result<Change, BindError> {
        match model {
            same if same == self.model.as_ref() => Ok(Change::None),
            None => Ok(Change::Off),
            Some(model) => Ok(Change::Open(Admin::bind(model)?, model.clone())),
        }
    }

    /// Makes the change.
    pub(super) fn publish(&mut self, change: Change, view: &Rc<View>) {
        let (serving, model) = match change {
            Change::None => return,
            Change::Off => (None, None),
            Change::Open(admin, model) => {
                log::note("admin listening", &[("address", log::show(admin.address()))]);
                (Some(tokio::task::spawn_local(admin.serve(view.clone()))), Some(model))
            }
        };
        if let Some(before) = std::mem::replace(&mut self.serving, serving) {
            before.abort();
        }
        self.model = model;
    }
}
