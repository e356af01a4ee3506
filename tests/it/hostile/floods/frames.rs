//! Floods of frames.

use super::bursts::*;
use super::{CALM, MOST_KIB, PATIENCE, assert_put_out, flood, origin_of};
use crate::support::Edge;
use crate::support::frames::{
    END_STREAM, Fate, FrameClient, PING, PRIORITY, frame, headers, pseudo, reset, window_update,
};

/// A flood: its frames in bursts, and the reason that it is put out for.
struct Attack {
    reason: &'static str,
    burst: fn(u32) -> Vec<u8>,
    /// Whether the HTTP/2 codec alone would have ended it.
    held_by_codec: bool,
}

const ATTACKS: &[Attack] = &[
    Attack { reason: "resets", burst: rapid_reset, held_by_codec: false },
    Attack { reason: "provoked_resets", burst: made_you_reset, held_by_codec: true },
    Attack { reason: "provoked_resets", burst: over_max_streams, held_by_codec: true },
    Attack { reason: "settings", burst: settings_flood, held_by_codec: false },
    Attack { reason: "pings", burst: ping_flood, held_by_codec: false },
    Attack { reason: "priorities", burst: priority_flood, held_by_codec: false },
    Attack { reason: "empty_data", burst: empty_data, held_by_codec: true },
    Attack { reason: "tiny_data", burst: tiny_data, held_by_codec: false },
    Attack { reason: "window_updates", burst: window_updates, held_by_codec: false },
    Attack { reason: "continuations", burst: continuations, held_by_codec: true },
    Attack { reason: "continuations", burst: empty_continuations, held_by_codec: true },
    Attack { reason: "other_frames", burst: unknown_frames, held_by_codec: false },
    Attack { reason: "field_block", burst: bomb, held_by_codec: true },
    Attack { reason: "field_block", burst: crumbs, held_by_codec: true },
];

#[test]
fn every_flood_ends_with_a_word_about_why() {
    for attack in ATTACKS {
        let origin = origin_of(100);
        let proxy = Edge::to(origin.address).start();
        assert_eq!(proxy.get("/").status(), 200);
        let growth = proxy.growth_kib(|| {
            let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
            let fate = flood(&mut client, 600, attack.burst);
            assert_eq!(fate, Fate::GoAway(CALM), "{}", attack.reason);
            assert!(client.is_closed(), "{}", attack.reason);
        });
        assert_put_out(&proxy, attack.reason);
        assert!(growth < MOST_KIB, "{}: {growth} KiB", attack.reason);
    }
}

/// What the score is for: without it, these go on for as long as the client likes.
#[test]
fn without_the_score_some_would_go_on() {
    for attack in ATTACKS {
        let origin = origin_of(100);
        let proxy = Edge::to(origin.address).listener("abuse = false").start();
        let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
        // Bursts one by one: what the codec holds back at once is not what counts here.
        let alive = (0..600).all(|round| client.send((attack.burst)(round)) && client.is_alive());
        let fate = if alive { Fate::Hangs } else { client.goodbye() };
        let held = fate == Fate::GoAway(CALM);
        assert_eq!(held, attack.held_by_codec, "{}: {fate:?}", attack.reason);
        assert_eq!(proxy.get("/").status(), 200);
    }
}

#[test]
fn an_allowance_is_what_it_says() {
    let origin = origin_of(1);
    let proxy = Edge::to(origin.address).listener("abuse = { pings = 10, half_life = \"1h\" }").start();
    for (count, alive) in [(6, true), (40, false)] {
        let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
        client.send(frame(PING, 0, 0, [7; 8]).repeat(count));
        let fate = if alive { client.goodbye() } else { client.error_of(1) };
        assert_eq!(fate, if alive { Fate::Hangs } else { Fate::GoAway(CALM) }, "{count} pings");
    }
}

/// Before it is put out, a client that does much of the kind is asked to leave: what runs ends in peace.
#[test]
fn a_client_on_the_way_there_is_asked_to_leave() {
    let origin = origin_of(3);
    let proxy = Edge::to(origin.address).listener("abuse = { pings = 10, half_life = \"1h\" }").start();
    let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
    let pings = frame(PING, 0, 0, [7; 8]).repeat(8);
    client.send([pings, headers(1, END_STREAM, pseudo("GET", "/"))].concat());
    assert_eq!(client.fate(1), Fate::Response(200));
    let farewell = client.wait(|frame| frame.kind == crate::support::frames::GOAWAY).unwrap();
    assert_eq!(farewell.code(), 0);
}

/// What clients of good will do: a page of a hundred requests, each with its priority and windows, and all of them given up.
#[test]
fn honest_bursts_pass() {
    let origin = origin_of(40_000);
    let proxy = Edge::to(origin.address).start();
    let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
    client.send(window_update(0, 1 << 28));
    let ask = |n: u32| {
        let priority = frame(PRIORITY, 0, stream(n), [0, 0, 0, 0, 200]);
        [priority, headers(stream(n), END_STREAM, pseudo("GET", "/"))].concat()
    };
    for round in 0..3 {
        client.send((0..50).flat_map(|n| ask(round * 50 + n)).collect::<Vec<_>>());
        for n in 0..50 {
            assert_eq!(client.fate(stream(round * 50 + n)), Fate::Response(200));
            client.send(window_update(0, 40_000));
        }
    }
    client.send((150..220).flat_map(ask).collect::<Vec<_>>());
    client.send((150..220).flat_map(|n| reset(stream(n), 8)).collect::<Vec<_>>());
    client.send(headers(stream(220), END_STREAM, pseudo("GET", "/")));
    assert_eq!(client.fate(stream(220)), Fate::Response(200));
}

/// Work that nobody waits for is not begun: such a stream costs a look at it.
#[test]
fn what_is_taken_back_at_once_is_not_asked_for() {
    let origin = origin_of(1);
    let proxy = Edge::to(origin.address).start();
    let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
    let gone = |n| [headers(stream(n), END_STREAM, pseudo("GET", "/gone")), reset(stream(n), 8)].concat();
    let ask = headers(stream(20), END_STREAM, pseudo("GET", "/"));
    client.send((0..20).flat_map(gone).chain(ask).collect::<Vec<_>>());
    assert_eq!(client.fate(stream(20)), Fate::Response(200));
    let asked: Vec<_> = origin.requests().iter().map(|request| request.first_line().to_owned()).collect();
    assert_eq!(asked, ["GET / HTTP/1.1"]);
    let logged = proxy.access_log(1);
    assert!(logged.iter().all(|line| !line.contains("/gone")), "{logged:?}");
}
