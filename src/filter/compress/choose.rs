//! Whether a response is compressed, how, and why not.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderValue, Method, StatusCode};

use super::body::{EncodedBody, Plan};
use super::encoder::whole;
use super::fields;
use super::kit::{Kit, Place};
use super::shared::{Offer, Sharing};
use super::slice::at_once;
use super::types::{self, Types};
use crate::config::model;
use crate::http::dictionary::{Dictionary, Hash, USE_AS_DICTIONARY};
use crate::http::negotiate::{self, Coding};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::http::{Body, Headers, Length, Response};
pub use crate::observe::metrics::{Compressed as How, Uncompressed as Reason};

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
    sharing: Option<Sharing>,
}

/// What a request says about the coding of its response.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The best of the route's codings for this client, without a dictionary.
    coding: Coding,
    /// What it says of dictionaries.
    offer: Option<Offer>,
    /// The client refuses content that is not compressed.
    insists: bool,
    /// It asks for the head alone.
    head: bool,
    /// It wants the content as the origin has it.
    fixed: bool,
    /// `If-None-Match` as the client sent it.
    known: Option<HeaderValue>,
}

/// The coding of a response.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The coding.
    pub coding: Coding,
    /// The dictionary, for the codings that need one.
    pub dictionary: Option<Dictionary>,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is compressed so.
    Encode(Coding),
    /// It stays.
    Leave(Reason),
}

/// A response that goes out compressed.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The coding.
    pub coding: Coding,
    /// Octets of the content before it, as far as they came.
    pub plain: Rc<Cell<u64>>,
    /// How it came to be.
    pub how: How,
}

impl From<Coding> for Choice {
    fn from(coding: Coding) -> Self {
        Self { coding, dictionary: None }
    }
}

impl Wish {
    /// The best of the route's codings for this client, as far as its request tells; the identity is none.
    pub fn likely(&self) -> Option<Choice> {
        let choice = match self.offer.as_ref().and_then(Offer::likely) {
            Some((coding, dictionary)) => Choice { coding, dictionary: Some(dictionary.clone()) },
            None => self.coding.into(),
        };
        (choice.coding != Coding::Identity).then_some(choice)
    }

    /// The best for a response with these fields and so many octets.
    fn choice(&self, headers: &Headers, length: Option<u64>) -> Choice {
        match self.offer.as_ref().and_then(|offer| offer.choice(headers, length)) {
            Some((coding, dictionary)) => Choice { coding, dictionary: Some(dictionary.clone()) },
            None => self.coding.into(),
        }
    }

    /// The response is one that is stored for all.
    pub fn is_for_stored(&mut self) {
        if let Some(offer) = &mut self.offer {
            offer.stored = true;
        }
    }

    /// Whether it asks for the head alone.
    pub const fn is_head(&self) -> bool {
        self.head
    }

    /// Gives a response the coded form of its content.
    pub fn give(&self, coding: Coding, response: &mut CleanResponse, body: Body) {
        fields::recode(response.headers_mut(), Some(coding.as_str()));
        *response.body_mut() = if self.head { Body::Empty } else { body };
    }
}

impl Compress {
    /// The policy of a route.
    ///
    /// # Errors
    /// Dictionaries that cannot be used, and why.
    pub fn compile(policy: &model::Compress) -> Result<Self, Vec<(PathBuf, String)>> {
        let model::Compress { encodings, levels, min_size, types, adaptive, dictionary } = policy;
        let sharing = dictionary.as_ref().map(Sharing::compile).transpose()?;
        Ok(Self {
            encodings: encodings.as_slice().into(),
            levels: *levels,
            min_size: *min_size,
            types: Types::compile(types),
            adaptive: *adaptive,
            sharing,
        })
    }

    /// Notes what the client says of dictionaries, over a connection that nobody can change; `find` looks among what was stored.
    pub fn on_dictionaries(&self, wish: &mut Wish, headers: &Headers, find: impl FnOnce(&Hash) -> Option<Dictionary>) {
        wish.offer = self.sharing.as_ref().map(|sharing| sharing.offer(headers, &self.encodings, find));
    }

    /// Offers a response of that path as a dictionary, which is stored for all and whose content has so many octets; true where it is.
    pub fn offer(&self, wish: &Wish, path: &str, length: u64, response: &mut CleanResponse) -> bool {
        let (Some(sharing), Some(offer)) = (&self.sharing, &wish.offer) else { return false };
        let headers = response.headers();
        let fits = headers.first(&CONTENT_TYPE).is_some_and(|of| self.types.take(of)) && length >= self.min_size;
        // A dictionary is content without a coding.
        let coded = headers.contains(&CONTENT_ENCODING);
        if response.status() != StatusCode::OK || wish.head || coded || !fits || !offer.may_share(headers) {
            return false;
        }
        let Some(field) = sharing.field(path, length) else { return false };
        // What the origin itself says of it counts.
        if !headers.contains(&USE_AS_DICTIONARY) {
            response.headers_mut().append(USE_AS_DICTIONARY, field);
        }
        true
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
            offer: None,
            insists: coding != Coding::Identity && negotiate::refuses_identity(headers),
            head: method == Method::HEAD,
            fixed: fields::is_fixed(headers),
            known: headers.first(&IF_NONE_MATCH).cloned(),
        }
    }

    /// Whether a response is compressed for that client.
    pub fn verdict(&self, wish: &Wish, response: &Response) -> Verdict {
        match self.chosen(wish, response) {
            Ok(Choice { coding, .. }) => Verdict::Encode(coding),
            Err(reason) => Verdict::Leave(reason),
        }
    }

    fn chosen(&self, wish: &Wish, response: &Response) -> Result<Choice, Reason> {
        if let Some(reason) = self.objection(wish, response) {
            return Err(reason);
        }
        let choice = wish.choice(&response.headers, length_of(wish, response));
        if choice.coding == Coding::Identity { Err(Reason::NotAccepted) } else { Ok(choice) }
    }

    /// Why nobody would get it compressed.
    fn objection(&self, wish: &Wish, response: &Response) -> Option<Reason> {
        let Response { status, headers, .. } = response;
        let bodiless = matches!(
            *status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
        if bodiless || status.is_informational() || headers.contains(&CONTENT_RANGE) {
            return Some(Reason::NoContent);
        }
        let length = length_of(wish, response);
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

    /// The coding of a response, which it is to be given; its `Vary` is right from then on.
    ///
    /// # Errors
    /// The [`Reason`] why it stays as it is.
    pub fn settle(&self, wish: &Wish, response: &mut CleanResponse) -> Result<Choice, Reason> {
        if response.status() == StatusCode::NOT_MODIFIED {
            self.settle_not_modified(wish, response.headers_mut());
        }
        let chosen = self.chosen(wish, response.response());
        if matches!(chosen, Ok(_) | Err(Reason::NotAccepted)) {
            match &wish.offer {
                Some(offer) if offer.has_one => fields::vary_by_dictionary(response.headers_mut()),
                _ => fields::vary(response.headers_mut()),
            }
        }
        chosen
    }

    /// Compresses a response as it passes, in the coding that was settled.
    ///
    /// # Errors
    /// The [`Reason`] why it stays as it is.
    pub fn encode(
        &self,
        wish: &Wish,
        choice: Choice,
        response: &mut CleanResponse,
        kit: &Rc<Kit>,
    ) -> Result<Packed, Reason> {
        let coding = choice.coding;
        let plain = Rc::new(Cell::new(0));
        if wish.head {
            wish.give(coding, response, Body::Empty);
            return Ok(Packed { coding, plain, how: How::Passing });
        }
        let place = place(kit, coding).ok_or(Reason::Busy)?;
        let (level, pause) = (self.level(coding, kit), pause(response.response()));
        let plan = Plan { coding, dictionary: choice.dictionary, level, pause };
        let body = match std::mem::take(response.body_mut()) {
            Body::Empty => Body::Empty,
            Body::Full(bytes) if bytes.len() <= at_once(coding, level) && !coding.needs_dictionary() => {
                match whole(kit, coding, level, &bytes) {
                    Ok(packed) => {
                        plain.set(bytes.len() as u64);
                        Body::Full(packed)
                    }
                    Err(_) => {
                        *response.body_mut() = Body::Full(bytes);
                        return Err(Reason::Busy);
                    }
                }
            }
            source => Body::stream(EncodedBody::new(source, plan, kit, place, plain.clone())),
        };
        wish.give(coding, response, body);
        Ok(Packed { coding, plain, how: How::Passing })
    }

    /// The compressed form of a response's body, to be kept: at the level that is asked for, however busy the thread is. It comes with the
    /// octets of the body before, as far as they came.
    pub fn make(
        &self,
        choice: Choice,
        response: &mut CleanResponse,
        kit: &Rc<Kit>,
        place: Place,
    ) -> (Body, Rc<Cell<u64>>) {
        let Choice { coding, dictionary } = choice;
        let plan = Plan { coding, dictionary, level: self.levels.of(coding), pause: pause(response.response()) };
        let source = std::mem::take(response.body_mut());
        let plain = Rc::default();
        (Body::stream(EncodedBody::new(source, plan, kit, place, Rc::clone(&plain))), plain)
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

/// A place for one more body; one with a dictionary takes more memory, so that there are fewer.
pub fn place(kit: &Rc<Kit>, coding: Coding) -> Option<Place> {
    if coding.needs_dictionary() { kit.place_with_dictionary() } else { kit.place() }
}

/// Octets of the content, as far as that is known.
fn length_of(wish: &Wish, response: &Response) -> Option<u64> {
    match response.body.length() {
        // The head alone says how long the content would be.
        Length::Known(0) if wish.head => said_length(&response.headers),
        Length::Known(length) => Some(length),
        Length::Unknown => None,
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

#[cfg(test)]
mod tests {
    use super::eased;

    #[test]
    fn the_level_of_a_thread_that_is_busy() {
        for (level, busy, want) in
            [(9, 0.0, 9), (9, 0.75, 9), (9, 0.8, 5), (4, 0.8, 2), (1, 0.8, 1), (9, 0.95, 1), (0, 0.95, 0)]
        {
            assert_eq!(eased(level, busy), want, "{level} {busy}");
        }
    }
}
