//! Reading what was written, and nothing else: whatever leaves here has been compared with its checksum.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::body::{OnDisk, Stored};
use super::counts::Failure;
use super::head::{self, Head};
use super::index::Spot;
use super::record::{BLOCK, HEADER, Kind, Place, Record, SUM, Sums};
use super::segment::Segment;
use super::tier::Tier;
use crate::cache::Content;
use crate::cache::content::SLICE;

/// Octets read at first: the header, and most heads.
const FIRST: usize = 4096;

/// A stored response as it was found.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) record: Record,
    pub(super) head: Head,
    pub(super) content: Content,
}

/// Reads a response; its body too, up to `whole` octets. `None` where it was evicted meanwhile.
pub(super) fn load(tier: &Arc<Tier>, spot: &Spot, whole: u64) -> Result<Option<Loaded>, Failure> {
    let (Some(segment), Some(sums)) = (tier.segment(spot.place.segment()), tier.sums()) else { return Ok(None) };
    let (record, octets) = head_at(&segment, sums, spot.place)?;
    if record.name != spot.name || record.kind != Kind::Response {
        return Err(Failure::Checksum);
    }
    let head = head::read(&octets).ok_or(Failure::Checksum)?;
    let (place, start) = (spot.place, spot.place.offset() + (HEADER + octets.len()) as u64);
    let length = record.body;
    let content = if length == 0 {
        Content::Empty
    } else if length <= whole {
        Blocks { place, start, length }.all(&segment, sums)?
    } else {
        Content::OnDisk(OnDisk::new(Stored { tier: tier.clone(), segment, place, name: record.name, start, length }))
    };
    Ok(Some(Loaded { record, head, content }))
}

/// The record at a place, with its head.
///
/// # Errors
/// Where there is none that its checksums agree with.
pub(super) fn head_at(segment: &Segment, sums: Sums, place: Place) -> Result<(Record, Bytes), Failure> {
    let offset = place.offset();
    let there = segment.len().saturating_sub(offset);
    // At most `FIRST`.
    let mut octets = BytesMut::zeroed(there.min(FIRST as u64) as usize);
    segment.read(offset, &mut octets).map_err(|_| Failure::Read)?;
    let header = octets.first_chunk::<HEADER>().ok_or(Failure::Read)?;
    let (record, sum) = Record::read(sums, place, header).ok_or(Failure::Checksum)?;
    let end = HEADER + record.head as usize;
    if octets.len() < end {
        let known = octets.len();
        octets.resize(end, 0);
        segment.read(offset + known as u64, &mut octets[known..]).map_err(|_| Failure::Read)?;
    }
    let head = octets.freeze().slice(HEADER..end);
    if sums.head(place, &head) == sum { Ok((record, head)) } else { Err(Failure::Checksum) }
}

/// The blocks of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    /// Of the record.
    pub(super) place: Place,
    /// Where they begin.
    pub(super) start: u64,
    /// Octets of the body.
    pub(super) length: u64,
}

impl Blocks {
    /// A few blocks, from that one on; fewer at the end.
    ///
    /// # Errors
    /// Where the disk does not give what was written.
    pub(super) fn read(&self, segment: &Segment, sums: Sums, first: u64, count: u64) -> Result<Vec<Bytes>, Failure> {
        const STEP: u64 = (BLOCK + SUM) as u64;
        let number = self.length.div_ceil(BLOCK as u64);
        let count = count.min(number.saturating_sub(first));
        let octets = count * BLOCK as u64 - self.short_of(first + count, number);
        let mut raw = BytesMut::zeroed(usize::try_from(octets + count * SUM as u64).map_err(|_| Failure::Read)?);
        segment.read(self.start + first * STEP, &mut raw).map_err(|_| Failure::Read)?;
        let mut raw = raw.freeze();
        let mut blocks = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        for block in first..first + count {
            let octets = raw.split_to((raw.len() - SUM).min(BLOCK));
            if raw.split_to(SUM)[..] != sums.block(self.place, block, &octets) {
                return Err(Failure::Checksum);
            }
            blocks.push(octets);
        }
        Ok(blocks)
    }

    /// What the last block lacks, where it is among those before `end`.
    fn short_of(&self, end: u64, number: u64) -> u64 {
        if end == number { number * BLOCK as u64 - self.length } else { 0 }
    }

    /// All of the body, in memory of its own.
    fn all(&self, segment: &Segment, sums: Sums) -> Result<Content, Failure> {
        const AT_A_TIME: u64 = (SLICE / BLOCK) as u64;
        let number = self.length.div_ceil(BLOCK as u64);
        let mut slices = Vec::new();
        let mut first = 0;
        while first < number {
            let blocks = self.read(segment, sums, first, AT_A_TIME)?;
            let mut slice = BytesMut::with_capacity(blocks.iter().map(Bytes::len).sum());
            blocks.iter().for_each(|block| slice.extend_from_slice(block));
            slices.push(slice.freeze());
            first += AT_A_TIME;
        }
        Ok(Content::of(slices))
    }
}
