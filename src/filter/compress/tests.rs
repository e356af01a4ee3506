//! Encoders against decoders, whatever the pieces; bodies against sources that pause; and the policy as a table.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    VARY,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::config::model::{self, Levels, TypePattern};
use crate::filter::decompress::{Bounds, DecodedBody, Decoder};
use crate::http::negotiate::Coding;
use crate::http::sanitize;
use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Length, Response};

const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

/// Something like text, of that many octets.
fn text(octets: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    let words = ["tide", "gate", "<p class=\"row\">", "</p>\n", "harbour", "1234", "the", " "];
    let mut out = Vec::with_capacity(octets + 16);
    while out.len() < octets {
        out.extend_from_slice(words[next() as usize % words.len()].as_bytes());
        out.push(b'a' + (next() % 26) as u8);
    }
    out.truncate(octets);
    out
}

/// Decodes all of it at once.
fn decoded(coding: Coding, packed: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(coding).expect("a decoder");
    let (mut out, mut room, mut at) = (Vec::new(), vec![0; 100_000], 0);
    loop {
        let (read, written) = decoder.step(&packed[at..], &mut room).expect("valid");
        at += read;
        out.extend_from_slice(&room[..written]);
        if read == 0 && written == 0 {
            assert_eq!((at, decoder.is_whole()), (packed.len(), true), "{coding:?}");
            return out;
        }
    }
}

/// A source that gives these frames; `None` is a pause that somebody must end.
struct Script {
    frames: VecDeque<Option<Result<Frame, BodyError>>>,
    length: Length,
}

impl BodyStream for Script {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        match self.frames.pop_front() {
            Some(Some(frame)) => Poll::Ready(Some(frame)),
            Some(None) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn length(&self) -> Length {
        self.length
    }
}

fn piece(bytes: &[u8]) -> Option<Result<Frame, BodyError>> {
    Some(Ok(Frame::Data(Bytes::copy_from_slice(bytes))))
}

fn script(frames: impl IntoIterator<Item = Option<Result<Frame, BodyError>>>) -> Body {
    Body::stream(Script { frames: frames.into_iter().collect(), length: Length::Unknown })
}

fn encoded(source: Body, coding: Coding, level: u8, pause: Duration) -> (EncodedBody, Rc<Cell<u64>>) {
    let (kit, plain) = (Kit::new(), Rc::new(Cell::new(0)));
    let place = kit.place().expect("a place");
    (EncodedBody::new(source, Plan { coding, dictionary: None, level, pause }, &kit, place, plain.clone()), plain)
}

/// Everything, with pauses polled through; the source must end.
fn drained(body: &mut EncodedBody) -> Result<(Vec<u8>, Option<Headers>), BodyError> {
    let (mut out, mut trailers) = (Vec::new(), None);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match body.poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(Frame::Data(data)))) => {
                assert!(!data.is_empty());
                out.extend_from_slice(&data);
            }
            Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => trailers = Some(fields),
            Poll::Ready(Some(Err(error))) => return Err(error),
            Poll::Ready(None) => return Ok((out, trailers)),
            Poll::Pending => {}
        }
    }
}

#[test]
fn whole_bodies_come_back() {
    let kit = Kit::new();
    for coding in CODINGS {
        for octets in [0, 1, 511, 512, 513, 100 * 1024, 1024 * 1024] {
            let plain = text(octets);
            for level in [1, 4, 9] {
                let packed = whole(&kit, coding, level, &plain).expect("packed");
                assert!(octets < 512 || packed.len() < octets / 2, "{coding:?} {level} {octets} {}", packed.len());
                assert_eq!(decoded(coding, &packed), plain, "{coding:?} {level} {octets}");
            }
        }
    }
    assert!(whole(&kit, Coding::Identity, 1, b"x").is_err());
}

#[test]
fn an_encoder_that_was_dropped_half_way_leaves_no_trace() {
    let kit = Kit::new();
    for coding in CODINGS {
        for size in [None, Some(7_000_000)] {
            let mut first = Encoder::new(&kit, coding, 4, size).expect("an encoder");
            first.push(&text(300_000), Flow::More, &mut Vec::new()).expect("takes it");
            drop(first);
            let mut out = Vec::new();
            let mut second = Encoder::new(&kit, coding, 4, None).expect("an encoder");
            second.push(b"hello", Flow::End, &mut out).expect("takes it");
            assert_eq!(decoded(coding, &out), b"hello");
        }
    }
}

#[test]
fn what_was_flushed_can_be_read() {
    let kit = Kit::new();
    for coding in CODINGS {
        let mut encoder = Encoder::new(&kit, coding, 4, None).expect("an encoder");
        let mut decoder = Decoder::new(coding).expect("a decoder");
        for event in ["data: 1\n\n", "data: 2\n\n", "", "data: and so on\n\n"] {
            let mut out = Vec::new();
            encoder.push(event.as_bytes(), Flow::Flush, &mut out).expect("takes it");
            let (mut seen, mut room, mut at) = (Vec::new(), [0; 100], 0);
            while at < out.len() {
                let (read, written) = decoder.step(&out[at..], &mut room).expect("valid");
                at += read;
                seen.extend_from_slice(&room[..written]);
            }
            let (_, written) = decoder.step(&[], &mut room).expect("valid");
            seen.extend_from_slice(&room[..written]);
            assert_eq!(String::from_utf8_lossy(&seen), event, "{coding:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_pieces_come_back(
        octets in prop_oneof![0_usize..3, 500..530_usize, 1..400_000_usize],
        cuts in prop::collection::vec((1_usize..70_000, any::<bool>()), 0..40),
        place in 0..CODINGS.len(),
        level in 1_u8..=9,
        known in any::<bool>(),
        instant in any::<bool>(),
    ) {
        let (plain, coding) = (text(octets), CODINGS[place]);
        let (mut frames, mut at) = (VecDeque::new(), 0);
        for (cut, pauses) in cuts {
            let end = (at + cut).min(plain.len());
            if end > at {
                frames.push_back(piece(&plain[at..end]));
            }
            if pauses {
                frames.push_back(None);
            }
            at = end;
        }
        if at < plain.len() {
            frames.push_back(piece(&plain[at..]));
        }
        // A flush right at the pause needs no timer, and so no runtime.
        let pause = if instant { Duration::ZERO } else { Duration::from_millis(1) };
        let length = Length::Unknown;
        let source = if known && frames.len() < 2 { Body::full(plain.clone()) } else { Body::stream(Script { frames, length }) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let _inside = runtime.enter();
        let (mut body, counted) = encoded(source, coding, level, pause);
        let (packed, _) = drained(&mut body).expect("no fault");
        prop_assert_eq!(decoded(coding, &packed), plain);
        prop_assert_eq!(counted.get(), octets as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_source_lets_out_what_is_held_back() {
    for coding in CODINGS {
        for pause in [Duration::ZERO, Duration::from_millis(2)] {
            // A pause of the source is polled twice: once by the reader, once by the timer.
            let (mut body, _) =
                encoded(script([piece(b"first\n"), None, None, None, piece(b"second\n")]), coding, 4, pause);
            let first = std::future::poll_fn(|cx| body.poll_frame(cx)).await;
            let Some(Ok(Frame::Data(first))) = first else { panic!("{coding:?}: {first:?}") };
            let mut decoder = Decoder::new(coding).expect("a decoder");
            let mut room = [0; 100];
            let (_, written) = decoder.step(&first, &mut room).expect("valid");
            assert_eq!(&room[..written], b"first\n", "{coding:?}");
        }
    }
}

#[test]
fn a_large_body_gives_the_thread_back_after_each_slice() {
    let levels = [1, 4, 6, 9].into_iter().flat_map(|level| CODINGS.map(|coding| (coding, level)));
    for (coding, level) in levels {
        let plain = text(400_000);
        let (mut body, _) = encoded(Body::full(plain.clone()), coding, level, Duration::ZERO);
        let mut cx = Context::from_waker(Waker::noop());
        let (mut turns, mut out) = (0, Vec::new());
        loop {
            match body.poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(Frame::Data(data)))) => out.extend_from_slice(&data),
                Poll::Ready(None) => break,
                Poll::Pending => turns += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(decoded(coding, &out), plain);
        assert_eq!(turns, plain.len() / slice(coding, level), "{coding:?} {level}");
    }
}

#[test]
fn trailers_follow_and_faults_end_it() {
    let trailers: Headers = [(HeaderName::from_static("x-sum"), HeaderValue::from_static("1"))].into_iter().collect();
    for coding in CODINGS {
        let frames = [piece(b"hello"), Some(Ok(Frame::Trailers(trailers.clone())))];
        let (packed, followed) = drained(&mut encoded(script(frames), coding, 4, Duration::ZERO).0).expect("no fault");
        assert_eq!(
            (decoded(coding, &packed).as_slice(), followed.map(|fields| fields.len())),
            (&b"hello"[..], Some(1))
        );
        let frames = [piece(b"hello"), Some(Err(BodyError::Incomplete))];
        let mut body = encoded(script(frames), coding, 4, Duration::ZERO).0;
        assert_eq!(drained(&mut body).err(), Some(BodyError::Incomplete));
        assert!(matches!(body.poll_frame(&mut Context::from_waker(Waker::noop())), Poll::Ready(None)));
    }
}

#[test]
fn a_bomb_is_defused_and_a_lie_is_found() {
    let kit = Kit::new();
    let plain = |bounds, coding, packed: Bytes| {
        let mut body = DecodedBody::new(Body::full(packed), coding, bounds).expect("a decoder");
        let mut cx = Context::from_waker(Waker::noop());
        let mut octets = 0;
        loop {
            match body.poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(Frame::Data(data)))) => octets += data.len(),
                Poll::Ready(Some(Ok(Frame::Trailers(_)))) => {}
                Poll::Ready(Some(Err(error))) => return (octets, Some(error)),
                Poll::Ready(None) => return (octets, None),
                Poll::Pending => {}
            }
        }
    };
    let free = Bounds { octets: 0, ratio: 0 };
    for coding in CODINGS {
        let bomb = whole(&kit, coding, 9, &vec![0; 20_000_000]).expect("packed");
        assert_eq!(plain(free, coding, bomb.clone()), (20_000_000, None));
        let (octets, error) = plain(Bounds { octets: 0, ratio: 100 }, coding, bomb.clone());
        assert!(error == Some(BodyError::TooLarge) && octets < 200_000 + 100 * bomb.len(), "{coding:?} {octets}");
        let (octets, error) = plain(Bounds { octets: 1_000_000, ratio: 0 }, coding, bomb.clone());
        assert!(error == Some(BodyError::TooLarge) && octets <= 1_000_000, "{coding:?} {octets}");
        let small = whole(&kit, coding, 9, &text(3000)).expect("packed");
        assert_eq!(plain(Bounds { octets: 3000, ratio: 2 }, coding, small.clone()), (3000, None));
        for lie in
            [small.slice(..small.len() - 3), Bytes::from([&small[..], b"more"].concat()), Bytes::from_static(b"{}")]
        {
            assert_eq!(plain(free, coding, lie).1, Some(BodyError::Malformed), "{coding:?}");
        }
    }
    let two =
        [whole(&kit, Coding::Gzip, 1, b"one,").expect("packed"), whole(&kit, Coding::Gzip, 1, b"two").expect("packed")];
    assert_eq!(plain(free, Coding::Gzip, two.concat().into()), (7, None));
}

fn policy() -> Compress {
    let policy = model::Compress {
        encodings: CODINGS.to_vec(),
        levels: Levels { zstd: 3, br: 4, gzip: 4 },
        min_size: 100,
        types: TypePattern::DEFAULTS.iter().filter_map(|text| TypePattern::parse(text)).collect(),
        adaptive: true,
        dictionary: None,
    };
    Compress::compile(&policy).expect("no dictionary is missing")
}

/// All that is done to a response that passes.
fn passed(wish: &Wish, response: &mut sanitize::CleanResponse, kit: &Rc<Kit>) -> Result<Packed, Reason> {
    let choice = policy().settle(wish, response)?;
    policy().encode(wish, choice, response, kit)
}

fn headers(fields: &[(HeaderName, &'static str)]) -> Headers {
    fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

fn response(status: u16, fields: &[(HeaderName, &'static str)], body: &[u8]) -> sanitize::CleanResponse {
    let mut response = Response::new(StatusCode::from_u16(status).expect("a status"));
    response.headers = headers(fields);
    sanitize::own(response.with_body(Body::full(body.to_vec())))
}

#[test]
fn what_is_compressed_and_what_is_not() {
    use Reason::{Encoded, NoContent, NoTransform, NotAccepted, Small, Type};
    use Verdict::{Encode, Leave};
    let (html, any) = ((CONTENT_TYPE, "text/html; charset=utf-8"), [(ACCEPT_ENCODING, "gzip, br, zstd")]);
    let large = text(1000);
    let no_transform = (CACHE_CONTROL, "public, No-Transform");
    for (asked, status, fields, body, want) in [
        (&any[..], 200, vec![html.clone()], &large[..], Encode(Coding::Zstd)),
        (&any, 404, vec![html.clone()], &large, Encode(Coding::Zstd)),
        (&any, 200, vec![html.clone()], &large[..99], Leave(Small)),
        (&any, 200, vec![html.clone()], &large[..100], Encode(Coding::Zstd)),
        (&any, 200, vec![html.clone()], b"", Leave(NoContent)),
        (&any, 206, vec![html.clone()], &large, Leave(NoContent)),
        (&any, 200, vec![html.clone(), (CONTENT_RANGE, "bytes 0-9/10")], &large, Leave(NoContent)),
        (&any, 304, vec![html.clone()], b"", Leave(NoContent)),
        (&any, 204, vec![html.clone()], b"", Leave(NoContent)),
        (&any, 200, vec![html.clone(), (CONTENT_ENCODING, "gzip")], &large, Leave(Encoded)),
        (&any, 200, vec![html.clone(), (CONTENT_ENCODING, "identity")], &large, Encode(Coding::Zstd)),
        (&any, 200, vec![html.clone(), no_transform.clone()], &large, Leave(NoTransform)),
        (&[any[0].clone(), no_transform][..], 200, vec![html.clone()], &large, Leave(NoTransform)),
        (&any, 200, vec![(CONTENT_TYPE, "image/png")], &large, Leave(Type)),
        (&any, 200, vec![(CONTENT_TYPE, "text/event-stream")], &large, Leave(Type)),
        (&any, 200, vec![(CONTENT_TYPE, "application/grpc")], &large, Leave(Type)),
        (&any, 200, vec![], &large, Leave(Type)),
        (&[], 200, vec![html.clone()], &large, Leave(NotAccepted)),
        (&[(ACCEPT_ENCODING, "gzip;q=0.5, br;q=0.9")], 200, vec![html.clone()], &large, Encode(Coding::Br)),
        (&[(ACCEPT_ENCODING, "identity, gzip;q=0.5")], 200, vec![html.clone()], &large, Leave(NotAccepted)),
        (&[(ACCEPT_ENCODING, "*")], 200, vec![html.clone()], &large, Encode(Coding::Zstd)),
        (
            &[(ACCEPT_ENCODING, "gzip, identity;q=0")],
            200,
            vec![(CONTENT_TYPE, "image/png")],
            b"x",
            Encode(Coding::Gzip),
        ),
        (&[(ACCEPT_ENCODING, "gzip, *;q=0")], 200, vec![], b"x", Encode(Coding::Gzip)),
        (&[(ACCEPT_ENCODING, "identity;q=0")], 200, vec![html.clone()], &large, Leave(NotAccepted)),
    ] {
        let wish = policy().wish(&Method::GET, &headers(asked));
        let response = response(status, &fields, body);
        assert_eq!(policy().verdict(&wish, response.response()), want, "{asked:?} {status} {fields:?}");
    }
}

#[test]
fn a_busy_thread_works_less_for_each_body() {
    let large = text(20_000);
    for (busy, level) in [(0.1, 4), (0.8, 2), (0.95, 1)] {
        let kit = Kit::new();
        kit.pretend(busy);
        let wish = policy().wish(&Method::GET, &headers(&[(ACCEPT_ENCODING, "gzip")]));
        let mut response = response(200, &[(CONTENT_TYPE, "text/html")], &large);
        passed(&wish, &mut response, &kit).expect("compressed");
        let Body::Full(packed) = response.into_response().body else { panic!("all of it") };
        assert!(packed == whole(&kit, Coding::Gzip, level, &large).expect("packed"), "{busy}");
    }
}

#[test]
fn the_head_alone_says_what_the_whole_would() {
    let (kit, asked) = (Kit::new(), headers(&[(ACCEPT_ENCODING, "br")]));
    let fields = [(CONTENT_TYPE, "text/html"), (ETAG, "\"a\"")];
    let seen = |method: Method, length: &'static str, body: &[u8]| {
        let mut response = response(200, &[&fields[..], &[(CONTENT_LENGTH, length)]].concat(), body);
        let packed = passed(&policy().wish(&method, &asked), &mut response, &kit).is_ok();
        let fields: Vec<_> = response.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        (packed, fields, response.into_response().body.length())
    };
    let (get, head) = (seen(Method::GET, "1000", &text(1000)), seen(Method::HEAD, "1000", b""));
    assert_eq!((get.0, &get.1), (head.0, &head.1));
    assert!(get.1.contains(&"etag: \"W/\\\"a\\\"\"".to_owned()) && !get.1.iter().any(|line| line.contains("length")));
    assert_eq!(head.2, Length::Known(0));
    assert!(!seen(Method::HEAD, "10", b"").0);
    assert!(!seen(Method::GET, "10", &text(10)).0);
}

#[test]
fn who_does_not_get_it_is_told_that_others_do() {
    let kit = Kit::new();
    let mut response = response(200, &[(CONTENT_TYPE, "text/html"), (ETAG, "\"a\"")], &text(1000));
    let wish = policy().wish(&Method::GET, &Headers::new());
    assert_eq!(passed(&wish, &mut response, &kit).err(), Some(Reason::NotAccepted));
    assert_eq!(
        (response.headers().text(&VARY), response.headers().text(&ETAG)),
        (Some("accept-encoding"), Some("\"a\""))
    );
}

#[test]
fn a_304_matches_what_the_client_has() {
    let kit = Kit::new();
    for (known, said) in [("W/\"a\"", "W/\"a\""), ("\"a\"", "\"a\"")] {
        let wish = policy().wish(&Method::GET, &headers(&[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, known)]));
        let mut response = response(304, &[(ETAG, "\"a\"")], b"");
        assert!(passed(&wish, &mut response, &kit).is_err());
        assert_eq!(response.headers().text(&ETAG), Some(said));
    }
}
