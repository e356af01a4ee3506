//! The index, made of what the segments say: from the newest to the oldest.

use std::sync::Arc;

use bytes::Bytes;

use super::index::Spot;
use super::journal::{NUMBERS, Purge};
use super::read;
use super::record::{HEADER, Kind, Name, Place, Record, Sums};
use super::segment::Segment;
use super::tier::Tier;
use crate::observe::log;

/// Octets that a scan reads at a time where records are small.
const WINDOW: usize = 256 * 1024;
/// Octets that it reads behind a large record.
const PEEK: usize = 4096;
/// What counts as large.
const LARGE: u64 = 64 * 1024;

/// How a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Behind a whole record.
    Whole,
    /// Within the last record, as when the process was killed: nothing was lost that was ever there.
    Torn,
    /// With something that is no record. What came after it cannot be known, and might have taken back what was before.
    Damaged,
}

/// Calls for each record of a segment, in order.
pub(super) fn scan(segment: &Segment, sums: Sums, mut each: impl FnMut(Place, &Record)) -> End {
    let length = segment.len();
    let (mut window, mut start) = (Vec::new(), 0);
    let (mut at, mut size) = (0_u64, WINDOW);
    while at < length {
        if length - at < HEADER as u64 {
            return End::Torn;
        }
        if at < start || at + HEADER as u64 > start + window.len() as u64 {
            // At most `size`.
            window.resize((length - at).min(size as u64) as usize, 0);
            start = at;
            if segment.read(at, &mut window).is_err() {
                return End::Damaged;
            }
        }
        // Within the window.
        let Some(header) = window[(at - start) as usize..].first_chunk::<HEADER>() else { return End::Damaged };
        let Ok(offset) = u32::try_from(at) else { return End::Damaged };
        let place = Place::new(segment.number, offset);
        let Some((record, _)) = Record::read(sums, place, header) else { return End::Damaged };
        let span = record.span();
        if span > length - at {
            return End::Torn;
        }
        each(place, &record);
        size = if span > LARGE { PEEK } else { WINDOW };
        at += span;
    }
    End::Whole
}

/// What a segment holds that matters to the index.
enum Event {
    Found(Spot),
    Forget(Name),
    Purge(Purge),
}

/// Builds the index of the segments that were found. Ends early where there is no more to be had.
pub(super) fn run(tier: &Arc<Tier>, mut found: Vec<Arc<Segment>>) {
    let before = tier.index_len();
    let mut trusted = true;
    let mut newer: Option<(u32, u64)> = None;
    while let Some(segment) = found.pop() {
        if tier.is_stopped() {
            return;
        }
        if tier.index_is_full() {
            // What is older stays where it is until it is its turn to go.
            break;
        }
        // A segment that is missing between two may have taken something back.
        trusted &= newer.is_none_or(|(number, _)| number == segment.number + 1);
        let epoch = if trusted { one(tier, &segment, newer) } else { None };
        match epoch {
            Some(epoch) => newer = Some((segment.number, epoch)),
            None => {
                trusted = false;
                let number = format!("{:08x}", segment.number);
                let fields = [("segment", (&*number).into())];
                log::warn("a part of the disk cache cannot be trusted, and is dropped with all that is older", &fields);
                tier.drop_segment(&segment);
            }
        }
    }
    tier.rebuilt();
    let fields = [("entries", ((tier.index_len() - before.min(tier.index_len())) as u64).into())];
    log::note("the index of the disk cache is whole", &fields);
}

/// Takes one segment in: the epoch in which it was written; `None` where it cannot be trusted.
fn one(tier: &Arc<Tier>, segment: &Arc<Segment>, newer: Option<(u32, u64)>) -> Option<u64> {
    let sums = tier.sums()?;
    let mut events = Vec::new();
    let mut epoch = newer.map_or(0, |(_, epoch)| epoch);
    let mut readable = true;
    let end = scan(segment, sums, |place, record| {
        epoch = record.number >> NUMBERS;
        let purge = |head: Bytes| Purge::read(record.number, &head);
        match record.kind {
            Kind::Response => events.push(Event::Found(Spot::of(record, place))),
            Kind::Forget => events.push(Event::Forget(record.name)),
            Kind::Purge => match read::head_at(segment, sums, place).ok().and_then(|(_, head)| purge(head)) {
                Some(purge) => events.push(Event::Purge(purge)),
                None => readable = false,
            },
        }
    });
    // A process goes on to the next segment only behind a whole record.
    let torn = end == End::Torn && newer.is_some_and(|(_, newer)| newer == epoch);
    if end == End::Damaged || torn || !readable {
        return None;
    }
    tier.take_in(segment, |index, journal, most| {
        for event in events.into_iter().rev() {
            match event {
                Event::Found(spot) => index.restore(spot, most),
                Event::Forget(name) => index.bar(name),
                Event::Purge(purge) => journal.restore(purge),
            }
        }
    });
    Some(epoch)
}
