//! Verdicts of the cache, and a look into it.

use std::sync::Arc;

use criterion::Criterion;
use http::StatusCode;
use tidegate::cache::key::Recipe;
use tidegate::cache::policy::{self, Lookup, Options, RequestVerdict, RequestView, ResponseView, Times};
use tidegate::cache::{Content, Contents, Entry, Limits, Store, Variant};

use crate::heads::{answer_fields, browser};

/// 2024-01-01T00:00:01Z, a second after the answer was made.
const NOW: policy::Millis = 1_704_067_201_000;
/// Keys in the store.
const KEYS: usize = 10_000;

/// All of it.
pub(crate) fn bench(criterion: &mut Criterion) {
    let request = browser();
    let view = RequestView::of(&request);
    let (fields, options) = (answer_fields(), Options::default());
    let response = ResponseView { status: StatusCode::OK, headers: &fields };
    let mut group = criterion.benchmark_group("cache");
    group.bench_function("may it be asked", |bencher| {
        bencher.iter(|| policy::request(std::hint::black_box(&view), &options));
    });
    group.bench_function("may it be stored", |bencher| {
        bencher.iter(|| policy::may_store(std::hint::black_box(&view), &response, &options, Times::at(NOW)).is_ok());
    });
    let recipe = Recipe::default();
    let mut key = Vec::new();
    group.bench_function("key", |bencher| {
        bencher.iter(|| {
            key.clear();
            recipe.write(std::hint::black_box(&view), None, &mut key);
            key.len()
        });
    });
    let store = filled(&view, &response, &options);
    let keys: Vec<_> = (0..KEYS).map(name).collect();
    let mut asked = keys.iter().cycle();
    let lookup = match policy::request(&view, &options) {
        RequestVerdict::Lookup(lookup) => Lookup { directives: Default::default(), ..lookup },
        RequestVerdict::Bypass(why) => panic!("the cache is not asked: {why:?}"),
    };
    let mut said = Vec::new();
    group.bench_function("hit: find, variant, verdict, fields", |bencher| {
        bencher.iter(|| {
            let slot = store.find(store.key(asked.next().expect("they go round"))).expect("it is stored");
            let found = slot.select(&store.purges, &request.request().headers, &mut said, false);
            let (entry, standing) = found.expect("a variant");
            let headers = entry.headers(4);
            let hit = policy::on_hit(&lookup, &entry.view(&headers, standing), NOW);
            assert!(matches!(hit, policy::Hit::Fresh { .. }), "{hit:?}");
            headers.len()
        });
    });
    group.bench_function("miss", |bencher| {
        bencher.iter(|| store.find(store.key(std::hint::black_box(b"\0https://elsewhere.example/"))).is_none());
    });
    group.finish();
}

fn name(number: usize) -> Vec<u8> {
    format!("\0https://shop.example.com/catalogue/{number}").into_bytes()
}

fn filled(view: &RequestView<'_>, response: &ResponseView<'_>, options: &Options) -> Arc<Store> {
    let store = Store::new(Limits { memory: 256 << 20, variants: 64 }, 7);
    for number in 0..KEYS {
        let may = policy::may_store(view, response, options, Times::at(NOW)).expect("it may be stored");
        let url = format!("https://shop.example.com/catalogue/{number}");
        let mark = store.purges.mark(store.purges.now(), url.into(), []);
        let chosen_by = Variant::of(may.vary, view.headers);
        let contents = Contents::identity(Content::copy(&[b'x'; 1024]));
        let entry = Entry::new(response.status, &may.headers, may.terms, chosen_by, contents, mark);
        assert!(store.put(&store.key(&name(number)).to_key(), &Arc::new(entry)), "there is room");
    }
    store.maintain();
    store
}
