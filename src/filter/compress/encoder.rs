//! One way to compress, whatever the coding: pieces in, pieces out, with a flush where somebody waits for what is held back.
//!
//! It works on a stream ([`super::EncodedBody`]) as on octets that are all there ([`whole`]), so that a store can make a variant of what
//! it holds.

use std::rc::Rc;

use brotlic::encode::{BrotliEncoder, BrotliEncoderOptions, BrotliOperation};
use brotlic::{Quality, WindowSize};
use bytes::Bytes;
use flate2::{Compress as Deflate, FlushCompress, Status};
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective};

use super::dcb::{self, Dcb};
use super::kit::{Kit, Loaded};
use crate::http::dictionary::{Dictionary, Hash};
use crate::http::negotiate::Coding;

/// The window of zstd and brotli, as a power of two: it bounds the memory of a stream on both sides. Every browser takes it (RFC 9659).
const WINDOW: u8 = 18;

/// The encoder refused to go on, which a bug on our side or a lack of memory can cause. Ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError;

impl EncodeError {
    /// The word for it in logs.
    pub const fn label(self) -> &'static str {
        "encoder_failed"
    }
}

/// What follows a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More, soon: output may be held back.
    More,
    /// Perhaps nothing for a while: what was given so far must be readable.
    Flush,
    /// Nothing.
    End,
}

/// An encoder at work. Its tables go back to the worker when it is dropped.
pub struct Encoder {
    kit: Rc<Kit>,
    engine: Engine,
    /// What comes before the first octet.
    head: Vec<u8>,
}

enum Engine {
    Gzip(u8, Deflate),
    Zstd(CCtx<'static>),
    Br(Box<BrotliEncoder>),
    Dcz(Loaded),
    Dcb(Box<Dcb>),
    /// What was there is with the kit again.
    Gone,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.engine {
            Engine::Gzip(..) => "Encoder(gzip)",
            Engine::Zstd(_) => "Encoder(zstd)",
            Engine::Br(_) => "Encoder(br)",
            Engine::Dcz(_) => "Encoder(dcz)",
            Engine::Dcb(_) => "Encoder(dcb)",
            Engine::Gone => "Encoder(gone)",
        })
    }
}

impl Encoder {
    /// An encoder of that coding and level. `size` is how many octets will come, where that is certain.
    ///
    /// # Errors
    /// [`EncodeError`], also for the identity, which needs no encoder, and for what needs a dictionary.
    pub fn new(kit: &Rc<Kit>, coding: Coding, level: u8, size: Option<u64>) -> Result<Self, EncodeError> {
        let engine = match coding {
            Coding::Gzip => Engine::Gzip(level, kit.gzip(level)),
            Coding::Zstd => Engine::Zstd(zstd(kit, level, size)?),
            Coding::Br => Engine::Br(Box::new(brotli(level, size)?)),
            Coding::Identity | Coding::Dcz | Coding::Dcb => return Err(EncodeError),
        };
        Ok(Self { kit: kit.clone(), engine, head: Vec::new() })
    }

    /// An encoder of `dcz`; the content may be of any length.
    ///
    /// # Errors
    /// [`EncodeError`]
    pub fn dcz(kit: &Rc<Kit>, level: u8, size: Option<u64>, dictionary: &Dictionary) -> Result<Self, EncodeError> {
        let mut loaded = kit.loaded(dictionary, level).ok_or(EncodeError)?;
        let steps = [loaded.encoder.reset(ResetDirective::SessionOnly), loaded.encoder.set_pledged_src_size(size)];
        if steps.iter().any(Result::is_err) {
            return Err(EncodeError);
        }
        Ok(Self { kit: kit.clone(), engine: Engine::Dcz(loaded), head: head(&DCZ_MAGIC, dictionary.hash()) })
    }

    /// An encoder of `dcb` for exactly this content, which is then to be pushed.
    ///
    /// # Errors
    /// [`EncodeError`], also where dictionary and content are too large for it.
    pub fn dcb(kit: &Rc<Kit>, level: u8, content: &[u8], dictionary: &Dictionary) -> Result<Self, EncodeError> {
        let engine = Dcb::new(dictionary.octets(), content, level).ok_or(EncodeError)?;
        let head = head(&dcb::MAGIC, dictionary.hash());
        Ok(Self { kit: kit.clone(), engine: Engine::Dcb(Box::new(engine)), head })
    }

    /// Takes a piece and appends what is ready. After [`Flow::End`] nothing may follow.
    ///
    /// # Errors
    /// [`EncodeError`]; what was written so far is of no use then.
    pub fn push(&mut self, input: &[u8], flow: Flow, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let Self { kit, engine, head } = self;
        out.append(head);
        kit.with_scratch(|scratch| match engine {
            Engine::Gzip(_, encoder) => push_gzip(encoder, input, flow, scratch, out),
            Engine::Zstd(encoder) => push_zstd(encoder, input, flow, scratch, out),
            Engine::Br(encoder) => push_brotli(encoder, input, flow, scratch, out),
            Engine::Dcz(loaded) => push_zstd(&mut loaded.encoder, input, flow, scratch, out),
            Engine::Dcb(encoder) => encoder.push(input, flow, scratch, out),
            Engine::Gone => Err(EncodeError),
        })
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.engine, Engine::Gone) {
            Engine::Gzip(level, encoder) => self.kit.give_back_gzip(level, encoder),
            Engine::Zstd(encoder) => self.kit.give_back_zstd(encoder),
            Engine::Dcz(loaded) => self.kit.give_back_loaded(loaded),
            Engine::Br(_) | Engine::Dcb(_) | Engine::Gone => {}
        }
    }
}

/// Compresses octets that are all there, in one go: for a body of a few hundred kilobytes on a worker, and of any size elsewhere.
///
/// # Errors
/// [`EncodeError`]
pub fn whole(kit: &Rc<Kit>, coding: Coding, level: u8, input: &[u8]) -> Result<Bytes, EncodeError> {
    if coding == Coding::Gzip {
        return kit.with_whole(level, |encoder| {
            kit.with_room(encoder.gzip_compress_bound(input.len()), |room| {
                let length = encoder.gzip_compress(input, room).map_err(|_| EncodeError)?;
                Ok(Bytes::copy_from_slice(&room[..length]))
            })
        });
    }
    let mut out = Vec::with_capacity(input.len() / 4 + 64);
    Encoder::new(kit, coding, level, Some(input.len() as u64))?.push(input, Flow::End, &mut out)?;
    Ok(out.into())
}

/// A frame that decoders skip (RFC 8878 §3.1.2), of 32 octets, which are the hash of the dictionary (RFC 9842 §5).
const DCZ_MAGIC: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];

fn head(magic: &[u8], hash: Hash) -> Vec<u8> {
    [magic, &hash].concat()
}

fn zstd(kit: &Kit, level: u8, size: Option<u64>) -> Result<CCtx<'static>, EncodeError> {
    let mut encoder = kit.zstd().ok_or(EncodeError)?;
    // One that was left in the middle of a stream is as good as new after this.
    let steps = [
        encoder.reset(ResetDirective::SessionOnly),
        encoder.set_parameter(CParameter::CompressionLevel(level.into())),
        encoder.set_parameter(CParameter::WindowLog(WINDOW.into())),
        encoder.set_pledged_src_size(size),
    ];
    if steps.iter().any(Result::is_err) { Err(EncodeError) } else { Ok(encoder) }
}

fn brotli(level: u8, size: Option<u64>) -> Result<BrotliEncoder, EncodeError> {
    let mut options = BrotliEncoderOptions::new();
    options.quality(Quality::new(level).map_err(|_| EncodeError)?);
    options.window_size(WindowSize::new(WINDOW).map_err(|_| EncodeError)?);
    if let Some(size) = size {
        options.size_hint(u32::try_from(size).unwrap_or(u32::MAX));
    }
    options.build().map_err(|_| EncodeError)
}

fn push_gzip(
    encoder: &mut Deflate,
    input: &[u8],
    flow: Flow,
    scratch: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let flush = match flow {
        Flow::More => FlushCompress::None,
        Flow::Flush => FlushCompress::Sync,
        Flow::End => FlushCompress::Finish,
    };
    let mut taken = 0;
    loop {
        let (read, written) = (encoder.total_in(), encoder.total_out());
        let status = encoder.compress(&input[taken..], scratch, flush).map_err(|_| EncodeError)?;
        taken += usize::try_from(encoder.total_in() - read).map_err(|_| EncodeError)?;
        let written = usize::try_from(encoder.total_out() - written).map_err(|_| EncodeError)?;
        out.extend_from_slice(&scratch[..written]);
        let done = match status {
            Status::StreamEnd => true,
            // With room left, all that could be written was.
            Status::Ok | Status::BufError => flow != Flow::End && taken == input.len() && written < scratch.len(),
        };
        if done {
            return Ok(());
        }
    }
}

fn push_zstd(
    encoder: &mut CCtx<'static>,
    input: &[u8],
    flow: Flow,
    scratch: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let mut input = InBuffer::around(input);
    loop {
        let mut output = OutBuffer::around(&mut *scratch);
        let more = input.pos < input.src.len();
        let left = match flow {
            _ if more => encoder.compress_stream(&mut output, &mut input).map(|_| usize::from(flow != Flow::More)),
            Flow::More => Ok(0),
            Flow::Flush => encoder.flush_stream(&mut output),
            Flow::End => encoder.end_stream(&mut output),
        };
        let left = left.map_err(|_| EncodeError)?;
        out.extend_from_slice(output.as_slice());
        if left == 0 && input.pos == input.src.len() {
            return Ok(());
        }
    }
}

fn push_brotli(
    encoder: &mut BrotliEncoder,
    input: &[u8],
    flow: Flow,
    scratch: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let operation = || match flow {
        Flow::More => BrotliOperation::Process,
        Flow::Flush => BrotliOperation::Flush,
        Flow::End => BrotliOperation::Finish,
    };
    let mut taken = 0;
    loop {
        let step = encoder.compress(&input[taken..], scratch, operation()).map_err(|_| EncodeError)?;
        taken += step.bytes_read;
        out.extend_from_slice(&scratch[..step.bytes_written]);
        let ended = flow != Flow::End || encoder.is_finished();
        if taken == input.len() && !encoder.has_output() && ended {
            return Ok(());
        }
    }
}
