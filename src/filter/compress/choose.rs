//! Whether a response is compressed, how, and why not.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderValue, Method, StatusCode};

use super::body::{EncodedBody, Plan};
use super::encoder::{WHOLE, whole};
use super::fields;
use super::kit::Kit;
use super::types::{self, Types};
use crate::config::model;
use crate::http::negotiate::{self, Coding};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::http::{Body, Headers, Length, Response};
pub use crate::observe::metrics::Uncompressed as Reason;

/// How long a source whose length is known may pause before what is held back goes out: it has made all of it already.
const PAUSE_KNOWN: Duration = Duration::from_millis(20);
/// The same for a source that makes its content as it goes.
const PAUSE: Duration = Duration::from_millis(2);

/// `compress` of a route.
#[derive(Clone, Debug)]
pub struct Compress {
    encodings: Box<[Coding]>,
    levels: model::Levels,
    min_size: u64,
    types: Types,
    adaptive: bool,
}

/// What a request says about the coding of its response.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The best of the route's codings for this client.
    coding: Coding,
    /// The client refuses content that is not compressed.
    insists: bool,
    /// It asks for the head alone.
    head: bool,
    /// It wants the content as the origin has it.
    fixed: bool,
    /// `If-None-Match` as the client sent it.
    known: Option<HeaderValue>,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is compressed so.
    Encode(Coding),
    /// It stays.
    Leave(Reason),
}

/// A response that is compressed on its way out.
#[derive(Clone, Debug)]
pub struct Packed {
    /// How.
    pub coding: Coding,
    /// Octets of the content before it, as far as they came.
    pub plain: Rc<Cell<u64>>,
}

impl Compress {
    /// The policy of a route.
    pub fn compile(policy: &model::Compress) -> Self {
        let model::Compress { encodings, levels, min_size, types, adaptive } = policy;
        Self {
            encodings: encodings.as_slice().into(),
            levels: *levels,
            min_size: *min_size,
            types: Types::compile(types),
            adaptive: *adaptive,
        }
    }

    /// Notes what the client takes, and asks for its tags in both forms.
    pub fn on_request(&self, request: &mut CleanRequest) -> Wish {
        let wish = self.wish(request.method(), request.headers());
        if wish.known.is_some() {
            fields::name_both_forms(request.headers_mut());
        }
        wish
    }

    /// What the client takes.
    pub fn wish(&self, method: &Method, headers: &Headers) -> Wish {
        let coding = negotiate::coding(headers, self.encodings.iter().copied());
        Wish {
            coding,
            insists: coding != Coding::Identity && negotiate::refuses_identity(headers),
            head: method == Method::HEAD,
            fixed: fields::is_fixed(headers),
            known: headers.first(&IF_NONE_MATCH).cloned(),
        }
    }

    /// Whether a response is compressed for that client.
    pub fn verdict(&self, wish: &Wish, response: &Response) -> Verdict {
        match self.objection(wish, response) {
            Some(reason) => Verdict::Leave(reason),
            None if wish.coding == Coding::Identity => Verdict::Leave(Reason::NotAccepted),
            None => Verdict::Encode(wish.coding),
        }
    }

    /// Why nobody would get it compressed.
    fn objection(&self, wish: &Wish, response: &Response) -> Option<Reason> {
        let Response { status, headers, body } = response;
        let bodiless = matches!(
            *status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
        if bodiless || status.is_informational() || headers.contains(&CONTENT_RANGE) {
            return Some(Reason::NoContent);
        }
        let length = match body.length() {
            // The head alone says how long the content would be.
            Length::Known(0) if wish.head => said_length(headers),
            Length::Known(length) => Some(length),
            Length::Unknown => None,
        };
        if length == Some(0) {
            return Some(Reason::NoContent);
        }
        let coded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
        if headers.all(&CONTENT_ENCODING).any(coded) {
            return Some(Reason::Encoded);
        }
        if wish.fixed || fields::is_fixed(headers) {
            return Some(Reason::NoTransform);
        }
        if wish.insists {
            return None;
        }
        if !headers.first(&CONTENT_TYPE).is_some_and(|of| self.types.take(of)) {
            return Some(Reason::Type);
        }
        length.filter(|length| *length < self.min_size).map(|_| Reason::Small)
    }

    /// Compresses a response. `None` where it stays; the reason is counted by whoever asks.
    ///
    /// # Errors
    /// The [`Reason`] why it stays as it is.
    pub fn on_response(&self, wish: &Wish, response: &mut CleanResponse, kit: &Rc<Kit>) -> Result<Packed, Reason> {
        if response.status() == StatusCode::NOT_MODIFIED {
            self.settle_not_modified(wish, response.headers_mut());
        }
        let coding = match self.verdict(wish, response.response()) {
            Verdict::Encode(coding) => coding,
            Verdict::Leave(reason) => {
                if reason == Reason::NotAccepted {
                    fields::vary(response.headers_mut());
                }
                return Err(reason);
            }
        };
        fields::vary(response.headers_mut());
        let place = kit.place().ok_or(Reason::Busy)?;
        let plan = Plan { coding, level: self.level(coding, kit), pause: pause(response.response()) };
        let plain = Rc::new(Cell::new(0));
        let body = match std::mem::take(response.body_mut()) {
            Body::Empty => Body::Empty,
            Body::Full(bytes) if bytes.len() <= WHOLE => match whole(kit, coding, plan.level, &bytes) {
                Ok(packed) => {
                    plain.set(bytes.len() as u64);
                    Body::Full(packed)
                }
                Err(_) => {
                    *response.body_mut() = Body::Full(bytes);
                    return Err(Reason::Busy);
                }
            },
            source => Body::stream(EncodedBody::new(source, plan, kit, place, plain.clone())),
        };
        fields::recode(response.headers_mut(), Some(coding.as_str()));
        *response.body_mut() = if wish.head { Body::Empty } else { body };
        Ok(Packed { coding, plain })
    }

    /// A 304 says the tag that the client has, and what the content would vary by (RFC 9110 §15.4.5).
    fn settle_not_modified(&self, wish: &Wish, headers: &mut Headers) {
        if wish.coding != Coding::Identity && fields::known_weak(wish.known.as_ref(), headers) {
            fields::weaken(headers);
            fields::vary(headers);
        }
    }

    fn level(&self, coding: Coding, kit: &Kit) -> u8 {
        let level = self.levels.of(coding);
        if self.adaptive { eased(level, kit.busy(Instant::now())) } else { level }
    }
}

/// The level for a thread that is busy for that share of its time: half of it above 75 %, the lowest above 90 %.
fn eased(level: u8, busy: f32) -> u8 {
    match busy {
        busy if busy > 0.9 => level.min(1),
        busy if busy > 0.75 => level.min(level.div_ceil(2)),
        _ => level,
    }
}

fn pause(response: &Response) -> Duration {
    match response.body.length() {
        _ if types::is_event_stream(response.headers.first(&CONTENT_TYPE)) => Duration::ZERO,
        Length::Known(_) => PAUSE_KNOWN,
        Length::Unknown => PAUSE,
    }
}

fn said_length(headers: &Headers) -> Option<u64> {
    headers.text(&CONTENT_LENGTH).and_then(|length| length.parse().ok())
}
