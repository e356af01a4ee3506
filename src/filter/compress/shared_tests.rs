//! Codings with a dictionary against decoders that know it, and one that does not.

use std::io::Read;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use brotli::enc::StandardAlloc;
use brotli::{Allocator, Decompressor, SliceWrapperMut};
use bytes::Bytes;
use proptest::prelude::*;
use zstd_safe::{DCtx, DParameter};

use super::*;
use crate::http::dictionary::Dictionary;
use crate::http::negotiate::Coding;
use crate::http::{Body, BodyError, BodyStream, Frame, Length};

fn dictionary(octets: &[u8]) -> Dictionary {
    let hash = digest(&SHA256, octets).as_ref().try_into().expect("32 octets");
    Dictionary::new(hash, Bytes::copy_from_slice(octets)).expect("a dictionary")
}

/// What a client with the dictionary makes of it.
fn decoded(coding: Coding, packed: &[u8], known: &Dictionary, length: usize) -> Option<Vec<u8>> {
    let (magic, hash): (&[u8], _) = match coding {
        Coding::Dcz => (&[0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0], known.hash()),
        _ => (&[0xff, 0x44, 0x43, 0x42], known.hash()),
    };
    let head = [magic, &hash].concat();
    let packed = packed.strip_prefix(&head[..])?;
    let mut plain = Vec::new();
    if coding == Coding::Dcb {
        let mut octets =
            <StandardAlloc as Allocator<u8>>::alloc_cell(&mut StandardAlloc::default(), known.octets().len());
        octets.slice_mut().copy_from_slice(known.octets());
        let mut decoder = Decompressor::new(packed, 4096);
        assert!(decoder.attach_dictionary(octets));
        decoder.read_to_end(&mut plain).ok()?;
    } else {
        let mut decoder = DCtx::try_create().expect("memory");
        decoder.set_parameter(DParameter::WindowLogMax(23)).expect("a window");
        decoder.load_dictionary(known.octets()).expect("a dictionary");
        plain.reserve(length + 1);
        decoder.decompress(&mut plain, packed).ok()?;
    }
    Some(plain)
}

/// A source of known length in pieces, with a pause between them.
struct Pieces {
    pieces: Vec<Bytes>,
    pauses: bool,
}

impl BodyStream for Pieces {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        self.pauses = !self.pauses;
        match self.pieces.last() {
            Some(_) if self.pauses => Poll::Pending,
            _ => Poll::Ready(self.pieces.pop().map(|piece| Ok(Frame::Data(piece)))),
        }
    }

    fn length(&self) -> Length {
        Length::Known(self.pieces.iter().map(|piece| piece.len() as u64).sum())
    }
}

/// The body, and how often it gave the thread back.
fn packed(kit: &Rc<Kit>, source: Body, coding: Coding, level: u8, known: &Dictionary) -> (Vec<u8>, usize) {
    let place = place(kit, coding).expect("a place");
    let plan = Plan { coding, dictionary: Some(known.clone()), level, pause: Duration::ZERO };
    let mut body = EncodedBody::new(source, plan, kit, place, Rc::default());
    let (mut out, mut turns) = (Vec::new(), 0);
    loop {
        match body.poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(Frame::Data(data)))) => out.extend_from_slice(&data),
            Poll::Ready(None) => return (out, turns),
            Poll::Pending => turns += 1,
            other => panic!("{other:?}"),
        }
    }
}

/// Lines of which no two are the same.
fn lines(from: usize, to: usize) -> Vec<u8> {
    (from..to)
        .flat_map(|line| format!("line {line} {}\n", line.wrapping_mul(2_654_435_761) % 1_000_003).into_bytes())
        .collect()
}

#[test]
fn what_is_known_is_not_sent_again() {
    let kit = Kit::new();
    let known = dictionary(&lines(0, 4_000));
    for coding in [Coding::Dcz, Coding::Dcb] {
        for content in
            [lines(0, 4_000), lines(10, 5_000), lines(3_000, 4_000), [lines(2_000, 4_000), lines(0, 100)].concat()]
        {
            for level in [1, 4, 6] {
                let (out, turns) = packed(&kit, Body::full(content.clone()), coding, level, &known);
                assert!(
                    decoded(coding, &out, &known, content.len()).is_some_and(|plain| plain == content),
                    "{coding:?} {level}"
                );
                assert_eq!(turns, content.len() / slice(coding, level), "{coding:?} {level}");
                let mut alone = Encoder::new(&kit, Coding::Zstd, 4, None).expect("an encoder");
                let mut without = Vec::new();
                alone.push(&content, Flow::End, &mut without).expect("packed");
                assert!(out.len() * 3 < without.len(), "{coding:?} {level}: {} {}", out.len(), without.len());
            }
        }
        let other = dictionary(&lines(9_000, 13_000));
        let (out, _) = packed(&kit, Body::full(lines(0, 100)), coding, 4, &known);
        assert!(decoded(coding, &out, &other, 10_000).is_none(), "it says which one it needs");
    }
}

#[test]
fn a_dictionary_is_read_in_once_and_what_that_takes_has_a_bound() {
    let kit = Kit::new();
    let known: Vec<_> = (0..40).map(|number| dictionary(&lines(number * 10_000, number * 10_000 + 10_000))).collect();
    for one in known.iter().chain(&known) {
        packed(&kit, Body::full(lines(0, 10)), Coding::Dcz, 3, one);
    }
    let (count, octets) = kit.loaded_size();
    assert!((2..40).contains(&count) && octets <= 16 << 20, "{count} {octets}");
    let places: Vec<_> = std::iter::from_fn(|| place(&kit, Coding::Dcb)).collect();
    assert!(places.len() == 32 && place(&kit, Coding::Zstd).is_some());
    drop(places);
    assert!(place(&kit, Coding::Dcz).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Content that repeats its dictionary, from its end on above all, and has any octets: whatever the pieces, it comes out as it went in.
    #[test]
    fn whatever_the_content(
        known in prop::collection::vec(any::<u8>(), 64..2_000),
        parts in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..400, any::<u8>()), 0..40),
        every in any::<bool>(),
        cuts in prop::collection::vec(1_usize..3_000, 0..10),
        brotli in any::<bool>(),
        level in 1_u8..=9,
    ) {
        let mut content = Vec::new();
        if every {
            content.extend(0..=u8::MAX);
        }
        for (start, length, octet) in parts {
            let start = start.index(known.len());
            let end = (start + length).min(known.len());
            content.extend_from_slice(&known[start..end]);
            // Beyond the end of the dictionary it goes on as if the content followed it, which no copy may make use of.
            let more = content.len().min(length / 2);
            content.extend_from_within(..more);
            content.push(octet);
        }
        let Ok(hash) = <[u8; 32]>::try_from(digest(&SHA256, &known).as_ref()) else { panic!("32 octets") };
        let Some(known) = Dictionary::new(hash, known.into()) else { return Ok(()) };
        let (mut pieces, mut rest) = (Vec::new(), Bytes::from(content.clone()));
        for cut in cuts {
            let piece = rest.split_to(cut.min(rest.len()));
            pieces.extend((!piece.is_empty()).then_some(piece));
        }
        pieces.extend((!rest.is_empty()).then_some(rest));
        pieces.reverse();
        let coding = if brotli { Coding::Dcb } else { Coding::Dcz };
        let source = Body::stream(Pieces { pieces, pauses: false });
        let (out, _) = packed(&Kit::new(), source, coding, level, &known);
        prop_assert_eq!(decoded(coding, &out, &known, content.len()), Some(content));
    }
}
