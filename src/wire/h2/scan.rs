//! Frame headers as they pass by, nine octets each (RFC 9113 §4.1). What they carry is skipped, but for why a stream or the connection ends.

/// What a client begins with (RFC 9113 §3.4).
const PREFACE: usize = 24;
/// Of each frame its header is looked at.
const HEAD: usize = 9;
/// Of RST_STREAM, the code too.
const OF_RESET: usize = 4;
/// Of GOAWAY, all that our codec writes: the last stream, the code, and a few words.
const OF_GOAWAY: usize = 8 + 28;

pub(super) const DATA_FRAME: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A frame that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// Octets behind the header.
    pub(super) length: usize,
    /// Of RST_STREAM.
    pub(super) code: u32,
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Scan {
    /// Octets to pass over before the next frame.
    skip: usize,
    seen: [u8; HEAD + OF_GOAWAY],
    have: usize,
    /// A field block has begun and not ended.
    in_block: bool,
    last: u8,
    goodbye: Option<[u8; OF_GOAWAY]>,
}

impl Scan {
    /// What a client sends.
    pub(super) fn of_client() -> Self {
        Self { skip: PREFACE, ..Self::of_server() }
    }

    /// What we send.
    pub(super) fn of_server() -> Self {
        Self { skip: 0, seen: [0; HEAD + OF_GOAWAY], have: 0, in_block: false, last: SETTINGS, goodbye: None }
    }

    /// Whether a field block has begun of which there is more to come.
    pub(super) fn in_block(&self) -> bool {
        self.in_block || (self.skip > 0 && matches!(self.last, HEADERS | CONTINUATION))
    }

    /// The words that the last GOAWAY came with.
    pub(super) fn goodbye(&self) -> &[u8] {
        self.goodbye.as_ref().map_or(&[], |seen| &seen[8..])
    }

    /// Looks at what passes, and tells of each frame that begins in it.
    pub(super) fn pass(&mut self, mut bytes: &[u8], mut told: impl FnMut(Seen)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = self.wanted();
            let taken = (wanted - self.have).min(bytes.len());
            self.seen[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            // With the header whole it may turn out that more is wanted.
            if self.have == self.wanted() {
                told(self.begin());
            }
        }
    }

    /// Octets to look at of the frame that begins.
    fn wanted(&self) -> usize {
        if self.have < HEAD {
            return HEAD;
        }
        let more = match self.seen[3] {
            RST_STREAM => OF_RESET,
            GOAWAY => OF_GOAWAY,
            _ => 0,
        };
        HEAD + more.min(self.length())
    }

    fn length(&self) -> usize {
        let [long, longer, length, ..] = self.seen;
        u32::from_be_bytes([0, long, longer, length]) as usize
    }

    fn begin(&mut self) -> Seen {
        let [_, _, _, kind, flags, _, _, _, _, a, b, c, d, ..] = self.seen;
        let length = self.length();
        // A reset that is shorter is an error that the codec finds.
        let code = if kind == RST_STREAM && length >= OF_RESET { u32::from_be_bytes([a, b, c, d]) } else { 0 };
        if kind == GOAWAY {
            let mut goodbye = [0; OF_GOAWAY];
            let here = self.have - HEAD;
            goodbye[..here].copy_from_slice(&self.seen[HEAD..self.have]);
            self.goodbye = Some(goodbye);
        }
        self.skip = length - (self.have - HEAD);
        self.have = 0;
        self.last = kind;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_block = flags & END_HEADERS == 0;
        }
        Seen { kind, flags, length, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn frames_are_told_however_they_are_cut() {
        let frames = [
            frame(SETTINGS, 0, &[0; 6]),
            frame(HEADERS, END_STREAM, b"block"),
            frame(CONTINUATION, END_HEADERS, b""),
            frame(RST_STREAM, 0, &[0, 0, 1, 8]),
            frame(RST_STREAM, 0, &[1, 2]),
            frame(DATA_FRAME, 0, &[7; 300]),
            frame(0xbe, 255, &[RST_STREAM; 20]),
            frame(GOAWAY, 0, b"\0\0\0\0\0\0\0\x0btoo_many_internal_resets_and_more_words"),
            frame(GOAWAY, 0, b"\0\0\0\0\0\0\0\x0btoo_many_resets"),
        ];
        let bytes = [&[b'P'; PREFACE][..], &frames.concat()].concat();
        let kinds = [SETTINGS, HEADERS, CONTINUATION, RST_STREAM, RST_STREAM, DATA_FRAME, 0xbe, GOAWAY, GOAWAY];
        let lengths = [6, 5, 0, 4, 2, 300, 20, 47, 23];
        for step in [1, 2, 5, 9, 13, 64, 1000] {
            let (mut scan, mut seen) = (Scan::of_client(), Vec::new());
            bytes.chunks(step).for_each(|piece| scan.pass(piece, |frame| seen.push(frame)));
            assert_eq!(seen.iter().map(|seen| seen.kind).collect::<Vec<_>>(), kinds, "{step}");
            assert_eq!(seen.iter().map(|seen| seen.length).collect::<Vec<_>>(), lengths, "{step}");
            assert_eq!(seen[3].code, 0x108);
            assert!(!scan.in_block());
            assert!(scan.goodbye().starts_with(b"too_many_resets\0"));
        }
    }

    #[test]
    fn a_block_is_open_until_its_last_octet() {
        let mut scan = Scan::of_server();
        let mut pass = |bytes: &[u8]| {
            scan.pass(bytes, |_| ());
            scan.in_block()
        };
        let headers = frame(HEADERS, 0, b"ab");
        assert!(pass(&headers[..10]));
        assert!(pass(&headers[10..]));
        let last = frame(CONTINUATION, END_HEADERS, b"cd");
        assert!(pass(&last[..9]));
        assert!(!pass(&last[9..]));
        assert!(!pass(&frame(DATA_FRAME, 0, b"x")[..9]));
    }
}
