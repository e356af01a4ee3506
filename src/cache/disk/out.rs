//! A record on its way into a segment: put together to few writes, block by block with their checksums.

use std::io;

use bytes::Bytes;

use super::record::{BLOCK, Place, Sums};
use super::segment::Segment;
use crate::cache::Content;

/// Octets that are put together before they are written.
const TOGETHER: usize = 256 * 1024;

/// Octets on their way into a segment.
pub(super) struct Out<'a> {
    pub(super) segment: &'a Segment,
    pub(super) at: u64,
    pub(super) scratch: &'a mut Vec<u8>,
}

impl Out<'_> {
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.segment.write(self.at, self.scratch)?;
        self.at += self.scratch.len() as u64;
        self.scratch.clear();
        Ok(())
    }

    /// Writes a body in blocks; false where it cannot be read.
    pub(super) fn body(&mut self, content: &Content, sums: Sums, place: Place) -> io::Result<bool> {
        let mut number = 0;
        let mut begun = self.scratch.len();
        let mut slices = match content {
            Content::OnDisk(_) => &[][..],
            memory => memory.slices(),
        }
        .iter();
        let mut next = 0;
        loop {
            let some: Vec<Bytes> = match content {
                Content::OnDisk(body) if next * (BLOCK as u64) < body.len() => {
                    let Ok(blocks) = body.blocks(next, 1) else { return Ok(false) };
                    next += 1;
                    blocks
                }
                _ => slices.next().cloned().into_iter().collect(),
            };
            if some.is_empty() {
                break;
            }
            for mut octets in some {
                while !octets.is_empty() {
                    let room = BLOCK - (self.scratch.len() - begun);
                    self.scratch.extend_from_slice(&octets.split_to(room.min(octets.len())));
                    if self.scratch.len() - begun == BLOCK {
                        begun = self.end_block(begun, &mut number, (sums, place))?;
                    }
                }
            }
        }
        if self.scratch.len() > begun {
            self.end_block(begun, &mut number, (sums, place))?;
        }
        Ok(true)
    }

    /// Ends the block that begins there, and says where the next one does.
    fn end_block(&mut self, begun: usize, number: &mut u64, (sums, place): (Sums, Place)) -> io::Result<usize> {
        let sum = sums.block(place, *number, &self.scratch[begun..]);
        self.scratch.extend_from_slice(&sum);
        *number += 1;
        if self.scratch.len() >= TOGETHER {
            self.flush()?;
        }
        Ok(self.scratch.len())
    }
}
