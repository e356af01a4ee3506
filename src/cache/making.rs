//! One encoder for each form of a body at a time: who comes while it works reads along, on whatever thread.
//!
//! The table is behind a mutex, taken where a form is not there yet and never where it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::contents::{BodyId, Form};
use super::fill::{Flow, FlowBody};

/// By the number of the body, which is held so that the number is taken.
type Table = HashMap<(usize, Form), (BodyId, Arc<Flow>)>;

/// The forms that are being made in the process.
#[derive(Debug, Default)]
pub struct Makings(Mutex<Table>);

/// How somebody who wants a form takes part.
#[derive(Debug)]
pub enum Making {
    /// By making it, into that flow.
    Lead(Duty),
    /// By reading along.
    Follow(FlowBody),
    /// Not at all: what is made is not to be kept, and its beginning is gone.
    Alone,
}

/// The duty to make a form. Dropped, nobody joins it any more.
#[derive(Debug)]
pub struct Duty {
    makings: Arc<Makings>,
    body: BodyId,
    form: Form,
    /// Where the octets go.
    pub flow: Arc<Flow>,
}

impl Makings {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // What the lock guards is whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the making of a form, or begins it into the flow that `begin` gives.
    pub fn join(self: &Arc<Self>, body: &BodyId, form: Form, begin: impl FnOnce() -> Arc<Flow>) -> Making {
        let mut table = self.lock();
        if let Some((_, flow)) = table.get(&(body.number(), form)) {
            return flow.reader().map_or(Making::Alone, Making::Follow);
        }
        let flow = begin();
        // As long as it is in the table its number stands for no other body.
        table.insert((body.number(), form), (body.clone(), flow.clone()));
        drop(table);
        Making::Lead(Duty { makings: self.clone(), body: body.clone(), form, flow })
    }
}

impl Duty {
    /// The form.
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The body.
    pub const fn body(&self) -> &BodyId {
        &self.body
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        self.makings.lock().remove(&(self.body.number(), self.form));
        // Where it was made that is told already.
        self.flow.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::*;
    use crate::http::Length;
    use crate::http::negotiate::Coding;

    #[test]
    fn one_makes_it_and_others_read_along() {
        let makings = Arc::new(Makings::default());
        let flow = || Flow::new(Length::Unknown, 1000, Budget::new(1000));
        let (one, other) = (BodyId::default(), BodyId::default());
        let Making::Lead(duty) = makings.join(&one, Coding::Br.into(), flow) else { panic!("nobody makes it") };
        assert!(matches!(makings.join(&one, Coding::Br.into(), flow), Making::Follow(_)));
        assert!(matches!(makings.join(&one, Coding::Gzip.into(), flow), Making::Lead(_)));
        assert!(matches!(makings.join(&other, Coding::Br.into(), flow), Making::Lead(_)));
        drop(duty);
        assert!(matches!(makings.join(&one, Coding::Br.into(), flow), Making::Lead(_)));
    }
}

#[cfg(test)]
mod store_tests {
    use http::StatusCode;

    use super::super::policy::Terms;
    use super::super::{Content, Contents, Entry, Form, Limits, Store, Variant};
    use super::*;
    use crate::http::Headers;
    use crate::http::negotiate::Coding;

    fn entry(store: &Store, contents: Contents) -> Arc<Entry> {
        let mark = store.purges.mark(store.purges.now(), "http://a/".into(), []);
        Arc::new(Entry::new(StatusCode::OK, &Headers::new(), Terms::default(), Variant::default(), contents, mark))
    }

    #[test]
    fn a_form_is_stored_counted_and_kept_with_its_body_alone() {
        let store = Store::new(Limits { memory: 1_000_000, variants: 4 }, 7);
        let key = store.key(b"key").to_key();
        let octets = || {
            store.maintain();
            store.size().octets
        };
        let (zstd, packed) = (Form::from(Coding::Zstd), Content::copy(&[2; 5_000]));
        let there = || store.find(key.borrow()).is_some_and(|slot| slot.variants()[0].contents.form(zstd).is_some());
        let first = entry(&store, Contents::identity(Content::copy(&[1; 50_000])));
        assert!(!store.add_form((&key, None), first.contents.body(), zstd, &packed), "nothing is stored yet");
        store.put(&key, &first);
        let before = octets();
        assert!(store.add_form((&key, None), first.contents.body(), zstd, &packed) && there());
        assert!((before + 5_000..before + 5_500).contains(&octets()), "{before} {}", octets());
        // A validation that began before the form was there keeps it; another body does not.
        store.put(&key, &entry(&store, first.contents.clone()));
        assert!(there());
        store.put(&key, &entry(&store, Contents::identity(Content::copy(&[1; 50_000]))));
        assert!(!there() && octets() <= before + 100);
        assert!(!store.add_form((&key, None), first.contents.body(), zstd, &packed), "that body is gone");
    }
}
