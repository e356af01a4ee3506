//! One way to decompress, whatever the coding.

use brotlic::BrotliDecoder;
use brotlic::decode::{BrotliDecoderOptions, DecoderInfo};
use flate2::{Decompress as Inflate, FlushDecompress, Status};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use crate::http::negotiate::Coding;

/// The largest window of zstd, as a power of two: 8 MiB, which every decoder must take (RFC 9659).
const MAX_WINDOW: u32 = 23;
/// Before a ninth gzip member somebody is playing.
const MAX_MEMBERS: u8 = 8;

/// The octets are not what their coding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError;

/// A decoder at work.
pub struct Decoder {
    engine: Engine,
    /// The end of the coded content was seen.
    ended: bool,
    members: u8,
}

enum Engine {
    Gzip(Box<Inflate>),
    Zstd(DCtx<'static>),
    Br(BrotliDecoder),
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder of that coding.
    ///
    /// # Errors
    /// [`DecodeError`] for the identity, and where there is no memory for it.
    pub fn new(coding: Coding) -> Result<Self, DecodeError> {
        let engine = match coding {
            Coding::Gzip => Engine::Gzip(Box::new(Inflate::new_gzip(15))),
            Coding::Zstd => {
                let mut decoder = DCtx::try_create().ok_or(DecodeError)?;
                decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW)).map_err(|_| DecodeError)?;
                Engine::Zstd(decoder)
            }
            Coding::Br => Engine::Br(BrotliDecoderOptions::new().build().map_err(|_| DecodeError)?),
            Coding::Identity | Coding::Dcz | Coding::Dcb => return Err(DecodeError),
        };
        Ok(Self { engine, ended: false, members: 0 })
    }

    /// Decodes some of the input into some of the output: how much was read and written. Nothing of both means that more input is needed.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), DecodeError> {
        if self.ended && !input.is_empty() {
            self.begin_another()?;
        }
        match &mut self.engine {
            Engine::Gzip(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(input, output, FlushDecompress::None).map_err(|_| DecodeError)?;
                self.ended = status == Status::StreamEnd;
                let count = |now: u64, before: u64| usize::try_from(now - before).map_err(|_| DecodeError);
                Ok((count(decoder.total_in(), read)?, count(decoder.total_out(), written)?))
            }
            Engine::Zstd(decoder) => {
                let (mut input, mut output) = (InBuffer::around(input), OutBuffer::around(output));
                if input.src.is_empty() && self.ended {
                    return Ok((0, 0));
                }
                let left = decoder.decompress_stream(&mut output, &mut input).map_err(|_| DecodeError)?;
                self.ended = left == 0;
                Ok((input.pos, output.pos()))
            }
            Engine::Br(decoder) => {
                let step = decoder.decompress(input, output).map_err(|_| DecodeError)?;
                self.ended = matches!(step.info, DecoderInfo::Finished);
                Ok((step.bytes_read, step.bytes_written))
            }
        }
    }

    /// Whether the coded content is whole, so that it may end here.
    pub fn is_whole(&self) -> bool {
        self.ended
    }

    /// More octets after the end: gzip and zstd may have several members or frames (RFC 1952 §2.2, RFC 8878 §3), brotli has one.
    fn begin_another(&mut self) -> Result<(), DecodeError> {
        self.members += 1;
        match &mut self.engine {
            Engine::Gzip(decoder) if self.members < MAX_MEMBERS => {
                **decoder = Inflate::new_gzip(15);
                self.ended = false;
                Ok(())
            }
            // The decoder begins a frame by itself, and each costs it next to nothing.
            Engine::Zstd(_) => Ok(()),
            Engine::Gzip(_) | Engine::Br(_) => Err(DecodeError),
        }
    }
}
