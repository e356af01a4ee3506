//! Which requests go another way.

use serde::Serialize;

use crate::config::model::{Action, Model};
use crate::routing::compared;

/// A request that another route takes than before.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Moved {
    /// `GET example.com/api`
    pub(super) request: String,
    /// The listener by which it comes.
    pub(super) listener: String,
    /// The route that took it; none: nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old: Option<String>,
    /// The route that takes it; none: nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) new: Option<String>,
}

/// The requests that go another way, by the listeners that both configs have.
pub(in crate::cli) fn moved(old: &Model, new: &Model) -> Vec<Moved> {
    let mut moved = Vec::new();
    for taken in compared(old, new) {
        let (before, after) = (taken.old.map(|place| shown(old, place)), taken.new.map(|place| shown(new, place)));
        if before != after {
            let (request, listener) = (taken.request, taken.listener.to_string());
            moved.push(Moved { request, listener, old: before, new: after });
        }
    }
    moved
}

/// The name of a route, with what it does.
fn shown(model: &Model, place: usize) -> String {
    let route = &model.routes[place];
    match &route.action {
        Action::Upstream(place) => format!("{} (upstream {})", route.name, model.upstreams[*place].name),
        Action::Split(_) => format!("{} (split)", route.name),
        Action::Redirect(_) => format!("{} (redirect)", route.name),
        Action::Respond(_) => format!("{} (answer)", route.name),
        Action::Files(_) => format!("{} (files)", route.name),
    }
}
