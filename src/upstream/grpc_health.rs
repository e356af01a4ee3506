//! The two messages of `grpc.health.v1.Health/Check`, by hand: a request of one text, a response of one number.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>; the frame around a message is that of gRPC over HTTP/2.

use bytes::Bytes;

/// `HealthCheckRequest.service`, a text.
const SERVICE: u8 = 1 << 3 | 2;
/// `HealthCheckResponse.status`, a number.
const STATUS: u64 = 1 << 3;
/// `ServingStatus.SERVING`
const SERVING: u64 = 1;

/// What the response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// `SERVING`
    Serving,
    /// `UNKNOWN`, `NOT_SERVING`, `SERVICE_UNKNOWN`, or a status that came later.
    NotServing,
    /// It is no such message.
    Nonsense,
}

/// The request in its frame.
pub fn request(service: &str) -> Bytes {
    let mut message = Vec::with_capacity(service.len() + 3);
    if !service.is_empty() {
        message.push(SERVICE);
        put_varint(&mut message, service.len() as u64);
        message.extend_from_slice(service.as_bytes());
    }
    // Not compressed, then the length. A name in a config is shorter than 4 GiB.
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(&message);
    frame.into()
}

/// Reads a response in its frame.
pub fn response(frame: &[u8]) -> Said {
    match status(frame) {
        Some(SERVING) => Said::Serving,
        Some(_) => Said::NotServing,
        None => Said::Nonsense,
    }
}

fn status(frame: &[u8]) -> Option<u64> {
    let (&compressed, rest) = frame.split_first()?;
    let (length, message) = rest.split_first_chunk::<4>()?;
    let mut message = message.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    if compressed != 0 {
        return None;
    }
    // What is not set is 0; of what is set more than once, the last counts.
    let mut status = 0;
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match key & 7 {
            0 => {
                let value = varint(&mut message)?;
                if key == STATUS {
                    status = value;
                }
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_service() {
        assert_eq!(request("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(request("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = request(&"x".repeat(300));
        assert_eq!((long.len(), &long[..8]), (5 + 3 + 300, &[0, 0, 0, 1, 0x2f, 0x0a, 0xac, 0x02][..]));
    }

    #[test]
    fn a_response_is_read_whatever_else_is_in_it() {
        let framed = |message: &[u8]| {
            let mut frame = vec![0, 0, 0, 0, message.len() as u8];
            frame.extend_from_slice(message);
            frame
        };
        let cases: [(&[u8], Said); 13] = [
            (&[8, 1], Said::Serving),
            (&[], Said::NotServing),
            (&[8, 0], Said::NotServing),
            (&[8, 2], Said::NotServing),
            (&[8, 3], Said::NotServing),
            (&[8, 2, 8, 1], Said::Serving),
            // Fields of a later version: a number, a text, 64 bits, 32 bits.
            (&[0x10, 0x80, 1, 0x1a, 2, 9, 9, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0x2d, 0, 0, 0, 0, 8, 1], Said::Serving),
            (&[8], Said::Nonsense),
            (&[8, 0x80], Said::Nonsense),
            (&[0x1a, 200, 1], Said::Nonsense),
            (&[0x0b], Said::Nonsense),
            (&[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], Said::Nonsense),
            (&[0x21, 0], Said::Nonsense),
        ];
        for (message, expected) in cases {
            assert_eq!(response(&framed(message)), expected, "{message:?}");
        }
        for frame in [&[][..], &[0, 0, 0], &[1, 0, 0, 0, 2, 8, 1], &[0, 0, 0, 0, 9, 8, 1], &[0, 255, 255, 255, 255]] {
            assert_eq!(response(frame), Said::Nonsense, "{frame:?}");
        }
        assert_eq!(response(&[0, 0, 0, 0, 2, 8, 1, 0]), Said::Serving, "another frame may follow");
    }
}
