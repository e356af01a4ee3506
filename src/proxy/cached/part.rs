//! Parts of a response: which are asked for, and what becomes of those that come (RFC 9111 §3.3, §3.4).

use std::sync::Arc;

use http::StatusCode;
use http::header::{CONTENT_RANGE, IF_RANGE, RANGE, SET_COOKIE};

use super::fetch::{Fetch, Trip, settle_only};
use super::fill::{self, Filling};
use super::look::{Ask, Judged, Need, nothing_cached};
use super::told::Answer;
use super::{Asked, now};
use crate::cache::flight::Flowing;
use crate::cache::mend::mend;
use crate::cache::policy::{
    self, Forward as Why, Hit, Lookup, Millis, Part, Ranges, ResponseView, SECOND, is_same, strong_validator,
};
use crate::cache::purge::Standing;
use crate::cache::serve::{self, Gap};
use crate::cache::{Content, Contents, Entry, Parts, Slot, key};
use crate::http::range::{self, Span};
use crate::http::sanitize::CleanResponse;
use crate::http::{Body, Headers, Length, Response};
use crate::proxy::fault::Fault;
use crate::proxy::ticket::Ticket;

/// How much is asked for where nothing is stored.
pub(super) fn ask_for_nothing(asked: &Asked<'_>, lookup: &Lookup, why: Why) -> Ask {
    let parts = why == Why::HitForMiss || asked.caching.options.ranges == Ranges::Parts;
    if is_ranged(lookup) && parts { Ask::Own } else { Ask::Whole }
}

/// Whether all that is known against storing what a key brings does not hold for a part of it.
pub(super) fn only_too_large(lookup: &Lookup, slot: &Slot) -> bool {
    is_ranged(lookup) && slot.passed_for() == Some(policy::NotStored::TooLarge)
}

const fn is_ranged(lookup: &Lookup) -> bool {
    lookup.range && !lookup.head
}

/// What is asked for where parts are stored, but not those that the client wants.
pub(super) fn lacking(
    asked: &Asked<'_>,
    lookup: &Lookup,
    (hit, gap): (Hit, Gap),
    (entry, standing): (&Arc<Entry>, Standing),
) -> Judged {
    let why = match hit {
        _ if lookup.directives.only_if_cached => return Judged::Answer(nothing_cached()),
        Hit::Revalidate(why) => why,
        Hit::Fresh { .. } | Hit::StaleWhileRevalidate { .. } | Hit::AllowedStale { .. } | Hit::OnlyIfCached => {
            Why::Partial
        }
    };
    let fits = entry.contents.identity.len() <= asked.caching.options.max_object;
    let together = standing == Standing::Good && strong_validator(&entry.headers(0)).is_some();
    let ask = match gap {
        Gap::Octets(span) if together && !lookup.head && (lookup.range || fits) => Ask::Rest(span, entry.clone()),
        _ if is_ranged(lookup) => Ask::Own,
        _ => Ask::Whole,
    };
    // All of what is too large comes to nothing that could be waited for.
    let passes = matches!(ask, Ask::Whole) && !fits;
    Judged::Lacks { why, ask, passes }
}

/// A number that is the same for requests that one fetch can answer.
pub(super) fn number(ask: &Ask, request: &Headers) -> u64 {
    let of = |text: &[u8]| key::hash(text, 1) as u64;
    match ask {
        Ask::Whole => 0,
        Ask::Own => request.all(&RANGE).fold(1, |sum, range| of(range.as_bytes()) ^ sum.rotate_left(1)),
        Ask::Rest(span, _) => of(format!("{}-{}", span.first, span.last).as_bytes()),
    }
}

/// Makes a request one for these octets of the representation that is stored, and for all of it where there is another one now.
pub(super) fn ask(headers: &mut Headers, span: Span, entry: &Entry) {
    policy::prepare_fill(headers);
    headers.append(RANGE, range::ask(span, entry.contents.identity.len()));
    if let Some(tag) = strong_validator(&entry.headers(0)) {
        headers.append(IF_RANGE, tag.clone());
    }
}

/// Whether a part came, or the news that there is no such part any more.
pub(super) fn came(need: &Need, response: &CleanResponse) -> bool {
    match need.ask {
        Ask::Whole => false,
        Ask::Own => response.status() == StatusCode::PARTIAL_CONTENT,
        Ask::Rest(..) => {
            matches!(response.status(), StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE)
        }
    }
}

/// What was purged between the look-up and the request is not completed.
pub(super) fn unless_purged(fetch: &Fetch<'_>, need: Need) -> Need {
    match &need.ask {
        Ask::Rest(_, entry) if fetch.asked.store.purges.standing(&entry.mark) != Standing::Good => {
            Need { ask: anew(fetch.lookup), ..need }
        }
        _ => need,
    }
}

/// How much is asked for when what is stored is of no use.
const fn anew(lookup: &Lookup) -> Ask {
    if is_ranged(lookup) { Ask::Own } else { Ask::Whole }
}

impl Fetch<'_> {
    /// A part came: it is stored, with the others where they belong together.
    pub(super) async fn part(&self, trip: Trip, response: CleanResponse, ticket: &mut Ticket) -> Result<Answer, Fault> {
        let (view, options) = (self.asked.view(), &self.asked.caching.options);
        let answer = ResponseView { status: response.status(), headers: response.headers() };
        let completes = matches!(trip.need.ask, Ask::Rest(..));
        match (&trip.need.ask, policy::may_store_part(&view, &answer, options, trip.times, completes)) {
            (Ask::Rest(span, entry), Ok(part)) if part.span == *span && self.completes(&part, entry) => {
                Ok(self.store_part(trip, part, response, ticket))
            }
            (Ask::Rest(_, entry), _) => {
                // It is of another representation, or not what was asked for: what is stored is of no use for this.
                self.asked.store.remove(&trip.need.key, entry);
                drop((response, ticket.leave_upstream()));
                let Trip { need, lead, .. } = trip;
                Box::pin(self.fetch(Need { ask: anew(self.lookup), ..need }, lead, ticket)).await
            }
            (_, Ok(part)) => Ok(self.store_part(trip, part, response, ticket)),
            (_, Err(why)) => Ok(self.pass(trip, why, response)),
        }
    }

    /// Whether a part is of the representation that is stored, and all that the client wants is there with it.
    fn completes(&self, part: &Part, entry: &Entry) -> bool {
        let Part { storable, span, total } = part;
        let Some(parts) = entry.contents.identity.parts().filter(|parts| parts.total() == *total) else { return false };
        if !is_same(&entry.headers(0), &storable.headers) {
            return false;
        }
        let headers = policy::combined(&entry.stored_headers(), &storable.headers);
        serve::wanted(&headers, *total, &self.question(now())).is_some_and(|(wanted, _)| {
            let coming = |gap: Span| span.first <= gap.first && gap.last <= span.last;
            wanted.first <= span.last && span.first <= wanted.last && parts.missing(wanted).is_none_or(coming)
        })
    }

    fn store_part(&self, trip: Trip, part: Part, response: CleanResponse, ticket: &mut Ticket) -> Answer {
        let Trip { need, lead, since, .. } = trip;
        let Part { mut storable, span, total } = part;
        self.date(&mut storable);
        let Response { status, headers: mut said, body } = response.into_response();
        let (key, now) = (self.key(&need, &storable), now());
        let (contents, completed) = match &need.ask {
            Ask::Rest(_, entry) => (entry.contents.clone(), Some(entry)),
            _ => (Contents::identity(Content::Parts(Arc::new(Parts::of(total)))), None),
        };
        if let Some(entry) = completed {
            storable.headers = policy::combined(&entry.stored_headers(), &storable.headers);
        }
        let head = self.entry(storable, StatusCode::OK, contents, since);
        let (terms, old) = (head.terms, head.terms.age(now) >= SECOND);
        let max = self.asked.caching.options.max_object;
        let flow = self.asked.store.flow(Length::Known(span.octets()), max);
        let flowing = Arc::new(Flowing { head, flow, part: Some(span) });
        // It has its reader before anything moves.
        let mut response = match completed {
            Some(_) => self.flowing(&flowing, now),
            // Who asked in its own words gets the upstream's own.
            None => flowing.flow.reader().map(|reader| {
                said.retain(|name, _| policy::leaves_the_edge(name));
                Response { status, headers: said.clone(), body: Body::stream(reader) }
            }),
        }
        .unwrap_or_else(|| Response::new(StatusCode::BAD_GATEWAY));
        settle_only(lead.as_ref(), crate::cache::flight::Settled::Flowing(flowing.clone()));
        let timer = self.forward.task.timer().clone();
        let (store, places) = (self.asked.store.clone(), ticket.leave_upstream());
        fill::spawn(Filling { store, key, flowing, body, max, lead, timer, places });
        if !response.headers.contains(&SET_COOKIE) {
            // It is not stored, but who asked gets it.
            said.all(&SET_COOKIE).for_each(|cookie| response.headers.append(SET_COOKIE, cookie.clone()));
        }
        let fwd_status = Some(status).filter(|status| *status != response.status);
        let answer = Answer { fwd_status, ..Answer::fetched(response, need.why).stored(true) };
        if old { answer.aged(&terms, now) } else { answer }
    }

    /// The answer from a response whose body is still coming; `None` where its beginning is gone already, or it has not what is wanted.
    pub(super) fn flowing(&self, flowing: &Flowing, now: Millis) -> Option<Response> {
        let Flowing { head, flow, part } = flowing;
        let (mut headers, question) = (head.headers(4), self.question(now));
        let reader = flow.reader()?;
        if let Some(short) = serve::precondition(head.status, &headers, &question) {
            return Some(short);
        }
        if let Some(coming) = part {
            let parts = head.contents.identity.parts()?;
            let (wanted, ranged) = serve::wanted(&headers, parts.total(), &question)?;
            let body = mend(parts, *coming, reader, wanted)?;
            if ranged {
                headers.append(CONTENT_RANGE, wanted.content_range(parts.total()));
            }
            let status = if ranged { StatusCode::PARTIAL_CONTENT } else { head.status };
            return Some(Response { status, headers, body });
        }
        let Length::Known(length) = flow.length() else {
            return Some(Response { status: head.status, headers, body: Body::stream(reader) });
        };
        let part = if head.status == StatusCode::OK { serve::one_part(&headers, length, &question) } else { None };
        let Some(span) = part else {
            return Some(Response { status: head.status, headers, body: Body::stream(reader) });
        };
        headers.append(CONTENT_RANGE, span.content_range(length));
        let body = Body::stream(reader.part(span));
        Some(Response { status: StatusCode::PARTIAL_CONTENT, headers, body })
    }
}
