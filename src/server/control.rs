//! The control thread: brings the program up, keeps it in line with its config, and brings it down.

mod guarding;
mod labels;
mod publish;

use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::begin;
use super::descriptors;
use super::discovery::{Discovery, tell_changes};
use super::disk;
use super::export::Exporter;
use super::jwks::Fetches;
use super::listeners::{Listeners, tell};
use super::outliers::Outliers;
use super::pid_file::PidFile;
use super::pressure::MemoryWatch;
use super::pulse;
use super::signals::Signals;
use super::start_error::StartError;
use super::stop;
use super::supervisor;
use super::surface::{Asked, Desk, Explain, Sources, View};
use super::sweeps::Sweeps;
use super::upgrade::{self, Origin, Upgrade};
use super::worker::{Handle, Order, Parts};
use crate::admin::Readiness;
use crate::config::{Problems, Written};
use crate::listener::handover::Inherited;
use crate::observe::access_log::AccessLog;
use crate::observe::log;
use crate::observe::lookout::{Failed, Lookout};
use crate::observe::metrics::Metrics;
use crate::reload::guard::Guard;
use crate::reload::{self, Prepared, Source, Watch};
use crate::snapshot::Cell;
use crate::upstream::{Moment, Probes};

/// The cause of reloads that only containers have changed for.
const DOCKER: &str = "docker";
/// How often the config's files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How often the traffic is noted.
const BEAT: Duration = Duration::from_secs(1);
/// How often the cache does what it has put off, and failures are remembered.
const MAINTAIN: Duration = Duration::from_millis(100);
/// How long the last spans may take to be told.
const SPANS: Duration = Duration::from_secs(2);

/// What to run.
#[derive(Debug)]
pub struct Options {
    /// Where the config comes from.
    pub source: Source,
    /// Told once everything is up.
    pub ready: Option<Ready>,
    /// Answers `/api/explain`.
    pub explain: Explain,
}

/// Takes name and address of each listener.
pub type Ready = fn(&[(String, String)]);

/// Runs until a signal ends it. Success is that every exchange was finished in time.
pub fn run(options: Options) -> ExitCode {
    descriptors::raise_limit();
    use_small_pages();
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
        let mut origin = match Origin::find() {
            Ok(origin) => origin,
            Err(error) => return complain(&StartError::System(error)),
        };
        match Control::start(options.source, options.explain, &mut origin.inherited).await {
            Ok(control) => {
                if let Some(ready) = options.ready {
                    ready(&control.addresses());
                }
                control.announce(origin);
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
    failed: std::sync::mpsc::Receiver<Failed>,
    exporter: Exporter,
    outliers: Outliers,
    memory: MemoryWatch,
    fetches: Fetches,
    discovery: Discovery,
    guard: Guard,
    /// What was read for the config in force, where it asks for containers.
    written: Option<Written>,
}

impl Control {
    async fn start(source: Source, explain: Explain, inherited: &mut Inherited) -> Result<Self, StartError> {
        let (metrics, begun) = (Metrics::new(), Instant::now());
        let prepared = reload::prepare(&source, None, &metrics, &Default::default()).map_err(StartError::Config)?;
        upgrade::refused(prepared.tried.as_ref())?;
        let (prepared, mut discovery) = begin::join(prepared, &source, &metrics).await?;
        let Prepared { snapshot, warnings, answers: _, tried, written, labelled } = prepared;
        let model = snapshot.model.clone();
        warn_all(&warnings);
        let snapshot = discovery.applied(snapshot).await;
        let count = worker_count(model.server.workers);
        let (mut listeners, mut desk) = (Listeners::default(), Desk::default());
        let (bind, change) = begin::bind(&listeners, &desk, (&snapshot, count), inherited)?;
        let access_log = AccessLog::start(&model.log, &metrics).map_err(StartError::AccessLog)?;
        let cell = Cell::new(snapshot.clone());
        let (lookout, failed) = Lookout::new(&metrics, &access_log);
        let (spans, exporter) = begin::export(&model, &metrics);
        let parts = Parts {
            cell: cell.clone(),
            metrics: metrics.clone(),
            access_log: access_log.clone(),
            lookout: lookout.clone(),
            spans: spans.clone(),
        };
        let workers = begin::workers(count, &parts)?;
        listeners.publish(bind, &snapshot, &workers);
        metrics.published(snapshot.generation, true);
        let guard = Guard::start(tried, guarding::seen(&metrics));
        disk::follow(None, &snapshot);
        let watch = Watch::over(&model.files);
        let (probes, fetches) = begin::follow(&snapshot);
        let sources = Sources {
            cell: cell.clone(),
            metrics: metrics.clone(),
            probes: probes.clone(),
            discovery: discovery.expose(),
            lookout,
            spans: spans.counts(),
            explain,
        };
        let (view, asked) = View::new(sources);
        view.pulses.look(&snapshot, &view.chronicle);
        pulse::beat(&view.pulses, &metrics, &view.chronicle);
        view.note_reload("start", &Ok(snapshot.generation), begun.elapsed());
        desk.publish(change, &view);
        view.readiness.set(Readiness::Ready);
        let control = Self {
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
            failed,
            exporter,
            outliers: Outliers::default(),
            memory: begin::say_ready(&snapshot, count),
            fetches,
            discovery,
            guard,
            written,
        };
        control.tell_labels(labelled);
        Ok(control)
    }

    /// Tells whoever waits for it that this process serves.
    fn announce(&self, origin: Origin) {
        let model = &self.cell.load().model;
        if !origin.inherited.is_empty() {
            let unused = origin.inherited.to_string();
            let fields = [("addresses", (&*unused).into())];
            log::warn("sockets were passed to this process that its config does not use; they are closed", &fields);
        }
        PidFile::write(model.server.pid_file.as_deref());
        supervisor::ready();
        origin.say_ready();
    }

    /// Name and address of each listener.
    fn addresses(&self) -> Vec<(String, String)> {
        self.listeners.addresses()
    }

    async fn serve(mut self, mut signals: Signals) -> ExitCode {
        let mut look = tokio::time::interval(LOOK);
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut maintain = tokio::time::interval(MAINTAIN);
        maintain.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut upgrade = Upgrade::default();
        let mut sweeps = Sweeps::default();
        let mut supervisor = supervisor::Watchdog::new();
        let passed_on = loop {
            tokio::select! {
                _ = maintain.tick() => {
                    supervisor.alive();
                    if let Some(store) = &self.cell.load().cache {
                        store.maintain();
                        sweeps.look(store, std::time::Instant::now());
                    }
                    self.remember_failures();
                    self.memory.look(&self.cell);
                }
                _ = signals.reload.recv() => drop(self.reload("signal").await),
                _ = signals.reopen.recv() => {
                    self.access_log.reopen();
                    log::note("logs reopened", &[]);
                }
                _ = look.tick() => {
                    self.outliers.look(&self.cell.load(), Moment::now());
                    self.view.pulses.look(&self.cell.load(), &self.view.chronicle);
                    if self.cell.load().model.server.watch && self.watch.changed() {
                        drop(self.reload("file change").await);
                    }
                    self.discovery.look();
                }
                _ = beat.tick() => {
                    self.beat();
                    self.look_at_trial().await;
                    if !self.guard.is_watching() && upgrade.was_put_off() {
                        self.upgrade(&mut upgrade);
                    }
                }
                () = self.discovery.news() => self.rediscover(),
                () = self.discovery.engine_news() => self.rejoin().await,
                Some(answer) = self.asked.recv() => {
                    // Whoever asked may have left.
                    let _ = answer.send(self.reload("admin").await);
                }
                _ = signals.upgrade.recv() => self.upgrade(&mut upgrade),
                successor = upgrade.ended() => if upgrade::is_done(successor) { break true },
                () = signals.stop.recv() => break false,
            }
        };
        self.view.readiness.set(Readiness::Draining);
        disk::leave(&self.cell.load());
        if passed_on {
            self.desk.pass_on();
        } else {
            supervisor::stopping();
            PidFile::remove(self.cell.load().model.server.pid_file.as_deref());
        }
        let parts = (self.listeners, passed_on);
        let code = stop::drain(self.workers, parts, self.access_log, &self.cell, signals.stop).await;
        self.exporter.flush(SPANS).await;
        code
    }

    /// Starts the program anew, and hands the sockets to it.
    fn upgrade(&self, upgrade: &mut Upgrade) {
        if self.guard.is_watching() {
            return upgrade.put_off();
        }
        let timeout = self.cell.load().model.server.upgrade_timeout;
        let offers = self.listeners.offers().into_iter().chain(self.desk.offer()).collect::<Vec<_>>();
        upgrade.begin(&offers, timeout, self.guard.refused());
    }

    fn remember_failures(&self) {
        let mut failures = self.view.chronicle.failures.borrow_mut();
        self.failed.try_iter().for_each(|failed| failures.note(failed.side, &failed.line));
    }

    fn beat(&self) {
        self.cell.load().limits.iter().for_each(|limit| limit.sweep(Instant::now()));
        pulse::beat(&self.view.pulses, &self.metrics, &self.view.chronicle);
    }

    /// Puts endpoints in force that were found since. Nothing but the upstreams that have others is touched.
    fn rediscover(&mut self) {
        let snapshot = self.cell.load();
        self.discovery.follow(&snapshot.model);
        if self.discovery.is_waiting() {
            return;
        }
        let Some((snapshot, changes)) = snapshot.rediscover(&self.discovery.answers()) else { return };
        let snapshot = Arc::new(snapshot);
        self.cell.publish(snapshot.clone());
        // Whoever reads of it finds it in force.
        tell_changes(&changes);
        self.probes.follow(&snapshot.upstreams);
        tell(&self.workers, || Order::Follow { done: std::sync::mpsc::channel().0 });
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

/// Memory comes in pages of 4 KiB. With huge ones, which the allocator asks for, a step of growth is to have 2 MiB cleared while a worker waits:
/// milliseconds for all of its connections, as often as an attacker likes; and what nobody uses of them counts as used.
fn use_small_pages() {
    // Where the system knows no huge pages, or does not let us, all is as it is.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
