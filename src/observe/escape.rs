//! Bytes from the network inside quotes, so that no line of a log can be forged or broken.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What has to be looked at: all but visible ASCII and the space, and the quote and the backslash.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || byte >= 0x7f || byte == b'"' as usize || byte == b'\\' as usize;
        byte += 1;
    }
    table
};

/// Whether nothing has to be escaped. Sixteen bytes are looked at at once; the last sixteen may overlap.
#[inline]
fn is_clean(bytes: &[u8]) -> bool {
    let special = |byte: u8| !(0x20..0x7f).contains(&byte) | (byte == b'"') | (byte == b'\\');
    let any = |chunk: &[u8; 16]| chunk.iter().fold(false, |seen, byte| seen | special(*byte));
    let Some(last) = bytes.last_chunk::<16>() else {
        return !bytes.iter().any(|byte| SPECIAL[usize::from(*byte)]);
    };
    let (chunks, _rest) = bytes.as_chunks::<16>();
    !any(last) && !chunks.iter().any(any)
}

/// Appends bytes as the inside of a JSON string (RFC 8259 §7). UTF-8 stays; a byte that is no UTF-8 is written as the
/// character of that number, as ISO 8859-1 would read it.
#[inline]
pub(crate) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_clean(bytes) {
        return out.extend_from_slice(bytes);
    }
    json_slow(out, bytes);
}

#[cold]
fn json_slow(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| SPECIAL[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        rest = json_special(out, &rest[at..]);
    }
    out.extend_from_slice(rest);
}

/// Escapes the first byte, or the run of bytes above ASCII, and returns what follows.
fn json_special<'a>(out: &mut Vec<u8>, bytes: &'a [u8]) -> &'a [u8] {
    if bytes[0] < 0x80 {
        match bytes[0] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => json_number(out, byte),
        }
        return &bytes[1..];
    }
    let run = bytes.iter().position(|byte| *byte < 0x80).unwrap_or(bytes.len());
    for chunk in bytes[..run].utf8_chunks() {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                // The C1 controls: terminals obey some of them.
                Ok(byte @ 0x80..0xa0) => json_number(out, byte),
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        chunk.invalid().iter().for_each(|byte| json_number(out, *byte));
    }
    &bytes[run..]
}

fn json_number(out: &mut Vec<u8>, byte: u8) {
    out.extend_from_slice(b"\\u00");
    out.extend_from_slice(&hex(byte));
}

/// Appends bytes for a line of text: quote, backslash and all that is not visible ASCII as `\xHH`, as nginx does.
pub(crate) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_clean(bytes) {
        return out.extend_from_slice(bytes);
    }
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| SPECIAL[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"\\x");
        out.extend_from_slice(&hex(rest[at]).map(|digit| digit.to_ascii_uppercase()));
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn hex(byte: u8) -> [u8; 2] {
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_and_their_texts() {
        let cases: [(&[u8], &str, &str); 7] = [
            (b"", "", ""),
            (b"plain /a?b=c", "plain /a?b=c", "plain /a?b=c"),
            (b"a\"b\\c", "a\\\"b\\\\c", "a\\x22b\\x5Cc"),
            (b"\n\r\t\0\x7f", "\\n\\r\\t\\u0000\\u007f", "\\x0A\\x0D\\x09\\x00\\x7F"),
            ("grün".as_bytes(), "grün", "gr\\xC3\\xBCn"),
            ("\u{9b}2J".as_bytes(), "\\u009b2J", "\\xC2\\x9B2J"),
            (b"\xfcber \xc3", "\\u00fcber \\u00c3", "\\xFCber \\xC3"),
        ];
        for (bytes, as_json, as_text) in cases {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            json(&mut one, bytes);
            text(&mut other, bytes);
            assert_eq!(String::from_utf8(one).as_deref(), Ok(as_json));
            assert_eq!(String::from_utf8(other).as_deref(), Ok(as_text));
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC*|(?s).*") {
            let mut out = vec![b'"'];
            json(&mut out, text.as_bytes());
            out.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<String>(&out).expect("JSON"), text);
        }

        #[test]
        fn any_bytes_are_json_and_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut out = vec![b'"'];
            json(&mut out, &bytes);
            out.push(b'"');
            prop_assert!(serde_json::from_slice::<String>(&out).is_ok());
            let mut line = Vec::new();
            text(&mut line, &bytes);
            prop_assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte) && *byte != b'"'));
        }
    }
}
