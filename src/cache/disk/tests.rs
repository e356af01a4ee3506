//! The tier with real files, without a program around it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::{DiskLimits, DiskSize};
use crate::cache::key::Key;
use crate::cache::policy::{Rules, Terms};
use crate::cache::purge::{Scope, Standing};
use crate::cache::vary::Names;
use crate::cache::{Content, Contents, Entry, Form, Limits, Store, Variant};
use crate::http::negotiate::Coding;
use crate::http::{Body, Frame, Headers};

const MIB: u64 = 1 << 20;

fn field(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
}

/// A store whose disk tier is open and whole.
fn open(path: &Path, memory: u64) -> Arc<Store> {
    let store = closed(path, memory);
    store.open();
    until("open", &store, |size| size.open && !size.rebuilding);
    store
}

fn closed(path: &Path, memory: u64) -> Arc<Store> {
    let disk = DiskLimits { path: path.to_owned(), size: 64 * MIB, index: MIB };
    Store::with_disk(Limits { memory, variants: 4 }, Some(disk), 1)
}

fn until(what: &str, store: &Store, seen: impl Fn(DiskSize) -> bool) -> DiskSize {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let size = store.disk_size().expect("a tier");
        if seen(size) {
            return size;
        }
        assert!(Instant::now() < end, "not {what}: {size:?}");
        std::thread::yield_now();
    }
}

/// Ends it as a process ends that finishes its work.
fn close(store: Arc<Store>) {
    store.close();
    until("closed", &store, |size| !size.open);
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

fn key(name: &str) -> Key {
    Key { hash: u128::from(name.len() as u64), bytes: Bytes::copy_from_slice(name.as_bytes()) }
}

/// Octets that say which body they are of, everywhere.
fn octets(name: &str, length: usize) -> Vec<u8> {
    let line = format!("<{name}:{length}>");
    line.bytes().cycle().take(length).collect()
}

fn entry_of(store: &Store, name: &str, tags: &[&str], (variant, length): (&str, usize)) -> Arc<Entry> {
    let vary: Headers = [field("vary", "x-kind")].into_iter().collect();
    let names = if variant.is_empty() { Names::default() } else { Names::of(&vary).expect("names") };
    let headers: Headers = [field("etag", name)].into_iter().collect();
    let terms = Terms { received: 1, lifetime: 1 << 40, rules: Rules::VALIDATOR, ..Terms::default() };
    let url = format!("http://a/{name}").into();
    let mark = store.purges.mark(store.purges.now(), url, tags.iter().map(|tag| Box::from(*tag)));
    let contents = Contents::identity(Content::copy(&octets(name, length)));
    Arc::new(Entry::new(StatusCode::OK, &headers, terms, Variant::of(names, &asking(variant)), contents, mark))
}

fn asking(variant: &str) -> Headers {
    if variant.is_empty() { Headers::new() } else { [field("x-kind", variant)].into_iter().collect() }
}

fn put(store: &Store, name: &str, length: usize) {
    assert!(store.put(&key(name), &entry_of(store, name, &["t"], ("", length))));
}

fn recall(store: &Store, name: &str) -> Option<(Arc<Entry>, Standing)> {
    wait(store.recall(&key(name), &Headers::new()))
}

/// All of a body, or what was wrong with it.
fn read(mut body: Body) -> Option<Vec<u8>> {
    wait(async {
        let mut read = Vec::new();
        while let Some(frame) = std::future::poll_fn(|cx| body.poll_frame(cx)).await {
            match frame {
                Ok(Frame::Data(octets)) => read.extend_from_slice(&octets),
                _ => return None,
            }
        }
        Some(read)
    })
}

fn files(path: &Path) -> Vec<std::path::PathBuf> {
    let all = std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = all.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
    files.sort();
    files
}

#[test]
fn what_was_stored_is_there_after_a_restart_in_all_sizes_and_variants() {
    let folder = tempfile::tempdir().expect("a folder");
    let sizes = [0, 1, 1000, 65_535, 65_536, 65_537, 300_000, 3_000_000];
    let store = open(folder.path(), 64 * MIB);
    for size in sizes {
        put(&store, &format!("n{size}"), size);
    }
    for variant in ["a", "b"] {
        assert!(store.put(&key("varied"), &entry_of(&store, variant, &[], (variant, 100))));
    }
    wait(store.settled());
    close(store);
    let store = open(folder.path(), 64 * MIB);
    for size in sizes {
        let name = format!("n{size}");
        let (entry, standing) = recall(&store, &name).expect("stored");
        assert_eq!((standing, entry.contents.identity.len()), (Standing::Good, size as u64));
        assert_eq!(matches!(entry.contents.identity, Content::OnDisk(_)), size > MIB as usize);
        assert_eq!(read(entry.contents.identity.whole()), Some(octets(&name, size)), "{size}");
        assert_eq!((entry.fields.iter().count(), entry.terms.lifetime), (1, 1 << 40));
        // What is in memory is not looked for on the disk again; what is large comes to the memory when it is asked for again.
        assert_eq!(store.find(key(&name).borrow()).is_some(), size <= MIB as usize);
        let again = recall(&store, &name).expect("stored").0;
        assert!(!matches!(again.contents.identity, Content::OnDisk(_)));
    }
    for variant in ["a", "b"] {
        let (entry, _) = wait(store.recall(&key("varied"), &asking(variant))).expect("stored");
        assert_eq!(read(entry.contents.identity.whole()), Some(octets(variant, 100)));
    }
    assert!(wait(store.recall(&key("varied"), &asking("c"))).is_none());
    assert!(recall(&store, "unknown").is_none());
}

#[test]
fn parts_of_a_body_on_the_disk() {
    use crate::http::multipart::Piece;
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 64 * MIB);
    let whole = octets("large", 2_000_000);
    put(&store, "large", whole.len());
    wait(store.settled());
    let (entry, _) = recall(&store, "large").expect("stored");
    let Content::OnDisk(body) = &entry.contents.identity else { panic!("too small") };
    for (offset, count) in
        [(0, 1), (65_535, 2), (65_536, 65_536), (100_000, 900_000), (1_999_999, 1), (1_999_990, 50), (3_000_000, 5)]
    {
        let part = Piece::Part { offset: offset as u64, octets: count as u64 };
        let text = || Piece::Ready(Bytes::from_static(b"--"));
        let want: Vec<u8> = whole.iter().skip(offset).take(count).copied().collect();
        let got = read(body.pieces([text(), part, text()]));
        assert_eq!(got, Some([b"--", &want[..], b"--"].concat()), "{offset}+{count}");
    }
}

#[test]
fn no_changed_octet_leaves_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<String> = (0..40).map(|at| format!("n{at}")).collect();
    let length = |name: &str| if name.ends_with('7') { 2_000_000 } else { 5000 };
    let (mut served, mut missed) = (0, 0);
    for round in 0..4_u64 {
        let store = open(folder.path(), 64 * MIB);
        names.iter().for_each(|name| put(&store, name, length(name)));
        wait(store.settled());
        close(store);
        for (at, path) in files(folder.path()).iter().enumerate() {
            let mut octets = std::fs::read(path).expect("read");
            for flip in 0..4_u64 {
                let place = (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_mul(flip + 1 + at as u64) >> 7;
                let (place, bit) = (place as usize % octets.len().max(1), place % 8);
                if let Some(octet) = octets.get_mut(place) {
                    *octet ^= 1 << bit;
                }
            }
            std::fs::write(path, octets).expect("written");
        }
        let store = open(folder.path(), 64 * MIB);
        for name in &names {
            let body = recall(&store, name).and_then(|(entry, _)| {
                assert_eq!(entry.fields.iter().next().map(|(_, value)| value.as_bytes()), Some(name.as_bytes()));
                read(entry.contents.identity.whole())
            });
            match body {
                Some(body) => {
                    assert_eq!(body, octets(name, length(name)));
                    served += 1;
                }
                None => missed += 1,
            }
        }
        close(store);
    }
    assert!(served > 0 && missed > 0, "{served} served, {missed} missed");
}

#[test]
fn purges_and_removals_hold_after_a_restart() {
    for scope in
        [Scope::All, Scope::Tag("t".into()), Scope::Url("http://a/one".into()), Scope::Prefix("http://a/on".into())]
    {
        for soft in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let store = open(folder.path(), 64 * MIB);
            assert!(store.put(&key("one"), &entry_of(&store, "one", &["t"], ("", 10))));
            assert!(store.put(&key("two"), &entry_of(&store, "two", &["u"], ("", 10))));
            store.purge(scope.clone(), soft);
            put(&store, "three", 10);
            wait(store.settled());
            let want = |name: &str| match (name, soft) {
                ("three", _) => Some(Standing::Good),
                ("two", _) if scope != Scope::All => Some(Standing::Good),
                (_, true) => Some(Standing::Soft),
                (_, false) => None,
            };
            close(store);
            for _ in 0..2 {
                let store = open(folder.path(), 64 * MIB);
                for name in ["one", "two", "three"] {
                    let standing = recall(&store, name).map(|(_, standing)| standing);
                    assert_eq!(standing, want(name), "{name} {scope:?} {soft}");
                }
                close(store);
            }
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 64 * MIB);
    let removed = entry_of(&store, "removed", &[], ("", 10));
    assert!(store.put(&key("removed"), &removed));
    put(&store, "invalid", 10);
    put(&store, "replaced", 10);
    put(&store, "replaced", 20);
    store.remove(&key("removed"), &removed);
    store.invalidate("http://a/invalid");
    wait(store.settled());
    assert!(recall(&store, "removed").is_none() && recall(&store, "invalid").is_none());
    close(store);
    let store = open(folder.path(), 64 * MIB);
    assert!(recall(&store, "removed").is_none() && recall(&store, "invalid").is_none());
    assert_eq!(recall(&store, "replaced").map(|(entry, _)| entry.contents.identity.len()), Some(20));
}

#[test]
fn a_purge_before_the_folder_could_be_had_holds_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = open(folder.path(), 64 * MIB);
    put(&old, "one", 10);
    put(&old, "two", 10);
    wait(old.settled());
    let new = closed(folder.path(), 64 * MIB);
    new.open();
    new.purge(Scope::Url("http://a/one".into()), false);
    assert!(recall(&new, "two").is_none(), "the folder is not its own");
    close(old);
    until("handed over", &new, |size| size.open && !size.rebuilding);
    assert!(recall(&new, "one").is_none() && recall(&new, "two").is_some());
    wait(new.settled());
    close(new);
    let store = open(folder.path(), 64 * MIB);
    assert!(recall(&store, "one").is_none() && recall(&store, "two").is_some());
}

#[test]
fn it_stays_within_its_bound_and_keeps_what_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 4 * MIB);
    put(&store, "loved", 50_000);
    let most = AtomicU64::new(0);
    for at in 0..2500 {
        put(&store, &format!("n{at}"), 50_000);
        if at % 20 == 0 {
            wait(store.settled());
            store.maintain();
            // Of the disk, not of the memory.
            let found = wait(store.disk.as_ref().expect("a tier").find(&key("loved"), &Headers::new()));
            assert!(found.is_some(), "{at}");
            let size = store.disk_size().expect("a tier");
            let files: u64 = files(folder.path()).iter().map(|path| path.metadata().map_or(0, |m| m.len())).sum();
            most.fetch_max(files.max(size.octets), Relaxed);
        }
    }
    wait(store.settled());
    let size = store.disk_size().expect("a tier");
    let most = most.load(Relaxed);
    assert!(most <= 64 * MIB && most > 40 * MIB, "{most}");
    assert!(size.evicted > 1000 && size.entries > 500 && size.entries < 1400, "{size:?}");
    assert!(size.index <= MIB + 300_000, "{size:?}");
    assert_eq!(size.queued, 0);
}

#[test]
fn an_index_that_is_full_bounds_the_entries() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 64 * MIB);
    for at in 0..10_000 {
        put(&store, &format!("n{at}"), 700);
        if at % 500 == 0 {
            wait(store.settled());
        }
    }
    wait(store.settled());
    let size = store.disk_size().expect("a tier");
    assert!(size.entries <= MIB / 128 && size.entries > 0, "{size:?}");
    close(store);
    let size = open(folder.path(), 64 * MIB).disk_size().expect("a tier");
    assert!(size.entries <= MIB / 128 && size.entries > 0, "{size:?}");
}

#[test]
fn a_segment_that_is_missing_takes_what_is_older_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 64 * MIB);
    for at in 0..24 {
        put(&store, &format!("n{at}"), 1_000_000);
        wait(store.settled());
    }
    close(store);
    let there = files(folder.path());
    assert!(there.len() >= 3, "{there:?}");
    std::fs::remove_file(&there[there.len() - 2]).expect("removed");
    let store = open(folder.path(), 64 * MIB);
    assert!(recall(&store, "n0").is_none() && recall(&store, "n23").is_some());
    let left: Vec<_> = files(folder.path()).into_iter().filter(|path| there.contains(path)).collect();
    assert_eq!(left, there[there.len() - 1..]);
}

#[test]
fn what_was_torn_off_is_a_miss_and_nothing_else_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 64 * MIB);
    (0..5).for_each(|at| put(&store, &format!("n{at}"), 10_000));
    wait(store.settled());
    close(store);
    let path = files(folder.path()).pop().expect("a segment");
    let octets = std::fs::read(&path).expect("read");
    for cut in [1, 9_000, 10_010, 10_100] {
        std::fs::write(&path, &octets[..octets.len() - cut]).expect("written");
        let store = open(folder.path(), 64 * MIB);
        let found: Vec<bool> = (0..5).map(|at| recall(&store, &format!("n{at}")).is_some()).collect();
        assert_eq!(found[..4], [true; 4], "{cut}");
        assert!(!found[4], "{cut}");
        close(store);
        // What that one began has nothing in it.
        files(folder.path()).iter().filter(|other| **other != path).for_each(|other| drop(std::fs::remove_file(other)));
    }
}

#[test]
fn a_purge_says_how_many_it_covers_where_that_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 64 * MIB);
    // Soft ones, that take nothing out.
    let covers = |scope| store.purge(scope, true).on_disk;
    assert_eq!(covers(Scope::Tag("t".into())), Some(Some(0)), "there is nothing at all");
    ["a", "b"].iter().for_each(|name| put(&store, name, 100));
    wait(store.settled());
    assert_eq!(covers(Scope::All), Some(Some(2)));
    for scope in [Scope::Tag("t".into()), Scope::Url("http://a/a".into()), Scope::Prefix("http://a/".into())] {
        assert_eq!(covers(scope), Some(None), "the index has neither tags nor addresses");
    }
    let memory = Store::new(Limits { memory: MIB, variants: 4 }, 1);
    assert_eq!(memory.purge(Scope::All, true).on_disk, None);
}

#[test]
fn forms_of_a_body_on_the_disk_are_there_for_the_next_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), 64 * MIB);
    put(&store, "large", 3_000_000);
    wait(store.settled());
    close(store);
    // So little memory that it stays on the disk.
    let store = open(folder.path(), 16 * MIB);
    let (first, _) = recall(&store, "large").expect("stored");
    let (second, _) = recall(&store, "large").expect("stored");
    assert!(first.contents.body() == second.contents.body(), "who asks meanwhile reads along");
    let (gzip, packed) = (Form::from(Coding::Gzip), Content::copy(b"packed"));
    let place = first.contents.identity.place();
    assert!(place.is_some() && store.add_form((&key("large"), place), first.contents.body(), gzip, &packed));
    let (third, _) = recall(&store, "large").expect("stored");
    assert_eq!(third.contents.form(gzip).map(Content::len), Some(6));
    assert_eq!(read(third.contents.identity.whole()).map(|octets| octets.len()), Some(3_000_000));
}
