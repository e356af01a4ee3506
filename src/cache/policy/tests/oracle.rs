//! Random exchanges against a small, slow model that keeps everything it ever saw and reads the rules literally.
//!
//! The model does not say what the cache must serve; it says what it must never serve: for each answer that came from what is stored, it
//! looks for a reason in the whole history why that response may answer this request now.

use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use super::world::{Origin, Seen, World};
use crate::cache::policy::{Millis, SECOND, seconds};

/// What the origin says in one response.
#[derive(Clone, Debug)]
struct Said {
    /// Whether there is no `Cache-Control` at all.
    silent: bool,
    max_age: Option<u64>,
    s_maxage: Option<u64>,
    expires: Option<i64>,
    age: u64,
    swr: Option<u64>,
    sie: Option<u64>,
    no_store: bool,
    no_cache: bool,
    private: bool,
    public: bool,
    must_revalidate: bool,
    etag: Option<u8>,
    vary: bool,
    cookie: bool,
    status: u16,
}

/// What the client says in one request.
#[derive(Clone, Debug)]
struct Asked {
    page: u8,
    variant: Option<u8>,
    authorized: bool,
    no_cache: bool,
    no_store: bool,
    max_age: Option<u64>,
    max_stale: Option<u64>,
    min_fresh: Option<u64>,
    only_if_cached: bool,
    post: bool,
    head: bool,
}

#[derive(Clone, Debug)]
struct Step {
    wait: u64,
    /// Whether all that is stored is purged softly first.
    purges: bool,
    asked: Asked,
    said: Said,
    closes: bool,
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.12)
}

fn seldom<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.25, value)
}

fn said() -> impl Strategy<Value = Said> {
    let times = (
        prop::option::weighted(0.7, 0..8_u64),
        seldom(0..8_u64),
        seldom(-3..8_i64),
        prop_oneof![4 => Just(0), 1 => 0..8_u64],
    );
    let stale = (seldom(0..8_u64), seldom(0..8_u64));
    let flags = (rarely(), rarely(), rarely(), rarely(), rarely(), rarely());
    let rest = (
        seldom(0..2_u8),
        rarely(),
        rarely(),
        prop_oneof![6 => Just(200_u16), 1 => Just(404), 1 => Just(503), 1 => Just(206)],
    );
    (times, stale, flags, rest).prop_map(|(times, stale, flags, rest)| Said {
        max_age: times.0,
        s_maxage: times.1,
        expires: times.2,
        age: times.3,
        swr: stale.0,
        sie: stale.1,
        no_store: flags.0,
        no_cache: flags.1,
        private: flags.2,
        public: flags.3,
        must_revalidate: flags.4,
        silent: flags.5,
        etag: rest.0,
        vary: rest.1,
        cookie: rest.2,
        status: rest.3,
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let what = (0..2_u8, seldom(0..2_u8), rarely(), rarely(), rarely());
    let limits = (rarely(), rarely(), seldom(0..6_u64), seldom(0..6_u64), seldom(0..6_u64), rarely());
    (what, limits).prop_map(|(what, limits)| Asked {
        page: what.0,
        variant: what.1,
        authorized: what.2,
        post: what.3,
        head: what.4 && !what.3,
        no_cache: limits.0,
        no_store: limits.1,
        max_age: limits.2,
        max_stale: limits.3,
        min_fresh: limits.4,
        only_if_cached: limits.5,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let purges = prop::bool::weighted(0.05);
    (0..4_u64, purges, asked(), said(), rarely()).prop_map(|(wait, purges, asked, said, closes)| Step {
        wait,
        purges,
        asked,
        said,
        closes,
    })
}

impl Said {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let number = |name: &str, number: Option<u64>| number.map(|number| format!("{name}={number}"));
        let flag = |name: &str, set: bool| set.then(|| name.to_owned());
        let directives: Vec<String> = [
            number("max-age", self.max_age),
            number("s-maxage", self.s_maxage),
            number("stale-while-revalidate", self.swr),
            number("stale-if-error", self.sie),
            flag("no-store", self.no_store),
            flag("no-cache", self.no_cache),
            flag("private", self.private),
            flag("public", self.public),
            flag("must-revalidate", self.must_revalidate),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut fields = vec![("date", "@0".into()), ("age", self.age.to_string())];
        fields.extend((!self.silent).then(|| ("cache-control", directives.join(", "))));
        fields.extend(self.expires.map(|offset| ("expires", format!("@{offset}"))));
        fields.extend(self.etag.map(|tag| ("etag", format!("\"{tag}\""))));
        fields.extend(self.vary.then(|| ("vary", "variant".into())));
        fields.extend(self.cookie.then(|| ("set-cookie", "a=b".into())));
        fields
    }

    /// The fields of a stored response after an answer without a body said these (§3.2): what the answer does not say stays as it was.
    fn over(&self, stored: &Self) -> Self {
        let directives = if self.silent { stored } else { self };
        Self {
            expires: None,
            age: self.age,
            etag: self.etag.or(stored.etag),
            vary: self.vary || stored.vary,
            cookie: self.cookie || stored.cookie,
            status: stored.status,
            ..directives.clone()
        }
    }
}

impl Asked {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let number = |name: &str, number: Option<u64>| number.map(|number| format!("{name}={number}"));
        let flag = |name: &str, set: bool| set.then(|| name.to_owned());
        let directives: Vec<String> = [
            flag("no-cache", self.no_cache),
            flag("no-store", self.no_store),
            flag("only-if-cached", self.only_if_cached),
            number("max-age", self.max_age),
            number("max-stale", self.max_stale),
            number("min-fresh", self.min_fresh),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut fields = vec![("cache-control", directives.join(", "))];
        fields.extend(self.variant.map(|variant| ("variant", variant.to_string())));
        fields.extend(self.authorized.then(|| ("authorization", "x".into())));
        fields
    }
}

/// One response in the history: who asked, what it says, since when, and which full response its body is of.
#[derive(Clone)]
struct Past {
    asked: Asked,
    said: Said,
    at: Millis,
    /// The second of its `Expires`.
    expires: Option<u64>,
    body: u32,
    /// Whether it is what a `GET` brings.
    of_get: bool,
}

impl Past {
    fn new(step: &Step, at: Millis, body: u32) -> Self {
        let expires = step.said.expires.map(|offset| seconds(at).checked_add_signed(offset).unwrap());
        let of_get = !step.asked.post && !step.asked.head;
        Self { asked: step.asked.clone(), said: step.said.clone(), at, expires, body, of_get }
    }

    /// The same after an answer without a body: a 304, or one to HEAD.
    fn updated(&self, step: &Step, at: Millis) -> Self {
        let answer = Self::new(step, at, self.body);
        Self { said: step.said.over(&self.said), expires: answer.expires.or(self.expires), of_get: true, ..answer }
    }

    fn lifetime(&self) -> u64 {
        let said = |number: Option<u64>| number.filter(|_| !self.said.silent);
        let expires = || self.expires.map_or(0, |expires| expires.saturating_sub(seconds(self.at)));
        said(self.said.s_maxage).or(said(self.said.max_age)).unwrap_or_else(expires)
    }

    /// Why it is for nobody but who asked; `None` where it may be stored.
    fn not_stored(&self) -> Option<&'static str> {
        let (said, says) = (&self.said, !self.said.silent);
        let for_all = says && (said.public || said.must_revalidate || said.s_maxage.is_some());
        let forbidden = says && (said.no_store || said.private);
        let rules = [
            (self.asked.no_store || forbidden || said.cookie, "never stored"),
            (said.status == 206, "a part"),
            (self.asked.authorized && !for_all, "of one client"),
            (!self.of_get, "not of a GET"),
        ];
        rules.iter().find(|(broken, _)| *broken).map(|(_, rule)| *rule)
    }
}

#[derive(Default)]
struct Model {
    past: Vec<Past>,
    /// For each page, when it was last made invalid.
    invalid: [Option<usize>; 2],
    /// When all was last purged softly.
    softened: Option<usize>,
}

impl Model {
    /// Whether the response may answer this request at this moment; `None` where it may, otherwise what forbids it.
    fn forbids(&self, place: usize, asked: &Asked, now: Millis, seen: &Seen) -> Option<&'static str> {
        let past = &self.past[place];
        let (said, says, failed) = (&past.said, !past.said.silent, matches!(seen, Seen::StoodIn { .. }));
        let (age, lifetime) = (said.age + (now - past.at) / SECOND, past.lifetime());
        let (stale, late) = (age >= lifetime, age.saturating_sub(lifetime));
        let softened = self.softened.is_some_and(|since| place < since);
        let rules = [
            (past.asked.page != asked.page, "another page"),
            (said.vary && past.asked.variant != asked.variant, "another variant"),
            (self.invalid[usize::from(asked.page)].is_some_and(|since| place < since), "invalidated"),
            (says && said.no_cache, "no-cache"),
            (asked.no_cache, "the client's no-cache"),
            (asked.no_store, "the client's no-store"),
            (!failed && asked.max_age.is_some_and(|limit| age > limit), "the client's max-age"),
            (!failed && asked.min_fresh.is_some_and(|more| !stale && lifetime - age < more), "the client's min-fresh"),
            ((stale || softened && !failed) && says && said.must_revalidate, "must-revalidate"),
            (softened && !stale && matches!(seen, Seen::Cached { .. }), "purged softly"),
        ];
        let broken = rules.iter().find(|(broken, _)| *broken).map(|(_, rule)| *rule);
        let within = |window: Option<u64>| says && window.is_some_and(|window| late < window);
        let wanted = asked.max_stale.is_some_and(|limit| late <= limit) && !(says && said.s_maxage.is_some());
        let usable = !stale || within(said.swr) || wanted || failed && within(said.sie);
        past.not_stored().or(broken).or((!usable).then_some("stale"))
    }

    /// What a response adds to the history: its own, or what is stored with other fields.
    fn learn(&mut self, step: &Step, now: Millis, seen: &Seen, world: &World) {
        let validated = match seen {
            Seen::Validated { number } => Some(*number),
            Seen::Background { number } if world.validated() => Some(*number),
            _ => None,
        };
        let newest = |body: u32| self.past.iter().rfind(|past| past.body == body && past.not_stored().is_none());
        let mut learned = Vec::new();
        if let Some(stored) = validated.and_then(newest) {
            learned.push(stored.updated(step, now));
        } else if step.asked.head && *seen == Seen::Forwarded {
            let alike = |past: &&Past| {
                let (one, other) = (&past.said, &step.said);
                past.asked.page == step.asked.page
                    && one.status == other.status
                    && (other.etag.is_none() || one.etag == other.etag)
            };
            learned
                .extend((1..=world.responses()).filter_map(newest).filter(alike).map(|past| past.updated(step, now)));
        }
        // What is asked for behind a client's back is a GET, whatever the client asked.
        let of_get = matches!(seen, Seen::Background { .. });
        let own = Past::new(step, now, world.responses());
        learned.push(Past { of_get: own.of_get || of_get, ..own });
        self.past.extend(learned);
    }
}

fn run(steps: &[Step]) -> Result<u32, TestCaseError> {
    let (mut world, mut model, mut reused) = (World::new(), Model::default(), 0);
    for step in steps {
        world.pass(step.wait);
        if step.purges {
            world.purge_softly();
            model.softened = Some(model.past.len());
        }
        let now = world.now;
        let (asked, said) = (step.asked.fields(), step.said.fields());
        let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let origin = if step.closes { Origin::Closes } else { Origin::Answers(step.said.status, &said) };
        let method = match (step.asked.post, step.asked.head) {
            (true, _) => Method::POST,
            (_, true) => Method::HEAD,
            _ => Method::GET,
        };
        let target = if step.asked.page == 0 { "/" } else { "/1" };
        let before = world.responses();
        let seen = world.ask(method, target, &asked, origin);
        if let Seen::Cached { number, .. } | Seen::Background { number } | Seen::StoodIn { number } = seen {
            reused += 1;
            let of_it = |place: &usize| model.past[*place].body == number;
            let places = (0..model.past.len()).filter(of_it);
            let verdicts: Vec<_> = places.map(|place| model.forbids(place, &step.asked, now, &seen)).collect();
            prop_assert!(verdicts.contains(&None), "{seen:?} of {number} for {step:?}: {verdicts:?}");
        }
        if let Seen::Cached { age, number } = seen {
            let known = |past: &&Past| past.body == number && past.said.age + (now - past.at) / SECOND == age;
            prop_assert!(model.past.iter().any(|past| known(&past)), "an age of {age} for {step:?}");
        }
        if world.responses() > before {
            model.learn(step, now, &seen, &world);
        }
        if step.asked.post && seen == Seen::Forwarded && step.said.status < 400 {
            model.invalid[usize::from(step.asked.page)] = Some(model.past.len());
        }
    }
    Ok(reused)
}

/// So many histories from a seed; how often something stored was used again in them.
fn hold(seed: u64, cases: u32) -> u32 {
    println!("seed {seed}");
    let reused = std::cell::Cell::new(0);
    let config = ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let held = TestRunner::new(config).run(&prop::collection::vec(step(), 1..24), |steps| {
        reused.set(reused.get() + run(&steps)?);
        Ok(())
    });
    if let Err(failed) = held {
        panic!("seed {seed}: {failed}");
    }
    reused.get()
}

#[test]
fn nothing_is_served_that_the_history_forbids() {
    // The same in each run.
    for seed in [9111, 6, 249] {
        // A model that nothing is held against proves nothing.
        let reused = hold(seed, 500);
        assert!(reused > 200, "{reused}");
    }
}

#[test]
fn nor_in_histories_that_nobody_has_seen() {
    // `ORACLE_SEED` tells a failed run again; `PROPTEST_CASES` makes it longer.
    let given = std::env::var("ORACLE_SEED").ok().and_then(|seed| seed.parse().ok());
    hold(given.unwrap_or_else(rand_seed), ProptestConfig::default().cases.max(1000));
}

/// A seed of this run alone.
fn rand_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
