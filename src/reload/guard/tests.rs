//! The guard, told what was counted and what time it is.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::decide::{Kept, Verdict, decide};
use super::judge::{Cause, Finding, judge};
use super::pool::{Group, groups};
use super::scope::{Scope, Side};
use super::*;
use crate::config::{Loaded, model, parse};
use crate::observe::RouteId;
use crate::observe::metrics::{Counts, Metrics, RouteCounts};
use crate::snapshot::{Snapshot, compile};

const BOUNDS: model::Guard =
    model::Guard { window: Duration::from_secs(30), error_rate: 0.05, latency: Some(1.0), min_requests: 50 };

/// So many requests, so many of them failed, and all of them in one bucket.
fn counts(requests: u64, failed: u64, bucket: usize) -> RouteCounts {
    let mut counts = RouteCounts { requests, server_errors: failed, ..RouteCounts::default() };
    counts.durations[bucket] = requests;
    counts
}

/// With some of them slower.
fn slower(mut counts: RouteCounts, of_them: u64, bucket: usize) -> RouteCounts {
    let fast = counts.durations.iter().position(|count| *count > 0).expect("a bucket");
    counts.durations[fast] -= of_them;
    counts.durations[bucket] += of_them;
    counts
}

#[test]
fn what_is_worse_and_what_is_chance() {
    let found = |before, after| match judge(&BOUNDS, 60, &before, &after) {
        Finding::Worse(regression) => regression.cause.label(),
        Finding::Fine => "fine",
        Finding::TooFew => "too few",
    };
    // Bucket 2 is 0.5 to 1 ms; 6 is 8 to 16 ms, 7 is 16 to 32 ms, 8 is 32 to 64 ms.
    let cases = [
        ("nothing changes", counts(1000, 1, 2), counts(1000, 1, 2), "fine"),
        ("all of it fails", counts(1000, 0, 2), counts(50, 50, 2), "error_rate"),
        ("too few after", counts(1000, 0, 2), counts(49, 49, 2), "too few"),
        ("too few before", counts(49, 0, 2), counts(1000, 1000, 2), "too few"),
        ("a few failures of few are chance", counts(50, 0, 2), counts(50, 5, 2), "fine"),
        ("many of few are not", counts(50, 0, 2), counts(50, 20, 2), "error_rate"),
        ("below the bound, however sure", counts(100_000, 0, 2), counts(100_000, 4_000, 2), "fine"),
        ("above it", counts(100_000, 0, 2), counts(100_000, 6_000, 2), "error_rate"),
        ("by points, but not by the factor", counts(10_000, 3_000, 2), counts(10_000, 4_000, 2), "fine"),
        ("by both", counts(10_000, 3_000, 2), counts(10_000, 5_000, 2), "error_rate"),
        ("better is not worse", counts(1000, 500, 2), counts(1000, 0, 2), "fine"),
        ("twice as slow is allowed", counts(1000, 0, 7), counts(1000, 0, 8), "fine"),
        ("eight times is not", counts(1000, 0, 6), counts(1000, 0, 9), "latency"),
        ("a millisecond more is nothing", counts(1000, 0, 2), counts(1000, 0, 5), "fine"),
        ("one of 20 may be slow", counts(1000, 0, 2), slower(counts(1000, 0, 2), 50, 12), "fine"),
        ("three of 20 may not", counts(1000, 0, 2), slower(counts(1000, 0, 2), 150, 12), "latency"),
        ("as slow as before", slower(counts(1000, 0, 2), 150, 12), slower(counts(1000, 0, 2), 150, 12), "fine"),
        ("few slow ones of few", counts(1000, 0, 2), slower(counts(50, 0, 2), 6, 12), "fine"),
    ];
    for (name, before, after, expected) in cases {
        assert_eq!(found(before, after), expected, "{name}");
    }
    let deaf = model::Guard { latency: None, ..BOUNDS };
    assert_eq!(judge(&deaf, 60, &counts(1000, 0, 2), &counts(1000, 0, 12)), Finding::Fine);
    // The more often one looks, the surer one must be.
    let after = counts(100, 22, 2);
    assert!(matches!(judge(&BOUNDS, 1, &counts(100, 4, 2), &after), Finding::Worse(_)));
    assert_eq!(judge(&BOUNDS, 100_000, &counts(100, 4, 2), &after), Finding::Fine);
}

#[test]
fn no_day_is_drawn_on_which_nothing_changed_and_the_guard_goes_back() {
    // A tenth fails before and after: what chance alone makes of that, looked at 30 times, on 200 days.
    let mut state = 42_u64;
    let mut draw = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).is_multiple_of(10)
    };
    let mut side = |requests: u64| counts(requests, (0..requests).filter(|_| draw()).count() as u64, 2);
    for day in 0..200 {
        let before = side(300);
        let mut after = RouteCounts::default();
        for look in 0..30 {
            after = after.and(&side(10));
            assert!(!matches!(judge(&BOUNDS, 60, &before, &after), Finding::Worse(_)), "day {day}, look {look}");
        }
    }
}

#[test]
fn a_verdict_needs_time_or_certainty() {
    let group = |before, after| vec![Group { name: "g".to_owned(), before, after }];
    let at = |groups: &[Group], passed| match decide(
        &BOUNDS,
        groups,
        Duration::from_secs(30),
        Duration::from_secs(passed),
    ) {
        Verdict::Undecided => "undecided",
        Verdict::Keep(Kept::Fine) => "fine",
        Verdict::Keep(Kept::TooFew) => "too few",
        Verdict::GoBack(..) => "back",
    };
    let fine = group(counts(1000, 0, 2), counts(1000, 0, 2));
    assert_eq!((at(&fine, 5), at(&fine, 29), at(&fine, 30)), ("undecided", "undecided", "fine"));
    let bad = group(counts(1000, 0, 2), counts(100, 100, 2));
    assert_eq!((at(&bad, 1), at(&bad, 30)), ("back", "back"));
    let quiet = group(counts(10, 0, 2), counts(5, 5, 2));
    assert_eq!((at(&quiet, 29), at(&quiet, 30)), ("undecided", "too few"));
    // All of a sudden nothing ends any more.
    let hanging = group(counts(1000, 0, 2), counts(3, 3, 2));
    assert_eq!((at(&hanging, 30), at(&hanging, 59), at(&hanging, 60)), ("undecided", "undecided", "too few"));
    let two = [fine[0].clone(), bad[0].clone()];
    assert_eq!(at(&two, 1), "back", "one of them is enough");
}

const LISTENER: &str = "[listeners.web]\naddress = \"127.0.0.1:0\"\n";
const A: &str = "[upstreams.a]\nendpoints = [\"10.0.0.1:1\"]\n";
const ROUTE: &str = "[[routes]]\nname = \"api\"\npath_prefix = \"/api\"\nupstream = \"a\"\n";
const OTHER: &str = "[[routes]]\nname = \"other\"\nrespond = {}\n";
const GUARD: &str = "[server]\nguard = true\n";

fn loaded(text: &str) -> Loaded {
    parse("t.toml", text, &|_| None).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// Names of changed routes, of those before and after, and whether requests are lost.
fn scope(old: &str, new: &str) -> (Vec<String>, Vec<String>, Vec<String>, bool) {
    let metrics = Metrics::new();
    let [old, new] = [old, new].map(|text| loaded(&format!("{LISTENER}{text}")));
    let ids = |loaded: &Loaded| {
        let names = |names: Vec<&Arc<str>>| names.into_iter().cloned().collect::<Vec<_>>();
        let model = &loaded.model;
        metrics.assign(
            &names(model.listeners.iter().map(|one| &one.name).collect()),
            &names(model.routes.iter().map(|one| &one.name).collect()),
            &names(model.upstreams.iter().map(|one| &one.name).collect()),
        )
    };
    let (old_ids, new_ids) = (ids(&old), ids(&new));
    let [old_prints, new_prints] = [&old, &new].map(|loaded| loaded.prints(&|_| None));
    let scope = Scope::between(
        Side { model: &old.model, prints: &old_prints, ids: &old_ids },
        Side { model: &new.model, prints: &new_prints, ids: &new_ids },
    );
    let names = metrics.names().load_full();
    let named = |ids: &[RouteId]| ids.iter().map(|id| names.route(*id).to_owned()).collect::<Vec<_>>();
    let changed = scope.changed.iter().map(|(name, _)| name.to_string()).collect();
    (changed, named(&scope.old), named(&scope.new), scope.unrouted)
}

#[test]
fn whom_a_reload_concerns() {
    let both = format!("{A}{ROUTE}{OTHER}");
    let moved = ROUTE.replace("/api", "/v2");
    let bigger = both.replace("respond = {}", "respond = {}\nmax_body = \"1KiB\"");
    let idle = format!("{both}[upstreams.b]\nendpoints = [\"10.0.0.9:1\"]\n");
    let taking = format!("{both}[[routes]]\nname = \"new\"\npath = \"/api\"\nrespond = {{}}\n");
    // Those that have changed, those that took requests, those that take them.
    let cases = [
        ("the same", both.clone(), "||"),
        ("other places", format!("\n\n{OTHER}# x\n{A}{ROUTE}"), "||"),
        ("an endpoint", both.replace("10.0.0.1:1", "10.0.0.2:1"), "api|api|api"),
        ("a policy", bigger, "other|other|other"),
        ("the log", format!("{both}[log]\nlevel = \"warn\"\n"), "||"),
        ("the guard itself", format!("{both}{GUARD}"), "||"),
        ("a listener", both.replace(A, &format!("http2 = false\n{A}")), "api other|api other|api other"),
        ("a bound of the process", format!("{both}[server]\nmax_requests = 9\n"), "api other|api other|api other"),
        ("an upstream that nobody uses", idle, "||"),
        ("a route that takes another one's requests", taking, "|api new|api new"),
        ("a route that is gone", OTHER.to_owned(), "|api other|api other"),
        ("a route that is for something else now", format!("{A}{moved}{OTHER}"), "api|api other|api other"),
    ];
    for (name, new, expected) in cases {
        let (changed, old, now, unrouted) = scope(&both, &new);
        let joined = |mut names: Vec<String>| {
            names.sort();
            names.join(" ")
        };
        assert_eq!([changed, old, now].map(joined).join("|"), expected, "{name}");
        assert!(!unrouted, "{name}");
    }
    // A typo in what a route is for: its requests are lost. One that is taken out on purpose is nobody's loss.
    let alone = format!("{A}{ROUTE}");
    assert!(scope(&alone, &format!("{A}{moved}")).3);
    assert!(!scope(&format!("{alone}{OTHER}").replace("respond = {}", "path = \"/x\"\nrespond = {}"), &alone).3);
}

#[test]
fn a_file_that_a_thing_names_belongs_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("endpoints.toml");
    let text = format!("{LISTENER}[upstreams.a]\nendpoints_file = {:?}\n{ROUTE}", file.display().to_string());
    std::fs::write(&file, "endpoints = []").expect("written");
    let first = loaded(&text).prints(&|_| None);
    assert_eq!(first, loaded(&text).prints(&|_| None));
    std::fs::write(&file, "endpoints = [\"10.0.0.1:1\"]").expect("written");
    let second = loaded(&text).prints(&|_| None);
    let differ: Vec<_> = first.iter().filter(|(path, print)| second.get(*path) != Some(print)).collect();
    assert_eq!(differ.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["upstreams.a"]);
    // And the digest is of all that was read.
    let one = Digest::of(std::slice::from_ref(&file), "");
    std::fs::write(&file, "endpoints = [ ]").expect("written");
    assert_ne!(one, Digest::of(std::slice::from_ref(&file), ""));
    assert_ne!(Digest::of(&[], "a"), Digest::of(&[], "b"));
    assert_eq!(Digest::named(&one.to_string()), one);
}

/// A process, as the guard sees it.
struct World {
    guard: Guard,
    metrics: Arc<Metrics>,
    now: Arc<Snapshot>,
    begun: Instant,
    clock: Duration,
    counts: Counts,
}

impl World {
    fn start(text: &str) -> Self {
        let metrics = Metrics::new();
        let (snapshot, tried) = Self::read(text, None, &metrics);
        let (begun, clock) = (Instant::now(), Duration::ZERO);
        let guard = Guard::start(Some(tried), seen(begun, clock, &Counts::new()));
        Self { guard, metrics, now: snapshot, begun, clock, counts: Counts::new() }
    }

    fn read(text: &str, before: Option<&Snapshot>, metrics: &Metrics) -> (Arc<Snapshot>, Tried) {
        let loaded = loaded(&format!("{LISTENER}{text}"));
        let tried = Tried { digest: Digest::of(&[], text), prints: loaded.prints(&|_| None) };
        let compiled = compile(Arc::new(loaded.model), before, metrics, &Default::default());
        (Arc::new(compiled.expect("it compiles")), tried)
    }

    /// Reloads, and gives back what is told of it, or why it is refused.
    fn reload(&mut self, text: &str) -> Result<Vec<&'static str>, String> {
        let (snapshot, tried) = Self::read(text, Some(&self.now), &self.metrics);
        if let Some(why) = self.guard.refuses(Some(&tried)) {
            return Err(why);
        }
        let seen = seen(self.begun, self.clock, &self.counts);
        let events = self.guard.published((&self.now, None), &snapshot, Some(tried), seen);
        self.now = snapshot;
        Ok(events.iter().map(|event| event.event).collect())
    }

    /// A second with so many requests on the route `api`, so many of them failed. The verdict, if there is one.
    fn second(&mut self, requests: u64, failed: u64) -> Option<&'static str> {
        self.clock += Duration::from_secs(1);
        let id = self.now.ids.routes[0];
        let all = self.counts.entry(id).or_default();
        *all = all.and(&counts(requests, failed, 2));
        let seen = seen(self.begun, self.clock, &self.counts);
        let bounds = self.now.model.server.guard.clone();
        match self.guard.look(seen.clone(), bounds.as_ref())? {
            Outcome::Stays(verdict) => Some(verdict.verdict),
            Outcome::GoBack { to, verdict, .. } => {
                self.now = Arc::new(to.again(&self.now));
                self.guard.went_back(&verdict, seen);
                Some(verdict.verdict)
            }
        }
    }
}

fn seen(begun: Instant, clock: Duration, counts: &Counts) -> Seen {
    Seen { counts: counts.clone(), at: begun + clock, time: SystemTime::UNIX_EPOCH + clock }
}

/// With an upstream at that port.
fn at(port: u16) -> String {
    format!("{GUARD}{}{ROUTE}", A.replace("10.0.0.1:1", &format!("10.0.0.1:{port}")))
}

#[test]
fn from_one_reload_to_the_next() {
    let mut world = World::start(&at(1));
    (0..40).for_each(|_| assert_eq!(world.second(20, 0), None));
    assert_eq!(world.reload(&at(2)), Ok(vec!["watching"]));
    // A second reload: what is compared with stays the last good one.
    assert_eq!(world.second(20, 2), None);
    assert_eq!(world.reload(&at(3)), Ok(vec!["replaced", "watching"]));
    assert_eq!(world.reload(&at(3)), Ok(vec![]), "the same again changes nothing");
    let verdicts: Vec<_> = (0..10).map_while(|_| Some(world.second(20, 20).map_or("", |verdict| verdict))).collect();
    assert!(verdicts.contains(&"rolled_back"), "{verdicts:?}");
    assert_eq!(&*world.now.model.upstreams[0].endpoints[0].address.to_string(), "10.0.0.1:1", "the last good one");
    assert_eq!(world.now.generation, 5);
    // The same is refused until it changes.
    let why = world.reload(&at(3)).expect_err("refused");
    assert!(why.contains("route \"api\": 100.0% of") && why.contains("change it, or restart"), "{why}");
    assert!(world.guard.refused().is_some() && world.guard.view().refused.is_some());
    assert_eq!(world.reload(&format!("{}# x\n", at(3))), Ok(vec!["watching"]), "a comment is a change");
    // What came while the bad one was in force does not count as before.
    let verdicts: Vec<_> = (0..30).filter_map(|_| world.second(20, 0)).collect();
    assert_eq!(verdicts, ["kept"]);
    assert!(world.guard.refused().is_none() && world.guard.held().is_none());
    // And now the config in force is the good one.
    assert_eq!(world.reload(&at(4)), Ok(vec!["watching"]));
    assert_eq!(world.guard.view().watch.expect("a watch").groups[0].before.requests, 600);
}

#[test]
fn quiet_routes_and_reloads_of_nothing() {
    let mut world = World::start(&at(1));
    (0..40).for_each(|_| assert_eq!(world.second(0, 0), None));
    assert_eq!(world.reload(&at(2)), Ok(vec!["watching"]));
    let verdicts: Vec<_> = (0..30).filter_map(|_| world.second(1, 1)).collect();
    assert_eq!(verdicts, ["undecided"]);
    assert_eq!(world.reload(&format!("{}[log]\nlevel = \"warn\"\n", at(2))), Ok(vec![]), "no route has changed");
    assert!(!world.guard.is_watching() && world.guard.is_on());
    // Back to the good one by hand: there is nothing to watch.
    world.reload(&at(3)).expect("taken");
    assert_eq!(world.reload(&format!("{}# y\n", at(2))), Ok(vec!["replaced"]));
    assert!(!world.guard.is_watching());
    // Without the key it forgets.
    let off = at(2).replace(GUARD, "");
    let (snapshot, _) = World::read(&off, Some(&world.now), &world.metrics);
    let seen = seen(world.begun, world.clock, &world.counts);
    assert!(world.guard.published((&world.now, None), &snapshot, None, seen).is_empty());
    assert_eq!((world.guard.is_on(), world.guard.view().state), (false, "off"));
}

#[test]
fn requests_that_no_route_takes_any_more_have_failed() {
    let id = RouteId(1);
    let scope = Scope { changed: vec![("api".into(), id)], old: vec![id], new: vec![id], unrouted: true };
    let before = Counts::from([(id, counts(1000, 0, 2)), (RouteId::NONE, counts(10, 0, 2))]);
    let gone = RouteCounts { client_errors: 200, ..counts(200, 0, 2) };
    let after = Counts::from([(RouteId::NONE, gone)]);
    let groups = groups(&scope, &before, &after);
    assert_eq!((groups[1].before.requests, groups[1].after.server_errors), (1010, 200));
    let verdict = decide(&BOUNDS, &groups, Duration::from_secs(30), Duration::from_secs(5));
    assert!(matches!(verdict, Verdict::GoBack(_, regression) if regression.cause == Cause::ErrorRate), "{verdict:?}");
}
