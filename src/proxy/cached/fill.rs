//! Moves the body of a response into the store, in a task of its own: whoever asked first may leave, the others still get all of it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Sleep;

use super::now;
use crate::cache::fill::{Flow, Pumped};
use crate::cache::flight::{Flowing, Lead, Settled};
use crate::cache::key::Key;
use crate::cache::policy::{Millis, SECOND};
use crate::cache::{Contents, Store};
use crate::http::Body;
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
    let Filling { store, key, flowing, mut body, lead, timer: _, places: _places } = filling;
    // Should the task end before the body does: the readers are told.
    let flow = Broken(&flowing.flow);
    loop {
        match pump(flow.0, &mut body).await {
            Pumped::Whole(content) => {
                let entry = Arc::new(flowing.head.with_contents(Contents::identity(content)));
                let stored = store.put(&key, &entry);
                if let Some(lead) = &lead {
                    lead.settle(if stored { Settled::Whole(entry) } else { Settled::Alone });
                }
                flow.0.announce();
                return;
            }
            Pumped::TooLarge => {
                store.pass(&key, now() + PASS);
                if let Some(lead) = &lead {
                    lead.settle(Settled::Alone);
                    lead.leave_table();
                }
            }
            Pumped::Passed | Pumped::Broken | Pumped::Unread => return,
        }
    }
}

async fn pump(flow: &Flow, body: &mut Body) -> Pumped {
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
