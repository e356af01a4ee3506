//! A client, a cache of one list, and an origin that does as it is told, under a clock that a test turns.

use http::{HeaderName, Method, StatusCode};

use crate::cache::key::Recipe;
use crate::cache::policy::{
    Address, Failure, HeadVerdict, Hit, Lookup, Millis, Options, RequestVerdict, RequestView, ResponseView, SECOND,
    Storable, StoredView, Terms, Times, Validated, conditions, invalidated_by, may_store, on_failure, on_head, on_hit,
    on_validated, prepare_fill, request, seconds,
};
use crate::cache::vary::Names;
use crate::http::{Headers, date};

use super::{Ask, headers};

/// Fields of a test; a value `@n` is the date `n` seconds from now.
pub(super) type Fields<'a> = &'a [(&'a str, &'a str)];

/// What the client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// What the origin's n-th response brought, without asking it.
    Cached { number: u32, age: u64 },
    /// What it brought, stale; the origin was asked behind the client's back.
    Background { number: u32 },
    /// The origin's own response.
    Forwarded,
    /// What is stored, after a 304.
    Validated { number: u32 },
    /// What is stored, because the origin failed.
    StoodIn { number: u32 },
    /// 504, because the client wanted nothing but what is stored.
    OnlyIfCached,
    /// 502, because the origin failed.
    Failed,
}

/// One stored response.
pub(super) struct Kept {
    key: Vec<u8>,
    names: Names,
    secondary: Vec<u8>,
    status: StatusCode,
    pub(super) headers: Headers,
    pub(super) terms: Terms,
    number: u32,
    soft_purged: bool,
}

pub(super) struct World {
    pub(super) now: Millis,
    pub(super) options: Options,
    pub(super) kept: Vec<Kept>,
    /// Fields of the latest request that the origin saw.
    pub(super) upstream: Headers,
    responses: u32,
    validated: bool,
}

/// What the origin does when it is asked.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Answers(u16, Fields<'a>),
    /// Answers after so many seconds.
    Slow(u64, Fields<'a>),
    Closes,
}

impl World {
    pub(super) fn new() -> Self {
        // The middle of a second, as most moments are in.
        let now = 1_800_000_000_500;
        Self {
            now,
            options: Options::default(),
            kept: Vec::new(),
            upstream: Headers::new(),
            responses: 0,
            validated: false,
        }
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
    }

    pub(super) fn dated(&self, fields: Fields<'_>) -> Headers {
        let text = |value: &str| match value.strip_prefix('@').and_then(|offset| offset.parse::<i64>().ok()) {
            Some(offset) => {
                let second = seconds(self.now).checked_add_signed(offset).unwrap();
                date::imf_fixdate(second).to_str().unwrap().to_owned()
            }
            None => value.to_owned(),
        };
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, text(value))).collect();
        headers(&fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    }

    /// A GET of `/` that the origin answers with 200.
    pub(super) fn get(&mut self, asked: Fields<'_>, answer: Fields<'_>) -> Seen {
        self.ask(Method::GET, "/", asked, Origin::Answers(200, answer))
    }

    pub(super) fn ask(&mut self, method: Method, target: &str, asked: Fields<'_>, origin: Origin<'_>) -> Seen {
        let ask = Ask::new(method, target, self.dated(asked));
        let view = ask.view();
        let lookup = match request(&view, &self.options) {
            RequestVerdict::Lookup(lookup) => lookup,
            RequestVerdict::Bypass(_) => return self.forward(&ask, None, origin),
        };
        let Some(at) = self.find(&view) else {
            let only = lookup.directives.only_if_cached;
            return if only { Seen::OnlyIfCached } else { self.forward(&ask, None, origin) };
        };
        let number = self.kept[at].number;
        match on_hit(&lookup, &self.kept[at].view(), self.now) {
            Hit::Fresh { age } | Hit::AllowedStale { age } => Seen::Cached { number, age },
            Hit::StaleWhileRevalidate { .. } => {
                // Behind: it asks for the whole, and no client demands anything.
                let behind = Ask { method: Method::GET, ..ask };
                self.forward(&behind, Some((at, Lookup::default())), origin);
                Seen::Background { number }
            }
            Hit::OnlyIfCached => Seen::OnlyIfCached,
            Hit::Revalidate(_) => self.forward(&ask, Some((at, lookup)), origin),
        }
    }

    fn find(&self, view: &RequestView<'_>) -> Option<usize> {
        let key = key_of(view);
        self.kept.iter().position(|kept| kept.key == key && kept.secondary == secondary(&kept.names, view))
    }

    /// Asks the origin, with the conditions of what is stored; stores what it may.
    fn forward(&mut self, ask: &Ask, stored: Option<(usize, Lookup)>, origin: Origin<'_>) -> Seen {
        let (status, fields, delay) = match origin {
            Origin::Answers(status, fields) => (status, self.dated(fields), 0),
            Origin::Slow(delay, fields) => (200, self.dated(fields), delay),
            Origin::Closes => return self.stand_in(stored, Failure::Unreachable).unwrap_or(Seen::Failed),
        };
        let times = Times { asked: self.now, received: self.now + delay * SECOND };
        self.now = times.received;
        self.upstream = ask.headers.clone();
        let head = ask.method == Method::HEAD;
        match stored.filter(|_| !head) {
            Some((at, _)) => conditions(&self.kept[at].headers).apply(&mut self.upstream),
            None if ask.method == Method::GET => prepare_fill(&mut self.upstream),
            None => {}
        }
        let response = ResponseView { status: StatusCode::from_u16(status).unwrap(), headers: &fields };
        self.responses += 1;
        self.validated = false;
        if let Some((at, _)) = stored.filter(|_| !head && self.matches(&fields)) {
            return self.take_304(&ask.view(), at, &fields, times);
        }
        if let Some(stood_in) = self.stand_in(stored, Failure::Status(response.status)) {
            return stood_in;
        }
        match stored.filter(|_| head) {
            Some((at, _)) => self.take_head(&ask.view(), at, &response, times),
            None => self.take(&ask.view(), &response, times),
        }
        Seen::Forwarded
    }

    fn stand_in(&self, stored: Option<(usize, Lookup)>, failure: Failure) -> Option<Seen> {
        let (at, lookup) = stored?;
        let kept = &self.kept[at];
        on_failure(&lookup, &kept.view(), &self.options, failure, self.now)?;
        Some(Seen::StoodIn { number: kept.number })
    }

    /// Whether the origin finds its own validator among the conditions, and so answers 304.
    fn matches(&self, fields: &Headers) -> bool {
        let same = |condition: &str, validator: &str| {
            let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
            let asked = self.upstream.first(&name(condition)).cloned();
            asked.map(|asked| fields.first(&name(validator)) == Some(&asked))
        };
        same("if-none-match", "etag").or_else(|| same("if-modified-since", "last-modified")).unwrap_or(false)
    }

    fn take_304(&mut self, view: &RequestView<'_>, at: usize, fields: &Headers, times: Times) -> Seen {
        let answer = ResponseView { status: StatusCode::NOT_MODIFIED, headers: fields };
        let number = self.kept[at].number;
        self.validated = true;
        match on_validated(view, &self.kept[at].view(), &answer, &self.options, times) {
            Validated::Updated(storable) => self.put_for(view, at, *storable),
            Validated::UsedOnce(_, why) if why.is_of_request() => {}
            Validated::UsedOnce(..) => drop(self.kept.remove(at)),
            Validated::Mismatch => return Seen::Forwarded,
        }
        Seen::Validated { number }
    }

    fn take_head(&mut self, view: &RequestView<'_>, at: usize, answer: &ResponseView<'_>, times: Times) {
        match on_head(view, &self.kept[at].view(), answer, &self.options, times) {
            HeadVerdict::Freshened(storable) => self.put_for(view, at, *storable),
            HeadVerdict::Invalid => drop(self.kept.remove(at)),
            HeadVerdict::Unrelated => {}
        }
    }

    fn take(&mut self, view: &RequestView<'_>, response: &ResponseView<'_>, times: Times) {
        for address in invalidated_by(view, response).addresses {
            let gone = |address: &Address| {
                let mut bytes = vec![0];
                Recipe::default().write_address(address, None, &mut bytes);
                bytes.push(0);
                bytes
            };
            let gone = gone(&address);
            self.kept.retain(|kept| kept.key != gone);
        }
        if let Ok(storable) = may_store(view, response, &self.options, times) {
            self.put(view, response.status, storable, self.responses);
        }
    }

    /// In the place of what it was made of, whatever chooses it now.
    fn put_for(&mut self, view: &RequestView<'_>, at: usize, storable: Storable) {
        let Kept { status, number, .. } = self.kept.remove(at);
        self.put(view, status, storable, number);
    }

    fn put(&mut self, view: &RequestView<'_>, status: StatusCode, storable: Storable, number: u32) {
        let (key, secondary) = (key_of(view), secondary(&storable.vary, view));
        self.kept.retain(|kept| kept.key != key || kept.names != storable.vary || kept.secondary != secondary);
        let Storable { terms, headers, vary: names, .. } = storable;
        self.kept.insert(0, Kept { key, names, secondary, status, headers, terms, number, soft_purged: false });
    }

    /// How often the origin has answered.
    pub(super) fn responses(&self) -> u32 {
        self.responses
    }

    /// Whether its latest answer was a 304.
    pub(super) fn validated(&self) -> bool {
        self.validated
    }

    pub(super) fn purge_softly(&mut self) {
        self.kept.iter_mut().for_each(|kept| kept.soft_purged = true);
    }
}

impl Kept {
    pub(super) fn view(&self) -> StoredView<'_> {
        StoredView { status: self.status, headers: &self.headers, terms: &self.terms, soft_purged: self.soft_purged }
    }

    pub(super) fn text(&self, name: &'static str) -> Option<&str> {
        self.headers.text(&HeaderName::from_static(name))
    }
}

fn key_of(view: &RequestView<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    Recipe::default().write(view, None, &mut key);
    key
}

fn secondary(names: &Names, view: &RequestView<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    names.write(view.headers, &mut key);
    key
}
