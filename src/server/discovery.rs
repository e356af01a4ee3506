//! Runs discovery on the control thread: a task for each name and service, and a look at each file, twice a second.
//!
//! A task lives as long as something of the config asks for its name. What it finds goes into the [`Answers`]; where that changes something, the
//! control thread is woken, and publishes a snapshot with other endpoints. While nothing can be found out, the last answer stays.

mod docker;
mod engine;
mod said;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use crate::config::model::{self, Model};
use crate::observe::log;
use crate::observe::metrics::{Exposition, Kind};
use crate::reload::{self, Watch};
use crate::snapshot::{Change, Snapshot};
use crate::upstream::balance::Draw;
use crate::upstream::discovery::{Answers, LookupFailure, Query, Resolver, Schedule, wanted};

/// Look-ups at the same time.
const AT_ONCE: usize = 64;
/// Of many names only so many are told in a log line.
const SHOWN: usize = 8;
/// What the system's own resolver reads.
const SYSTEM: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Everything that is found out about endpoints.
pub(super) struct Discovery {
    shared: Rc<Shared>,
    settings: Option<model::Resolver>,
    running: BTreeMap<Query, Running>,
    files: BTreeMap<PathBuf, Watch>,
    system: Watch,
    engine: Option<docker::Follower>,
    engine_news: Rc<Notify>,
}

struct Shared {
    answers: RefCell<Answers>,
    sources: RefCell<BTreeMap<String, Source>>,
    /// Something has changed, or has had its first outcome.
    news: Notify,
    places: Semaphore,
}

/// How it went with one name, service or file.
#[derive(Default)]
struct Source {
    answered: u64,
    failed: BTreeMap<&'static str, u64>,
    failing: Option<&'static str>,
    latest: Option<Instant>,
}

/// A task that ends with this.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Discovery {
    /// Asks for nothing yet.
    pub(super) fn new() -> Self {
        let shared = Shared {
            answers: RefCell::default(),
            sources: RefCell::default(),
            news: Notify::new(),
            places: Semaphore::new(AT_ONCE),
        };
        let system = SYSTEM.map(PathBuf::from);
        Self {
            shared: Rc::new(shared),
            settings: None,
            running: BTreeMap::new(),
            files: BTreeMap::new(),
            system: Watch::over(&system),
            engine: None,
            engine_news: Rc::default(),
        }
    }

    /// What is known now.
    pub(super) fn answers(&self) -> Answers {
        self.shared.answers.borrow().clone()
    }

    /// Follows the engine that a config names, if it names one, and waits for what it says first of all where that is wanted.
    pub(super) async fn follow_engine(&mut self, settings: Option<&model::Docker>, wait: bool) {
        let Some(settings) = settings else {
            self.engine = None;
            self.shared.answers.borrow_mut().containers = Arc::default();
            return;
        };
        if !self.engine.as_ref().is_some_and(|engine| engine.follows(settings)) {
            let known = self.shared.answers.borrow().containers.clone();
            self.engine = Some(docker::Follower::start(settings, known, self.engine_news.clone()));
        }
        if let Some(engine) = self.engine.as_ref().filter(|_| wait) {
            engine.first().await;
        }
    }

    /// Waits for news of the engine.
    pub(super) async fn engine_news(&self) {
        self.engine_news.notified().await;
    }

    /// Takes what the engine says now; whether containers have changed.
    pub(super) fn take_containers(&mut self) -> bool {
        let Some(known) = self.engine.as_ref().map(docker::Follower::known) else { return false };
        match known.latest {
            Some(Ok(_)) => self.shared.answered(docker::LABEL.to_owned()),
            Some(Err(_)) => {
                self.shared.failed(docker::LABEL.to_owned(), "unreachable");
            }
            None => {}
        }
        let mut answers = self.shared.answers.borrow_mut();
        let changed = answers.containers != known.containers;
        answers.containers = known.containers;
        changed
    }

    /// How it goes with the engine: when it answered, or why it does not; `None` where there is none.
    pub(super) fn engine(&self) -> Option<Option<Result<SystemTime, String>>> {
        Some(self.engine.as_ref()?.known().latest)
    }

    /// Takes over the files that were read with a config, and watches them from now on.
    pub(super) fn adopt(&mut self, read: &Answers) {
        self.shared.answers.borrow_mut().files.clone_from(&read.files);
        self.files = read.files.keys().map(|path| (path.clone(), Watch::over([path]))).collect();
        for path in read.files.keys() {
            self.shared.answered(file_label(path));
        }
    }

    /// Asks for what that config needs, and for nothing else.
    pub(super) fn follow(&mut self, model: &Model) {
        if self.settings.as_ref() != Some(&model.resolver) {
            self.running.clear();
            self.settings = Some(model.resolver.clone());
        }
        let wanted = wanted(&model.upstreams, &self.shared.answers.borrow());
        self.running.retain(|query, _| wanted.contains(query));
        self.shared.answers.borrow_mut().retain(&wanted);
        self.shared.forget_others(&wanted, self.files.keys());
        let new: Vec<_> = wanted.into_iter().filter(|query| !self.running.contains_key(query)).collect();
        if new.is_empty() {
            return;
        }
        let (resolver, problem) = Resolver::new(&model.resolver);
        if let Some(problem) = problem {
            log::warn(
                "the system's resolver config cannot be used; asking 127.0.0.1",
                &[("error", (&*problem).into())],
            );
        }
        let resolver = Rc::new(resolver);
        for query in new {
            let task = look_up(query.clone(), resolver.clone(), Schedule::new(&model.resolver), self.shared.clone());
            self.running.insert(query, Running(tokio::task::spawn_local(task)));
        }
    }

    /// Asks likewise, and waits until everything has had a first outcome, but no longer than one look-up may take.
    async fn first_answers(&mut self, model: &Model) {
        let until = tokio::time::Instant::now() + model.resolver.timeout;
        loop {
            self.follow(model);
            if !self.is_waiting() || tokio::time::timeout_at(until, self.shared.news.notified()).await.is_err() {
                return;
            }
        }
    }

    /// A snapshot with the endpoints that its names stand for, as far as that can be found out in time.
    pub(super) async fn applied(&mut self, snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
        self.first_answers(&snapshot.model).await;
        snapshot.rediscover(&self.answers()).map_or(snapshot, |(found, _)| Arc::new(found))
    }

    /// Whether something that is asked for has not had its first outcome.
    pub(super) fn is_waiting(&self) -> bool {
        self.running.keys().any(|query| !self.shared.knows(query))
    }

    /// Waits for news.
    pub(super) async fn news(&self) {
        self.shared.news.notified().await;
    }

    /// Looks at the files. Where one of them says something else, that is news.
    pub(super) fn look(&mut self) {
        if self.system.changed() {
            // Everything is asked for anew, by what the system says now.
            self.settings = None;
            self.shared.news.notify_one();
        }
        let moved: Vec<_> = self.files.iter_mut().filter_map(|(path, watch)| watch.changed().then_some(path)).collect();
        let mut changed = false;
        for path in moved {
            let label = file_label(path);
            match reload::read_endpoints(path) {
                Ok(listed) => {
                    self.shared.answered(label);
                    let before = self.shared.answers.borrow_mut().files.insert(path.clone(), listed.clone().into());
                    changed |= before.as_deref() != Some(&listed);
                }
                Err(problems) => {
                    let lines: Vec<_> = problems.iter().map(|problem| problems.line(problem)).collect();
                    let fields = [("file", log::show(&path.display())), ("problems", lines.join("\n").into())];
                    log::warn("an endpoints file cannot be used; what it said before stays", &fields);
                    self.shared.failed(label, "bad_file");
                }
            }
        }
        if changed {
            self.shared.news.notify_one();
        }
    }

    /// How it goes, for the metrics.
    pub(super) fn expose(&self) -> Exposed {
        Exposed(self.shared.clone())
    }
}

/// The metrics of discovery.
#[derive(Clone)]
pub(super) struct Exposed(Rc<Shared>);

impl Exposed {
    /// Writes them.
    pub(super) fn expose(&self, out: &mut Exposition) {
        let sources = self.0.sources.borrow();
        let help = "Look-ups of names and services and readings of endpoints files, by how they went.";
        let mut total = out.family("tidegate_discovery_updates_total", Kind::Counter, help);
        for (label, source) in sources.iter() {
            total.sample(&[("source", &**label), ("result", "answered")], source.answered);
            for (result, count) in &source.failed {
                total.sample(&[("source", &**label), ("result", *result)], *count);
            }
        }
        let help = "Whether the latest attempt failed, so that an older answer is in use, or none.";
        let mut failing = out.family("tidegate_discovery_failing", Kind::Gauge, help);
        for (label, source) in sources.iter() {
            failing.sample(&[("source", &**label)], source.failing.is_some());
        }
        let help = "Seconds since the latest good answer.";
        let mut age = out.family("tidegate_discovery_age_seconds", Kind::Gauge, help);
        for (label, source) in sources.iter() {
            if let Some(latest) = source.latest {
                age.sample(&[("source", &**label)], latest.elapsed().as_secs());
            }
        }
    }
}

impl Shared {
    fn answered(&self, label: String) {
        let mut sources = self.sources.borrow_mut();
        let source = sources.entry(label.clone()).or_default();
        source.answered += 1;
        source.latest = Some(Instant::now());
        if source.failing.take().is_some() {
            log::note("discovery works again", &[("source", (&*label).into())]);
        }
    }

    /// Gives back whether it is another failure than before.
    fn failed(&self, label: String, reason: &'static str) -> bool {
        let mut sources = self.sources.borrow_mut();
        let source = sources.entry(label).or_default();
        *source.failed.entry(reason).or_default() += 1;
        source.failing.replace(reason) != Some(reason)
    }

    fn knows(&self, query: &Query) -> bool {
        self.sources.borrow().get(&query.label()).is_some_and(|one| one.latest.is_some() || one.failing.is_some())
    }

    fn forget_others<'a>(&self, wanted: &BTreeSet<Query>, files: impl Iterator<Item = &'a PathBuf>) {
        let engine = std::iter::once(docker::LABEL.to_owned());
        let labels: BTreeSet<_> =
            engine.chain(wanted.iter().map(Query::label)).chain(files.map(|path| file_label(path))).collect();
        self.sources.borrow_mut().retain(|label, _| labels.contains(label));
    }

    /// Takes an answer. Whether it is another one.
    async fn ask(&self, query: &Query, resolver: &Resolver) -> Result<(Duration, bool), LookupFailure> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        Ok(match query {
            Query::Host(name) => {
                let known = self.answers.borrow().hosts.get(name).cloned();
                let (found, ttl) = resolver.addresses(name, known.as_deref().unwrap_or_default()).await?;
                let changed = known.as_deref() != Some(&found);
                if changed {
                    self.answers.borrow_mut().hosts.insert(name.clone(), found.into());
                }
                (ttl, changed)
            }
            Query::Service(name) => {
                let (found, ttl) = resolver.service(name).await?;
                let changed = self.answers.borrow().services.get(name).is_none_or(|known| **known != *found);
                if changed {
                    self.answers.borrow_mut().services.insert(name.clone(), found.into());
                }
                (ttl, changed)
            }
        })
    }
}

fn file_label(path: &Path) -> String {
    format!("file:{}", path.display())
}

/// Looks one name up for as long as somebody wants it.
async fn look_up(query: Query, resolver: Rc<Resolver>, mut schedule: Schedule, shared: Rc<Shared>) {
    let mut draw = Draw::new(RandomState::new().hash_one(&query));
    loop {
        let first = !shared.knows(&query);
        let (wait, changed) = match shared.ask(&query, &resolver).await {
            Ok((ttl, changed)) => {
                shared.answered(query.label());
                (schedule.answered(ttl), changed)
            }
            Err(failure) => {
                let wait = schedule.failed(|below| draw.below(below));
                if shared.failed(query.label(), failure.label()) {
                    tell(&query, failure, wait, &shared);
                }
                (wait, false)
            }
        };
        if first || changed {
            shared.news.notify_one();
        }
        tokio::time::sleep(wait).await;
    }
}

fn tell(query: &Query, failure: LookupFailure, wait: Duration, shared: &Shared) {
    let label = query.label();
    let fields = [
        ("source", (&*label).into()),
        ("reason", failure.label().into()),
        ("again_in_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into()),
    ];
    let answers = shared.answers.borrow();
    let known = match query {
        Query::Host(name) => answers.hosts.contains_key(name),
        Query::Service(name) => answers.services.contains_key(name),
    };
    let what = if known {
        "cannot look up a name; the last answer stays"
    } else {
        "cannot look up a name; it has no endpoints yet"
    };
    log::warn(what, &fields);
}

/// Tells of endpoints that have come and gone.
pub(super) fn tell_changes(changes: &[Change]) {
    let shown = |labels: &[Arc<str>]| {
        let more = labels.len().saturating_sub(SHOWN);
        let all: Vec<_> = labels.iter().take(SHOWN).map(|label| &**label).collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", all.join(", "))
    };
    for change in changes {
        let (added, removed) = (shown(&change.added), shown(&change.removed));
        let fields = [
            ("upstream", (&*change.upstream).into()),
            ("endpoints", (change.count as u64).into()),
            ("added", (&*added).into()),
            ("removed", (&*removed).into()),
        ];
        log::note("endpoints changed", &fields);
    }
}
