//! Random exchanges against a small, slow model that keeps everything it ever saw and reads the rules literally.
//!
//! The model does not say what the cache must serve; it says what it must never serve: for each answer that came from what is stored, it
//! looks for a reason in the whole history why that response may answer this request now.

use http::Method;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::world::{Origin, Seen, World};
use crate::cache::policy::SECOND;

/// What the origin says in one response.
#[derive(Clone, Debug)]
struct Said {
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
}

#[derive(Clone, Debug)]
struct Step {
    wait: u64,
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
    let flags = (rarely(), rarely(), rarely(), rarely(), rarely());
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
        etag: rest.0,
        vary: rest.1,
        cookie: rest.2,
        status: rest.3,
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let what = (0..2_u8, seldom(0..2_u8), rarely(), rarely());
    let limits = (rarely(), rarely(), seldom(0..6_u64), seldom(0..6_u64), seldom(0..6_u64), rarely());
    (what, limits).prop_map(|(what, limits)| Asked {
        page: what.0,
        variant: what.1,
        authorized: what.2,
        post: what.3,
        no_cache: limits.0,
        no_store: limits.1,
        max_age: limits.2,
        max_stale: limits.3,
        min_fresh: limits.4,
        only_if_cached: limits.5,
    })
}

fn step() -> impl Strategy<Value = Step> {
    (0..4_u64, asked(), said(), rarely()).prop_map(|(wait, asked, said, closes)| Step { wait, asked, said, closes })
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
        let mut fields =
            vec![("cache-control", directives.join(", ")), ("date", "@0".into()), ("age", self.age.to_string())];
        fields.extend(self.expires.map(|offset| ("expires", format!("@{offset}"))));
        fields.extend(self.etag.map(|tag| ("etag", format!("\"{tag}\""))));
        fields.extend(self.vary.then(|| ("vary", "variant".into())));
        fields.extend(self.cookie.then(|| ("set-cookie", "a=b".into())));
        fields
    }

    fn lifetime(&self) -> u64 {
        let expires = self.expires.map(|offset| u64::try_from(offset).unwrap_or(0));
        self.s_maxage.or(self.max_age).or(expires).unwrap_or(0)
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

/// One response in the history: who asked, what was said, when, and which full response its body is of.
struct Past {
    asked: Asked,
    said: Said,
    at: u64,
    body: u32,
}

#[derive(Default)]
struct Model {
    past: Vec<Past>,
    /// For each page, when it was last made invalid.
    invalid: [Option<usize>; 2],
}

impl Model {
    /// Whether the response may answer this request at this moment; `None` where it may, otherwise what forbids it.
    fn forbids(&self, past: &Past, place: usize, asked: &Asked, now: u64, failed: bool) -> Option<&'static str> {
        let said = &past.said;
        let age = said.age + (now - past.at) / SECOND;
        let stale = age >= said.lifetime();
        let late = age.saturating_sub(said.lifetime());
        let strict = said.must_revalidate || said.no_cache;
        let rules = [
            (past.asked.page != asked.page, "another page"),
            (said.vary && past.asked.variant != asked.variant, "another variant"),
            (past.asked.no_store || said.no_store || said.private || said.cookie, "never stored"),
            (said.status == 206, "a part"),
            (
                past.asked.authorized && !(said.public || said.must_revalidate || said.s_maxage.is_some()),
                "of one client",
            ),
            (past.asked.post, "not of a GET"),
            (self.invalid[usize::from(asked.page)].is_some_and(|since| place < since), "invalidated"),
            (said.no_cache, "no-cache"),
            (asked.no_cache, "the client's no-cache"),
            (asked.no_store, "the client's no-store"),
            (!failed && asked.max_age.is_some_and(|limit| age > limit), "the client's max-age"),
            (
                !failed && asked.min_fresh.is_some_and(|more| !stale && said.lifetime() - age < more),
                "the client's min-fresh",
            ),
            (stale && strict, "must-revalidate"),
        ];
        let broken = rules.iter().find(|(broken, _)| *broken).map(|(_, rule)| *rule);
        let background = said.swr.is_some_and(|window| late < window);
        let wanted = asked.max_stale.is_some_and(|limit| late <= limit) && said.s_maxage.is_none();
        let stands_in = failed && said.sie.is_some_and(|window| late < window);
        broken.or((stale && !background && !wanted && !stands_in).then_some("stale"))
    }
}

fn run(steps: &[Step]) -> Result<u32, TestCaseError> {
    let (mut world, mut model, mut reused) = (World::new(), Model::default(), 0);
    for step in steps {
        world.pass(step.wait);
        let now = world.now;
        let (asked, said) = (step.asked.fields(), step.said.fields());
        let asked: Vec<(&str, &str)> = asked.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said: Vec<(&str, &str)> = said.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let origin = if step.closes { Origin::Closes } else { Origin::Answers(step.said.status, &said) };
        let method = if step.asked.post { Method::POST } else { Method::GET };
        let target = if step.asked.page == 0 { "/" } else { "/1" };
        let before = world.responses();
        let seen = world.ask(method, target, &asked, origin);
        let failed = matches!(seen, Seen::StoodIn { .. });
        if let Seen::Cached { number, .. } | Seen::Background { number } | Seen::StoodIn { number } = seen {
            reused += 1;
            let may = |(place, past): (usize, &Past)| {
                (past.body == number).then(|| model.forbids(past, place, &step.asked, now, failed))
            };
            let verdicts: Vec<_> = model.past.iter().enumerate().filter_map(may).collect();
            prop_assert!(verdicts.contains(&None), "{seen:?} of {number} for {step:?}: {verdicts:?}");
        }
        if let Seen::Cached { age, number } = seen {
            let known = |past: &&Past| past.body == number && past.said.age + (now - past.at) / SECOND == age;
            prop_assert!(model.past.iter().any(|past| known(&past)), "an age of {age} for {step:?}");
        }
        if world.responses() > before {
            let body = match seen {
                Seen::Validated { number } => number,
                Seen::Background { number } if world.validated() => number,
                _ => world.responses(),
            };
            // A 304 stands for the status of what is stored.
            let status =
                model.past.iter().find(|past| past.body == body).map_or(step.said.status, |past| past.said.status);
            let said = Said { status, ..step.said.clone() };
            model.past.push(Past { asked: step.asked.clone(), said, at: now, body });
        }
        if step.asked.post && seen == Seen::Forwarded && step.said.status < 400 {
            model.invalid[usize::from(step.asked.page)] = Some(model.past.len());
        }
    }
    Ok(reused)
}

proptest! {
    // The same histories in each run.
    #![proptest_config(ProptestConfig { cases: 1500, rng_seed: RngSeed::Fixed(9111), ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_served_that_the_history_forbids(steps in prop::collection::vec(step(), 1..24)) {
        run(&steps)?;
    }
}
