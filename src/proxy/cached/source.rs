//! The stored body behind an answer, for whoever is to send a compressed form of it: one that is there, one that another request is having
//! made, or one that is made now and stored for the next.

use std::sync::Arc;

use super::Asked;
use super::fill::pump;
use crate::cache::fill::Pumped;
use crate::cache::flight::Flowing;
use crate::cache::key::{Key, KeyRef};
use crate::cache::making::{Duty, Making};
use crate::cache::{BodyId, Content, Contents, Entry, Form, Store};
use crate::http::{Body, Length};

/// The body behind an answer.
#[derive(Debug)]
pub(in crate::proxy) struct Source {
    of: Of,
    /// Where a form is to be stored, if it is not there.
    store: Option<(Arc<Store>, Key)>,
    /// Octets above which it is not.
    max: u64,
}

#[derive(Debug)]
enum Of {
    Stored(Arc<Entry>),
    Coming(Arc<Flowing>),
}

impl Source {
    /// What is stored; `None` where the client is to have it as it is.
    pub(super) fn stored(asked: &Asked<'_>, key: KeyRef<'_>, entry: &Arc<Entry>) -> Option<Box<Self>> {
        // Parts are not compressed, and nothing but parts comes of them.
        let form = asked.form.filter(|_| entry.contents.identity.parts().is_none())?;
        // Where the form is there nothing else is needed.
        let store = entry.contents.form(form).is_none().then(|| (asked.store.clone(), key.to_key()));
        Some(Box::new(Self { of: Of::Stored(entry.clone()), store, max: asked.caching.options.max_object }))
    }

    /// What is being stored.
    pub(super) fn coming(asked: &Asked<'_>, key: &Key, flowing: &Arc<Flowing>) -> Option<Box<Self>> {
        let store = Some((asked.store.clone(), key.clone()));
        asked.form.filter(|_| flowing.part.is_none())?;
        Some(Box::new(Self { of: Of::Coming(flowing.clone()), store, max: asked.caching.options.max_object }))
    }

    fn contents(&self) -> &Contents {
        match &self.of {
            Of::Stored(entry) => &entry.contents,
            Of::Coming(flowing) => &flowing.head.contents,
        }
    }

    /// The body, and its octets where all of them are there.
    pub(in crate::proxy) fn offered(&self) -> (&BodyId, Option<&Content>) {
        match &self.of {
            Of::Stored(entry) => (entry.contents.body(), Some(&entry.contents.identity)),
            Of::Coming(flowing) => (flowing.head.contents.body(), None),
        }
    }

    /// Octets of the body without a coding, as far as that is known.
    pub(in crate::proxy) fn plain(&self) -> u64 {
        match &self.of {
            Of::Stored(entry) => entry.contents.identity.len(),
            Of::Coming(flowing) => match flowing.flow.length() {
                Length::Known(length) => length,
                Length::Unknown => 0,
            },
        }
    }

    /// The form that is there.
    pub(in crate::proxy) fn form(&self, form: Form) -> Option<Body> {
        self.contents().form(form).map(Content::whole)
    }

    /// Reads along where the form is being made, or takes on to make it.
    pub(in crate::proxy) fn join(&self, form: Form) -> Joined {
        let Some((store, key)) = &self.store else { return Joined::Alone };
        let begin = || store.flow(Length::Unknown, self.max);
        let duty = match store.makings.join(self.contents().body(), form, begin) {
            Making::Lead(duty) => duty,
            Making::Follow(body) => return Joined::Follow(Body::stream(body)),
            Making::Alone => return Joined::Alone,
        };
        let Some(reader) = duty.flow.reader() else { return Joined::Alone };
        let place = self.contents().identity.place();
        Joined::Lead(Task { store: store.clone(), key: key.clone(), place, duty }, Body::stream(reader))
    }
}

/// How somebody who wants a form comes by it.
pub(in crate::proxy) enum Joined {
    /// It is to be made: the task, and the body that it fills.
    Lead(Task, Body),
    /// It is being made.
    Follow(Body),
    /// Not from here.
    Alone,
}

/// Moves a form into the store.
pub(in crate::proxy) struct Task {
    store: Arc<Store>,
    key: Key,
    /// Where the body is on the disk, if it stays there.
    place: Option<u64>,
    duty: Duty,
}

impl Task {
    /// Begins, with the form as it is made.
    pub(in crate::proxy) fn spawn(self, form: Body) {
        tokio::task::spawn_local(self.fill(form));
    }

    async fn fill(self, mut form: Body) {
        let Self { store, key, place, duty } = self;
        loop {
            match pump(&duty.flow, &mut form).await {
                Pumped::Whole(content) => {
                    store.add_form((&key, place), duty.body(), duty.form(), &content);
                    duty.flow.announce();
                    return;
                }
                // It is not kept; those that read it get all of it.
                Pumped::TooLarge => {}
                Pumped::Passed | Pumped::Broken | Pumped::Unread => return,
            }
        }
    }
}
