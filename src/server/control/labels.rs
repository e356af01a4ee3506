//! Containers that come and go, and what their labels say.

use std::time::SystemTime;

use super::{Control, DOCKER};
use crate::config::model::{Labelled, Unheard};
use crate::observe::chronicle::{DockerEndpoint, DockerEvent, DockerState, DockerUnheard, Event};
use crate::observe::log;

impl Control {
    /// Other containers than before: the config in force is joined with them.
    pub(super) async fn rejoin(&mut self) {
        if self.discovery.take_containers() && self.written.is_some() {
            // Tells by itself how it went.
            drop(self.reload(DOCKER).await);
        }
        self.show_engine();
    }

    /// What labels came to: in the log and among the events what is not heard, and was before; for the admin address all of it.
    pub(super) fn tell_labels(&self, labelled: Labelled) {
        let Labelled { endpoints, unheard } = labelled;
        let chronicle = &self.view.chronicle;
        let state = self.discovery.engine().map(|_| DockerState {
            endpoints: endpoints
                .into_iter()
                .map(|(container, upstream, address)| DockerEndpoint { container, upstream, address })
                .collect(),
            unheard: unheard.into_iter().map(shown).collect(),
            ..DockerState::default()
        });
        let before = chronicle.docker.replace(state);
        let known = before.map(|before| before.unheard).unwrap_or_default();
        let state = chronicle.docker.borrow();
        for one in state.iter().flat_map(|state| &state.unheard).filter(|one| !known.contains(one)) {
            let DockerUnheard { container, label, message } = one.clone();
            let fields =
                [("container", (&*container).into()), ("label", (&*label).into()), ("why", (&*message).into())];
            log::warn("a container is not heard", &fields);
            let event = DockerEvent { time: SystemTime::now(), container, label, message };
            chronicle.events.borrow_mut().push(Event::Docker(event));
        }
        drop(state);
        self.show_engine();
    }

    /// How it goes with the engine.
    fn show_engine(&self) {
        let mut state = self.view.chronicle.docker.borrow_mut();
        let (Some(state), Some(latest)) = (state.as_mut(), self.discovery.engine()) else { return };
        match latest {
            None => state.engine = "starting",
            Some(Ok(time)) => (state.engine, state.answered, state.error) = ("answers", Some(time), None),
            Some(Err(error)) => (state.engine, state.error) = ("unreachable", Some(error)),
        }
    }
}

fn shown(unheard: Unheard) -> DockerUnheard {
    let Unheard { container, label, message } = unheard;
    DockerUnheard { container, label, message }
}
