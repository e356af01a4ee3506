//! `dcb` (RFC 9842 §4): brotli with a dictionary in front of the content.
//!
//! The encoder sees dictionary and content as one run of octets, while a decoder keeps them apart (RFC 9841): a copy may begin in the
//! dictionary and may not go on into the content. So the encoder gets the dictionary with its last octet replaced by one that the content
//! does not have; no copy reaches across. That needs the whole content beforehand, which is why `dcb` is given to bodies of known length
//! only. The window holds both, so that distances are the same on both sides.

use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};

use super::encoder::{EncodeError, Flow};

/// The largest content that is given this coding.
pub(super) const MOST: usize = 1024 * 1024;
/// `0xff DCB`, which the hash of the dictionary follows.
pub(super) const MAGIC: [u8; 4] = [0xff, 0x44, 0x43, 0x42];
/// Below it the encoder takes no dictionary.
const LEAST_LEVEL: u8 = 2;
/// The largest window (§4), as a power of two.
const MAX_WINDOW: u32 = 24;

/// An encoder of one body.
pub(super) struct Dcb(BrotliEncoderStateStruct<StandardAlloc>);

impl Dcb {
    /// For exactly this content, which is then to be pushed. Nothing where both do not fit into a window.
    pub(super) fn new(dictionary: &[u8], content: &[u8], level: u8) -> Option<Self> {
        // The window is 16 octets short of a power of two.
        let window = (dictionary.len() + content.len() + 16).next_power_of_two().ilog2().max(16);
        if window > MAX_WINDOW {
            return None;
        }
        let mut encoder = BrotliEncoderStateStruct::new(StandardAlloc::default());
        encoder.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, level.max(LEAST_LEVEL).into());
        encoder.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, window);
        let hint = u32::try_from(content.len()).unwrap_or(u32::MAX);
        encoder.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_SIZE_HINT, hint);
        match absent(content).zip(dictionary.split_last()) {
            Some((absent, (_, rest))) => {
                let fenced = [rest, &[absent]].concat();
                encoder.set_custom_dictionary(fenced.len(), &fenced);
            }
            // Every octet occurs: it is compressed by itself, and without the words that the decoder would look for behind the dictionary.
            None => encoder.set_custom_dictionary(0, &[]),
        }
        Some(Self(encoder))
    }

    pub(super) fn push(
        &mut self,
        input: &[u8],
        flow: Flow,
        scratch: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let (mut left, mut read) = (input.len(), 0);
        loop {
            let operation = match flow {
                Flow::More => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
                Flow::Flush => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
                Flow::End => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
            };
            let (mut room, mut written) = (scratch.len(), 0);
            let done = self.0.compress_stream(
                operation,
                &mut left,
                input,
                &mut read,
                &mut room,
                scratch,
                &mut written,
                &mut None,
                &mut |_, _, _, _| (),
            );
            if !done {
                return Err(EncodeError);
            }
            out.extend_from_slice(&scratch[..written]);
            let ended = flow != Flow::End || self.0.is_finished();
            if left == 0 && !self.0.has_more_output() && ended {
                return Ok(());
            }
        }
    }
}

/// An octet that does not occur.
fn absent(content: &[u8]) -> Option<u8> {
    let mut seen = [false; 256];
    content.iter().for_each(|octet| seen[usize::from(*octet)] = true);
    // In text the high ones are the rare ones.
    (0..=u8::MAX).rev().find(|octet| !seen[usize::from(*octet)])
}
