//! The control thread: brings the program up, keeps it in line with its config, and brings it down.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::listeners::{Listeners, tell};
use super::outliers::Outliers;
use super::stop;
use super::surface::{Asked, Desk, View};
use super::worker::{self, Handle, Order, Parts};
use crate::admin::{Readiness, Refusal};
use crate::config::Problems;
use crate::observe::access_log::{AccessLog, AccessLogError};
use crate::observe::log;
use crate::observe::metrics::Metrics;
use crate::reload::{self, Prepared, Source, Watch};
use crate::snapshot::{Cell, Snapshot};
use crate::upstream::{Endpoint, Moment, Probes, resolve};

/// How often the config's files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often the names of endpoints are looked up again.
const RESOLVE: Duration = Duration::from_secs(10);
/// How often the cache does what it has put off.
const MAINTAIN: Duration = Duration::from_millis(100);
/// How long a reload waits for the workers to have seen it.
const SEEN: Duration = Duration::from_secs(2);

/// What to run.
#[derive(Debug)]
pub struct Options {
    /// Where the config comes from.
    pub source: Source,
    /// Told once everything is up.
    pub ready: Option<Ready>,
}

/// Takes name and address of each listener.
pub type Ready = fn(&[(String, String)]);

/// Why the program could not start. Each is one sentence, or the report of the config's problems.
#[derive(Debug)]
pub enum StartError {
    /// The config cannot be used.
    Config(Problems),
    /// Addresses that cannot be bound.
    Bind(Vec<String>),
    /// The access log cannot be opened.
    AccessLog(AccessLogError),
    /// The system gives no thread, no descriptor, no signal.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => f.write_str(&problems.report(io::stderr().is_terminal(), "nothing was started")),
            Self::Bind(sentences) => f.write_str(&sentences.join("\n")),
            Self::AccessLog(error) => error.fmt(f),
            Self::System(error) => write!(f, "the system refuses: {error}"),
        }
    }
}

/// Runs until a signal ends it. Success is that every exchange was finished in time.
pub fn run(options: Options) -> ExitCode {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(16);
    let runtime = match runtime.build_local(tokio::runtime::LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => return complain(&StartError::System(error)),
    };
    runtime.block_on(async {
        // Before anybody is told that we are there: a signal that nothing waits for would end the process.
        let signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return complain(&StartError::System(error)),
        };
        match Control::start(options.source).await {
            Ok(control) => {
                if let Some(ready) = options.ready {
                    ready(&control.addresses());
                }
                control.serve(signals).await
            }
            Err(error) => complain(&error),
        }
    })
}

/// On stderr and not in the log: nobody may read the log of a program that did not start.
fn complain(error: &StartError) -> ExitCode {
    let text = error.to_string();
    let prefix = if matches!(error, StartError::Config(_)) { "" } else { "tidegate: " };
    let _ = writeln!(io::stderr(), "{prefix}{}", text.trim_end());
    ExitCode::FAILURE
}

pub(super) struct Control {
    source: Source,
    cell: Arc<Cell>,
    metrics: Arc<Metrics>,
    access_log: AccessLog,
    listeners: Listeners,
    workers: Vec<Handle>,
    watch: Watch,
    view: Rc<View>,
    probes: Rc<Probes>,
    desk: Desk,
    asked: mpsc::Receiver<Asked>,
    outliers: Outliers,
}

impl Control {
    async fn start(source: Source) -> Result<Self, StartError> {
        let metrics = Metrics::new();
        let Prepared { snapshot, warnings } = reload::prepare(&source, None, &metrics).map_err(StartError::Config)?;
        let model = snapshot.model.clone();
        log::configure(model.log.level, model.log.format);
        log::start();
        warn_all(&warnings);
        resolve_all(&snapshot).await;
        let count = worker_count(model.server.workers);
        let mut listeners = Listeners::default();
        let bind = listeners.prepare(&snapshot, count).map_err(|failed| StartError::Bind(sentences(failed)))?;
        let mut desk = Desk::default();
        let change = desk.prepare(model.admin.as_ref());
        let change = change.map_err(|error| StartError::Bind(vec![error.to_string()]))?;
        let access_log = AccessLog::start(&model.log, &metrics).map_err(StartError::AccessLog)?;
        let cell = Cell::new(snapshot.clone());
        let parts = Parts { cell: cell.clone(), metrics: metrics.clone(), access_log: access_log.clone() };
        let workers = (0..count).map(|number| worker::start(number, parts.clone())).collect::<io::Result<Vec<_>>>();
        let workers = workers.map_err(StartError::System)?;
        listeners.publish(bind, &snapshot, &workers);
        metrics.published(snapshot.generation, &snapshot.ids);
        let watch = Watch::over(&model.files);
        let probes = Rc::<Probes>::default();
        probes.follow(&snapshot.upstreams);
        let (view, asked) = View::new(cell.clone(), metrics.clone(), probes.clone());
        desk.publish(change, &view);
        view.readiness.set(Readiness::Ready);
        let fields = [("generation", snapshot.generation.into()), ("workers", (count as u64).into())];
        log::note("ready", &fields);
        Ok(Self {
            source,
            cell,
            metrics,
            access_log,
            listeners,
            workers,
            watch,
            view,
            probes,
            desk,
            asked,
            outliers: Outliers::default(),
        })
    }

    /// Name and address of each listener.
    fn addresses(&self) -> Vec<(String, String)> {
        self.listeners.addresses()
    }

    async fn serve(mut self, mut signals: Signals) -> ExitCode {
        let mut look = tokio::time::interval(LOOK);
        let mut names = tokio::time::interval_at(tokio::time::Instant::now() + RESOLVE, RESOLVE);
        let mut maintain = tokio::time::interval(MAINTAIN);
        maintain.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = maintain.tick() => {
                    if let Some(store) = &self.cell.load().cache {
                        store.maintain();
                    }
                }
                _ = signals.reload.recv() => drop(self.reload("signal").await),
                _ = signals.reopen.recv() => {
                    self.access_log.reopen();
                    log::note("logs reopened", &[]);
                }
                _ = look.tick() => {
                    self.outliers.look(&self.cell.load(), Moment::now());
                    if self.cell.load().model.server.watch && self.watch.changed() {
                        drop(self.reload("file change").await);
                    }
                }
                _ = names.tick() => {
                    let snapshot = self.cell.load();
                    tokio::task::spawn_local(async move { resolve_all(&snapshot).await });
                }
                Some(answer) = self.asked.recv() => {
                    // Whoever asked may have left.
                    let _ = answer.send(self.reload("admin").await);
                }
                () = signals.stop.recv() => break,
            }
        }
        self.view.readiness.set(Readiness::Draining);
        stop::drain(self.workers, self.listeners, self.access_log, &self.cell, signals.stop).await
    }

    /// Prepares, publishes, retires. Where preparing fails nothing has changed.
    async fn reload(&mut self, cause: &str) -> Result<u64, Refusal> {
        let reloaded = self.try_reload().await;
        match &reloaded {
            Ok(generation) => {
                log::note("reloaded", &[("generation", (*generation).into()), ("cause", cause.into())]);
            }
            Err(refusal) => {
                self.metrics.reload_failed();
                let fields =
                    [("cause", cause.into()), ("changed", "nothing".into()), ("problems", (&*refusal.message).into())];
                log::error("reload failed", &fields);
            }
        }
        reloaded
    }

    async fn try_reload(&mut self) -> Result<u64, Refusal> {
        let before = self.cell.load();
        let Prepared { snapshot, warnings } =
            reload::prepare(&self.source, Some(&before), &self.metrics).map_err(|problems| refusal_of(&problems))?;
        let model = &snapshot.model;
        let bind = self.listeners.prepare(&snapshot, self.workers.len());
        let bind = bind.map_err(|failed| refusal(sentences(failed).join("\n")))?;
        let desk = self.desk.prepare(model.admin.as_ref()).map_err(|error| refusal(error.to_string()))?;
        let access_log = self.access_log.prepare(&model.log).map_err(|error| refusal(error.to_string()))?;
        resolve_all(&snapshot).await;
        // From here on nothing can fail.
        warn_all(&warnings);
        if model.server.workers != before.model.server.workers {
            log::warn("the number of workers changes with the next start", &[]);
        }
        log::configure(model.log.level, model.log.format);
        self.access_log.apply(access_log);
        self.cell.publish(snapshot.clone());
        self.metrics.published(snapshot.generation, &snapshot.ids);
        self.probes.follow(&snapshot.upstreams);
        self.view.loaded.set(SystemTime::now());
        self.listeners.publish(bind, &snapshot, &self.workers);
        self.desk.publish(desk, &self.view);
        self.wait_until_seen().await;
        self.listeners.retire(&snapshot, &self.workers);
        self.watch = Watch::over(&model.files);
        Ok(snapshot.generation)
    }

    /// Requests see a new snapshot at once; this waits until idle workers have let go of the old one too.
    async fn wait_until_seen(&self) {
        let (done, seen) = std::sync::mpsc::channel();
        tell(&self.workers, || Order::Follow { done: done.clone() });
        drop(done);
        let until = Instant::now() + SEEN;
        let wait = move || while seen.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {};
        // The thread that waits fails only with the runtime.
        let _ = tokio::task::spawn_blocking(wait).await;
    }
}

fn sentences(failed: Vec<(Arc<str>, crate::listener::BindError)>) -> Vec<String> {
    failed.into_iter().map(|(name, error)| format!("listener {name:?}: {error}")).collect()
}

fn refusal(message: String) -> Refusal {
    Refusal { message, problems: serde_json::json!([]) }
}

fn refusal_of(problems: &Problems) -> Refusal {
    let lines = problems.iter().map(|problem| problems.line(problem)).collect::<Vec<_>>();
    Refusal { message: lines.join("\n"), problems: problems.to_json() }
}

/// The signals of the contract.
struct Signals {
    reload: Signal,
    reopen: Signal,
    stop: Stop,
}

/// TERM and INT.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
            stop: Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? },
        })
    }
}

impl Stop {
    /// Either of them.
    pub(super) async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What `workers = "auto"` is: what the cgroup's quota and the affinity mask leave of the cores.
fn worker_count(configured: Option<usize>) -> usize {
    configured.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1)
}

fn warn_all(warnings: &Problems) {
    for warning in warnings.iter() {
        log::warn("config", &[("problem", (&*warnings.line(warning)).into())]);
    }
}

/// Looks up the names of all endpoints at once; those that fail keep their last addresses.
async fn resolve_all(snapshot: &Snapshot) {
    let endpoints = snapshot.upstreams.iter().flat_map(|upstream| &upstream.members).map(|member| &member.endpoint);
    let named = endpoints.filter(|endpoint| endpoint.is_named()).cloned();
    let looks: Vec<_> =
        named.map(|endpoint| tokio::task::spawn_local(async move { look_up(&endpoint).await })).collect();
    for look in looks {
        // A look-up that panicked has been reported, and the last answer stays.
        let _ = look.await;
    }
}

async fn look_up(endpoint: &Endpoint) {
    if let Err(error) = resolve::resolve(endpoint).await {
        let fields = [("endpoint", (&*endpoint.label).into()), ("error", (&*error).into())];
        log::warn("cannot look up an endpoint's name; the last answer stays", &fields);
    }
}
