//! What is known of queries: for each path the latest `No-Vary-Search`, so that a look-up stays two steps at most however many queries
//! are stored.
//!
//! A rule never makes a response answer what its own origin did not allow: what is stored under a rule has the rule in its key, and was
//! stored with that rule. A rule that another response of the path replaced leads to nothing, and is no danger.

use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use moka::sync::Cache;

use super::key::KeyRef;
use super::policy::SearchVariance;
use super::table::{Asked, Pass, Stored};

/// Paths with a rule may take this part of the store's memory, beside what is stored.
const PART: u64 = 64;
/// Octets that the table takes for one of them.
const NODE: usize = 320;

/// The rules of paths.
#[derive(Debug)]
pub struct Searches {
    table: Cache<Stored, Arc<SearchVariance>, BuildHasherDefault<Pass>>,
    /// Whether there ever was one; without, nobody looks.
    known: AtomicBool,
    seed: u64,
}

impl Searches {
    pub(super) fn new(memory: u64, seed: u64) -> Self {
        let weigh = |path: &Stored, rule: &Arc<SearchVariance>| NODE + path.0.bytes.len() + rule.weight();
        let table = Cache::builder()
            .max_capacity(memory / PART)
            .weigher(move |path, rule| u32::try_from(weigh(path, rule)).unwrap_or(u32::MAX))
            .build_with_hasher(BuildHasherDefault::default());
        Self { table, known: AtomicBool::new(false), seed }
    }

    /// Whether there is any rule.
    pub fn any(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// The rule of a path, which is written as `scheme://host:port/path`.
    pub fn find(&self, path: &[u8]) -> Option<Arc<SearchVariance>> {
        self.any().then(|| self.table.get(&Asked(KeyRef::of(path, self.seed)))).flatten()
    }

    /// Notes the rule of a path.
    pub fn learn(&self, path: &[u8], rule: &SearchVariance) {
        if self.find(path).is_some_and(|known| *known == *rule) {
            return;
        }
        self.table.insert(Stored(KeyRef::of(path, self.seed).to_key()), Arc::new(rule.clone()));
        self.known.store(true, Relaxed);
    }

    /// The tag of all that is stored under its path's rule for what the URL asks for.
    pub fn tag_of(&self, url: &str) -> Option<Box<str>> {
        let (path, _) = split(url);
        self.find(path.as_bytes()).map(|rule| tag(url, &rule))
    }

    pub(super) fn maintain(&self) {
        self.table.run_pending_tasks();
    }
}

/// The tag under which a response with that rule is found by every URL that means the same. No origin can write it.
pub fn tag(url: &str, rule: &SearchVariance) -> Box<str> {
    let (path, query) = split(url);
    let mut form = path.as_bytes().to_vec();
    form.push(b'\n');
    rule.write_rule(&mut form);
    rule.write(query, &mut form);
    String::from_utf8_lossy(&form).into()
}

/// A URL without its query, and the query.
pub fn split(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::headers;

    fn rule(field: &str) -> SearchVariance {
        SearchVariance::of(&headers(&[("no-vary-search", field)])).unwrap()
    }

    #[test]
    fn the_latest_rule_of_a_path() {
        let searches = Searches::new(1 << 20, 7);
        assert_eq!((searches.any(), searches.find(b"http://a/p")), (false, None));
        searches.learn(b"http://a/p", &rule("params"));
        searches.learn(b"http://a/q", &rule("key-order"));
        searches.learn(b"http://a/p", &rule("params=(\"x\")"));
        assert_eq!(searches.find(b"http://a/p").as_deref(), Some(&rule("params=(\"x\")")));
        assert_eq!(searches.find(b"http://a/q").as_deref(), Some(&rule("key-order")));
        assert_eq!(searches.find(b"http://b/p"), None);
        assert_eq!(searches.tag_of("http://a/p?x=1&y=2"), searches.tag_of("http://a/p?y=2"));
        assert_ne!(searches.tag_of("http://a/p?x=1&y=2"), searches.tag_of("http://a/p?y=3"));
        assert_eq!(searches.tag_of("http://b/p?y=2"), None);
    }

    #[test]
    fn they_are_bounded() {
        let searches = Searches::new(64 << 10, 7);
        (0..1000).for_each(|at| searches.learn(format!("http://a/{at}").as_bytes(), &rule("params")));
        searches.maintain();
        assert!(searches.table.entry_count() < 10, "{}", searches.table.entry_count());
    }
}
