//! Follows the containers of a Docker engine: subscribes to its events, then asks who is there, and asks again when something has happened.
//!
//! While the engine is away, what it said last stays.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::engine::{Engine, Events};
use super::said::{Inspected, Leaving, Listed};
use crate::config::model::{Container, Docker};
use crate::observe::log;

/// The label in metrics.
pub(super) const LABEL: &str = "docker";
/// Containers with labels of ours; more are left out.
const MOST: usize = 4096;
/// The first pause after a failure; each one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// However much happens, after so many times `settle` it is asked.
const PATIENCE: u32 = 10;
/// It is asked again after so long even if nothing is told.
const IDLE: Duration = Duration::from_secs(60);
/// How long a start waits for the first answer.
const START: Duration = Duration::from_secs(3);

/// What is known of the engine.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Whether it answered, and when; or why not.
    pub(super) latest: Option<Result<SystemTime, String>>,
    /// Those that take requests.
    pub(super) containers: Arc<[Container]>,
}

/// Whoever follows an engine.
pub(super) struct Follower {
    settings: Docker,
    shared: Rc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    known: RefCell<Known>,
    outcome: Notify,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    /// Begins. What was `known` stays until the engine says something else.
    pub(super) fn start(settings: &Docker, known: Arc<[Container]>, news: Rc<Notify>) -> Self {
        let shared = Rc::new(Shared::default());
        shared.known.borrow_mut().containers = known;
        let task = follow(settings.clone(), shared.clone(), news);
        Self { settings: settings.clone(), task: tokio::task::spawn_local(task), shared }
    }

    pub(super) fn follows(&self, settings: &Docker) -> bool {
        self.settings == *settings
    }

    pub(super) fn known(&self) -> Known {
        self.shared.known.borrow().clone()
    }

    /// Waits for the first outcome, but not for long.
    pub(super) async fn first(&self) {
        if self.shared.known.borrow().latest.is_none() {
            // What is not known yet comes as news.
            let _ = timeout(START, self.shared.outcome.notified()).await;
        }
    }
}

impl Shared {
    fn answered(&self, containers: Vec<Container>) -> bool {
        let mut known = self.known.borrow_mut();
        if matches!(known.latest, Some(Err(_))) {
            log::note("the docker engine answers again", &[]);
        }
        let changed = *known.containers != *containers;
        let first = known.latest.is_none();
        known.latest = Some(Ok(SystemTime::now()));
        known.containers = containers.into();
        self.outcome.notify_one();
        changed || first
    }

    fn failed(&self, why: String) {
        let mut known = self.known.borrow_mut();
        if !matches!(known.latest, Some(Err(_))) {
            log::warn("the docker engine does not answer; what it said before stays", &[("error", (&*why).into())]);
        }
        known.latest = Some(Err(why));
        self.outcome.notify_one();
    }
}

/// For ever.
async fn follow(settings: Docker, shared: Rc<Shared>, news: Rc<Notify>) {
    let engine = Engine::at(&settings.socket);
    let mut pause = FIRST;
    loop {
        let answered = |containers| {
            if shared.answered(containers) {
                news.notify_one();
            }
        };
        let Err(why) = listen(&engine, settings.settle, answered).await;
        if matches!(shared.known.borrow().latest, Some(Ok(_))) {
            pause = FIRST;
        }
        shared.failed(why);
        news.notify_one();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// As long as the engine answers; then why it does not.
async fn listen(
    engine: &Engine,
    settle: Duration,
    answered: impl Fn(Vec<Container>),
) -> Result<std::convert::Infallible, String> {
    let mut leaving = Leaving::default();
    // First of all: what happens while we ask is told after that.
    let mut events = engine.events().await?;
    loop {
        answered(containers(engine, &mut leaving).await?);
        wait(&mut events, &mut leaving, settle).await?;
    }
}

/// Until something has happened, and nothing more for a while.
async fn wait(events: &mut Events, leaving: &mut Leaving, settle: Duration) -> Result<(), String> {
    loop {
        let Ok(event) = timeout(IDLE, events.next()).await else { return Ok(()) };
        if leaving.note(&event?) {
            break;
        }
    }
    let latest = Instant::now() + settle * PATIENCE;
    while Instant::now() < latest {
        let Ok(event) = timeout(settle, events.next()).await else { break };
        leaving.note(&event?);
    }
    Ok(())
}

/// Those that take requests.
async fn containers(engine: &Engine, leaving: &mut Leaving) -> Result<Vec<Container>, String> {
    let listed: Option<Vec<Listed>> = engine.ask("/containers/json").await?;
    let listed = listed.ok_or("this is no engine: it has no containers")?;
    let mut ours: Vec<_> = listed.into_iter().filter(|one| one.is_ours() && one.is_plain()).collect();
    if ours.len() > MOST {
        log::warn("too many containers have labels; the others are left out", &[("taken", (MOST as u64).into())]);
        ours.truncate(MOST);
    }
    let (mut containers, mut signals) = (Vec::new(), BTreeMap::new());
    for Listed { id, .. } in ours {
        // It may be gone again; then an event will tell.
        let inspected = engine.ask::<Inspected>(&format!("/containers/{id}/json")).await?;
        let Some(inspected) = inspected else { continue };
        signals.extend([inspected.stop_signal()]);
        containers.extend(inspected.serving().filter(|_| !leaving.has(&id)));
    }
    leaving.keep(signals);
    Ok(containers)
}
