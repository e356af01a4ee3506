//! Moves the body of a response into the store, in a task of its own: whoever asked first may leave, the others still get all of it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Sleep;

use super::now;
use crate::cache::fill::{Flow, Pumped};
use crate::cache::flight::{Flowing, Lead, Settled};
use crate::cache::key::Key;
use crate::cache::policy::{self, Millis, NotStored, SECOND};
use crate::cache::{Content, Contents, Parts, Store};
use crate::http::{Body, Length};
use crate::proxy::ticket::Places;
use crate::wire::timer::Timer;

/// How long a body that nobody reads any more is still fetched, to be stored.
const UNREAD: Duration = Duration::from_secs(30);
/// How long nobody waits for a key whose body was too large.
const PASS: Millis = 120 * SECOND;

/// A body on its way.
pub(super) struct Filling {
    pub(super) store: Arc<Store>,
    pub(super) key: Key,
    pub(super) flowing: Arc<Flowing>,
    pub(super) body: Body,
    /// Octets that are stored of one response.
    pub(super) max: u64,
    pub(super) lead: Option<Lead>,
    /// By which the body's deadlines are watched.
    pub(super) timer: Timer,
    /// Its places at the upstream.
    pub(super) places: Places,
}

/// Begins.
pub(super) fn spawn(filling: Filling) {
    // From here on another task polls the body.
    filling.timer.hand_over();
    tokio::task::spawn_local(fill(filling));
}

async fn fill(filling: Filling) {
    let Filling { store, key, flowing, mut body, max, lead, timer: _, places: _places } = filling;
    // Should the task end before the body does: the readers are told.
    let flow = Broken(&flowing.flow);
    loop {
        match pump(flow.0, &mut body).await {
            Pumped::Whole(content) => {
                let offered = flowing.head.contents.body().clone();
                let entry = match flowing.part {
                    Some(part) => store.put_part(&key, &flowing.head, part.first, &content, max),
                    None => {
                        let whole = Arc::new(flowing.head.with_contents(flowing.head.contents.filled(content.clone())));
                        store.put(&key, &whole).then_some(whole)
                    }
                };
                if let Some(lead) = &lead {
                    lead.settle(entry.map_or(Settled::Alone, Settled::Whole));
                }
                flow.0.announce();
                if let Some(site) = offered.wanted().filter(|_| flowing.part.is_none()) {
                    store.dictionaries.learn(site, &offered, &content).await;
                }
                return;
            }
            Pumped::TooLarge => {
                if flowing.part.is_none() {
                    store.pass(&key, now() + PASS, NotStored::TooLarge);
                }
                if let Some(lead) = &lead {
                    lead.settle(Settled::Alone);
                    lead.leave_table();
                }
            }
            Pumped::Broken => {
                keep_what_came(&store, &key, &flowing, max);
                return;
            }
            Pumped::Passed | Pumped::Unread => return,
        }
    }
}

/// What came before the body broke off is kept, where what is missing can be asked for and put to it (RFC 9111 §3.3).
fn keep_what_came(store: &Store, key: &Key, flowing: &Flowing, max: u64) {
    let head = &flowing.head;
    if head.status != StatusCode::OK || policy::strong_validator(&head.headers(0)).is_none() {
        return;
    }
    let Some(content) = flowing.flow.arrived() else { return };
    match (flowing.part, flowing.flow.length()) {
        (Some(part), _) => store.put_part(key, head, part.first, &content, max),
        (None, Length::Known(total)) => {
            let none = Contents::identity(Content::Parts(Arc::new(Parts::of(total))));
            store.put_part(key, &head.with_contents(none), 0, &content, max)
        }
        (None, Length::Unknown) => None,
    };
}

pub(super) async fn pump(flow: &Flow, body: &mut Body) -> Pumped {
    let mut unread: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        if let Poll::Ready(pumped) = flow.poll_pump(body, cx) {
            return Poll::Ready(pumped);
        }
        if flow.is_read() {
            unread = None;
            return Poll::Pending;
        }
        let sleep = unread.get_or_insert_with(|| Box::pin(tokio::time::sleep(UNREAD)));
        sleep.as_mut().poll(cx).map(|()| Pumped::Unread)
    })
    .await
}

/// A flow that ends with its task.
struct Broken<'a>(&'a Flow);

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
