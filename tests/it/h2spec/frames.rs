//! Frames (RFC 9113 §3.4, §4, §6).

use super::Want::{Acknowledged, Alive, AliveOrClosed, Answer, Connection, FirstData, SettingsFirst, Stream};
use super::{
    COMPRESSION, Case, FLOW_CONTROL, FRAME_SIZE, PROTOCOL, STREAM_CLOSED, ask_with, case, get, of_octets, one, post,
    test_data, then,
};
use crate::support::frames::{
    ACK, CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, WITH_PRIORITY, frame, headers, payload, pseudo, reset, settings, window_update,
};

pub fn cases() -> Vec<Case> {
    [
        start(),
        format(),
        sizes(),
        data_frames(),
        header_frames(),
        priority(),
        resets(),
        settings_frames(),
        pings(),
        windows(),
        continuations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn start() -> Vec<Case> {
    vec![
        case("3.4 the preface", PREFACE, SettingsFirst),
        case("3.4 the preface and SETTINGS", [PREFACE, &settings(&[])].concat(), SettingsFirst),
        case("3.4 the preface a second time", PREFACE, Connection(&[PROTOCOL, FRAME_SIZE])),
    ]
}

fn format() -> Vec<Case> {
    vec![
        case("4.1 a frame of an unknown type", frame(0x16, 0, 0, "cow"), Alive),
        case(
            "4.1 an unknown type with all flags, on a stream",
            [post(), frame(0x16, 0xff, 1, "cow"), test_data()].concat(),
            Answer,
        ),
        case("4.1 a PING with undefined flags", frame(PING, 0x16, 0, [0; 8]), Alive),
        case("4.1 a PING with the reserved bit", frame(PING, 0, 0x8000_0000, [0; 8]), Alive),
        case(
            "4.1 HEADERS with undefined flags",
            frame(HEADERS, END_STREAM | END_HEADERS | 0x82, 1, pseudo("GET", "/")),
            Answer,
        ),
        case("5.5 an unknown frame of no octet", frame(0xff, 0, 0, ""), Alive),
        case(
            "5.5 an unknown frame within a header block",
            [frame(HEADERS, 0, 1, pseudo("GET", "/")), frame(0xff, 0, 1, "cow")].concat(),
            Connection(&[PROTOCOL]),
        ),
    ]
}

fn sizes() -> Vec<Case> {
    vec![
        case("4.2 DATA of 2^14 octets", [post(), payload(1, END_STREAM, vec![b'x'; 1 << 14])].concat(), Answer),
        case(
            "4.2 DATA of more",
            [post(), payload(1, END_STREAM, vec![b'x'; (1 << 14) + 1])].concat(),
            Stream(&[FRAME_SIZE]),
        ),
        case("4.2 HEADERS of more", ask_with(one("x", &"y".repeat(1 << 14))), Connection(&[FRAME_SIZE])),
        case("4.2 an unknown frame of more", of_octets(0xbb, 0, (1 << 14) + 1), Connection(&[FRAME_SIZE])),
        case(
            "4.3 a header block that cannot be decoded",
            ask_with([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Connection(&[COMPRESSION]),
        ),
        case(
            "4.3 PRIORITY within a header block",
            [
                frame(HEADERS, END_STREAM, 1, pseudo("GET", "/")),
                of_octets(PRIORITY, 1, 5),
                frame(CONTINUATION, END_HEADERS, 1, one("x", "y")),
            ]
            .concat(),
            Connection(&[PROTOCOL]),
        ),
        case(
            "4.3 HEADERS of another stream within a header block",
            [frame(HEADERS, END_STREAM, 1, pseudo("GET", "/")), get(3)].concat(),
            Connection(&[PROTOCOL]),
        ),
    ]
}

fn data_frames() -> Vec<Case> {
    vec![
        case("6.1 DATA", [post(), test_data()].concat(), Answer),
        case("6.1 several DATA", [post(), payload(1, 0, "test"), test_data()].concat(), Answer),
        case("6.1 padded DATA", [post(), payload(1, END_STREAM | PADDED, b"\x05test\0\0\0\0\0")].concat(), Answer),
        case("6.1 DATA of no octet", [post(), payload(1, END_STREAM, "")].concat(), Answer),
        case("6.1 DATA on stream 0", payload(0, END_STREAM, "test"), Connection(&[PROTOCOL])),
        case("6.1 DATA behind the end", [get(1), test_data()].concat(), Stream(&[STREAM_CLOSED])),
        case(
            "6.1 more padding than frame",
            [post(), payload(1, END_STREAM | PADDED, b"\x16test")].concat(),
            Connection(&[PROTOCOL]),
        ),
    ]
}

fn header_frames() -> Vec<Case> {
    let whole = pseudo("GET", "/");
    let flags = END_STREAM | END_HEADERS;
    let with_priority = |stream: u32, weight: u8| {
        frame(HEADERS, flags | WITH_PRIORITY, 1, [&stream.to_be_bytes()[..], &[weight], &whole].concat())
    };
    vec![
        case("6.2 HEADERS", get(1), Answer),
        case(
            "6.2 HEADERS with padding",
            frame(HEADERS, flags | PADDED, 1, [&[3][..], &whole, &[0; 3]].concat()),
            Answer,
        ),
        case("6.2 HEADERS with priority", with_priority(0, 255), Answer),
        case("6.2 HEADERS with an exclusive priority", with_priority(0x8000_0000, 255), Answer),
        case(
            "6.2 HEADERS with priority and padding",
            frame(HEADERS, flags | PADDED | WITH_PRIORITY, 1, [&[2, 0, 0, 0, 0, 1][..], &whole, &[0; 2]].concat()),
            Answer,
        ),
        case("6.2 HEADERS on stream 0", headers(0, END_STREAM, &whole), Connection(&[PROTOCOL])),
        case(
            "6.2 more padding than frame",
            frame(HEADERS, flags | PADDED, 1, [&[255][..], &whole].concat()),
            Stream(&[PROTOCOL]),
        ),
        case(
            "6.2 PRIORITY behind HEADERS without END_HEADERS",
            [frame(HEADERS, END_STREAM, 1, &whole), of_octets(PRIORITY, 1, 5)].concat(),
            Connection(&[PROTOCOL]),
        ),
        case(
            "6.2 another stream behind HEADERS without END_HEADERS",
            [frame(HEADERS, END_STREAM, 1, &whole), get(3)].concat(),
            Connection(&[PROTOCOL]),
        ),
        case("5.3 HEADERS that depend on themselves", with_priority(1, 255), Stream(&[PROTOCOL])),
    ]
}

fn priority() -> Vec<Case> {
    let priority =
        |stream: u32, on: u32, weight: u8| frame(PRIORITY, 0, stream, [&on.to_be_bytes()[..], &[weight]].concat());
    vec![
        case("6.3 PRIORITY of weight 1", [priority(1, 0, 0), get(1)].concat(), Answer),
        case("6.3 PRIORITY of weight 256", [priority(1, 0, 255), get(1)].concat(), Answer),
        case("6.3 PRIORITY with a dependency", [priority(3, 1, 255), get(1)].concat(), Answer),
        case("6.3 an exclusive PRIORITY", [priority(1, 0x8000_0000, 255), get(1)].concat(), Answer),
        case("6.3 PRIORITY of an idle stream, HEADERS on a lower one", [priority(3, 0, 255), get(1)].concat(), Answer),
        case("6.3 PRIORITY of an idle stream", priority(1, 0, 255), Alive),
        case("6.3 PRIORITY on stream 0", priority(0, 1, 255), Connection(&[PROTOCOL])),
        case("6.3 PRIORITY of four octets", [post(), of_octets(PRIORITY, 1, 4)].concat(), Stream(&[FRAME_SIZE])),
        case("5.3 PRIORITY that depends on itself", [post(), priority(1, 1, 255)].concat(), Stream(&[PROTOCOL])),
    ]
}

fn resets() -> Vec<Case> {
    vec![
        case("6.4 RST_STREAM", [post(), reset(1, 8)].concat(), AliveOrClosed),
        case("6.4 RST_STREAM on stream 0", reset(0, 8), Connection(&[PROTOCOL])),
        case("6.4 RST_STREAM on an idle stream", reset(1, 8), Connection(&[PROTOCOL])),
        case("6.4 RST_STREAM of three octets", [post(), of_octets(RST_STREAM, 1, 3)].concat(), Stream(&[FRAME_SIZE])),
        case("7 RST_STREAM with an unknown code", [post(), reset(1, 0xff)].concat(), AliveOrClosed),
    ]
}

fn settings_frames() -> Vec<Case> {
    let all = settings(&[(1, 4096), (2, 0), (3, 100), (4, 65_535), (5, 16_384), (6, 100_000)]);
    vec![
        case("6.5 SETTINGS", all, Acknowledged(2)),
        case("6.5 SETTINGS of nothing", settings(&[]), Acknowledged(2)),
        case("6.5 SETTINGS many times", settings(&[]).repeat(5), Acknowledged(6)),
        case("6.5 SETTINGS with ACK and octets", frame(SETTINGS, ACK, 0, [0]), Connection(&[FRAME_SIZE])),
        case("6.5 SETTINGS on a stream", frame(SETTINGS, 0, 1, [0, 3, 0, 0, 0, 100]), Connection(&[PROTOCOL])),
        case("6.5 SETTINGS of half a value", of_octets(SETTINGS, 0, 3), Connection(&[FRAME_SIZE])),
        case("6.5.2 ENABLE_PUSH of 2", settings(&[(2, 2)]), Connection(&[PROTOCOL])),
        case("6.5.2 INITIAL_WINDOW_SIZE beyond all", settings(&[(4, 0x8000_0000)]), Connection(&[FLOW_CONTROL])),
        case("6.5.2 MAX_FRAME_SIZE too small", settings(&[(5, 16_383)]), Connection(&[PROTOCOL])),
        case("6.5.2 MAX_FRAME_SIZE too large", settings(&[(5, 16_777_216)]), Connection(&[PROTOCOL])),
        case("6.5.2 the largest MAX_FRAME_SIZE", settings(&[(5, 16_777_215)]), Alive),
        case("6.5.2 a setting that nobody knows", settings(&[(0xff, 1)]), Alive),
        case(
            "6.5.3 the last INITIAL_WINDOW_SIZE counts",
            [settings(&[(4, 100), (4, 1)]), get(1)].concat(),
            FirstData(1),
        ),
        case("RFC 8441 ENABLE_CONNECT_PROTOCOL of 2", settings(&[(8, 2)]), Connection(&[PROTOCOL])),
    ]
}

fn pings() -> Vec<Case> {
    vec![
        case("6.7 PING", frame(PING, 0, 0, *b"h2 spec "), Alive),
        case("6.7 PING with ACK", frame(PING, ACK, 0, *b"invalid "), Alive),
        case("6.7 PING on a stream", frame(PING, 0, 1, [0; 8]), Connection(&[PROTOCOL])),
        case("6.7 PING of six octets", of_octets(PING, 0, 6), Connection(&[FRAME_SIZE])),
        case("6.7 PING of nine octets", of_octets(PING, 0, 9), Connection(&[FRAME_SIZE])),
        case("5.4.1 the connection ends behind a connection error", frame(PING, 0, 3, [0; 8]), Connection(&[PROTOCOL])),
        case("6.8 GOAWAY", frame(GOAWAY, 0, 0, [&[0; 8][..], b"bye"].concat()), AliveOrClosed),
        case("6.8 GOAWAY on a stream", frame(GOAWAY, 0, 1, [0; 8]), Connection(&[PROTOCOL])),
        case("6.8 GOAWAY of four octets", of_octets(GOAWAY, 0, 4), Connection(&[FRAME_SIZE])),
        case("7 GOAWAY with an unknown code", frame(GOAWAY, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0xff]), AliveOrClosed),
    ]
}

fn windows() -> Vec<Case> {
    let narrow = |more: Vec<u8>| [settings(&[(4, 0)]), get(1), more].concat();
    vec![
        case("6.9 WINDOW_UPDATE on stream 0", window_update(0, 1), Alive),
        case("6.9 WINDOW_UPDATE on a stream", [post(), window_update(1, 1), test_data()].concat(), Answer),
        case("6.9 WINDOW_UPDATE with the reserved bit", window_update(0, 0x8000_0001), Alive),
        case("6.9 WINDOW_UPDATE of nothing on stream 0", window_update(0, 0), Connection(&[PROTOCOL])),
        case("6.9 WINDOW_UPDATE of nothing on a stream", [post(), window_update(1, 0)].concat(), Stream(&[PROTOCOL])),
        case("6.9 WINDOW_UPDATE of three octets", of_octets(WINDOW_UPDATE, 0, 3), Connection(&[FRAME_SIZE])),
        case(
            "6.9 WINDOW_UPDATE of five octets on a stream",
            [post(), of_octets(WINDOW_UPDATE, 1, 5)].concat(),
            Connection(&[FRAME_SIZE]),
        ),
        case("6.9.1 no more DATA than the window", [settings(&[(4, 1)]), get(1)].concat(), FirstData(1)),
        case(
            "6.9.1 a connection window beyond all",
            [window_update(0, 0x7fff_ffff), window_update(0, 0x7fff_ffff)].concat(),
            Connection(&[FLOW_CONTROL]),
        ),
        case(
            "6.9.1 a stream window beyond all",
            [post(), window_update(1, 0x7fff_ffff), window_update(1, 0x7fff_ffff)].concat(),
            Stream(&[FLOW_CONTROL]),
        ),
        case("6.9.2 the window opens behind HEADERS", narrow(settings(&[(4, 1)])), FirstData(1)),
        case(
            "6.9.2 a window that was negative",
            narrow([settings(&[(4, 3)]), settings(&[(4, 2)]), window_update(1, 0x10)].concat()),
            Answer,
        ),
        case(
            "6.9.2 INITIAL_WINDOW_SIZE lifts a window beyond all",
            [post(), window_update(1, 0x7fff_ffff - 65_535), settings(&[(4, 65_536)])].concat(),
            Connection(&[FLOW_CONTROL]),
        ),
    ]
}

fn continuations() -> Vec<Case> {
    let (whole, more) = (pseudo("GET", "/"), one("x", "y"));
    let begin = frame(HEADERS, END_STREAM, 1, &whole[..20]);
    let rest = |flags: u8| frame(CONTINUATION, flags, 1, &whole[20..]);
    vec![
        case("6.10 CONTINUATION", [begin.clone(), rest(END_HEADERS)].concat(), Answer),
        case(
            "6.10 several CONTINUATION",
            [begin.clone(), rest(0), frame(CONTINUATION, 0, 1, &more), frame(CONTINUATION, END_HEADERS, 1, &more)]
                .concat(),
            Answer,
        ),
        case(
            "6.10 CONTINUATION of no octet",
            [begin.clone(), rest(0), frame(CONTINUATION, END_HEADERS, 1, "")].concat(),
            Answer,
        ),
        case(
            "6.10 DATA behind CONTINUATION without END_HEADERS",
            [begin.clone(), rest(0), test_data()].concat(),
            Connection(&[PROTOCOL]),
        ),
        case(
            "6.10 CONTINUATION on stream 0",
            [begin.clone(), frame(CONTINUATION, END_HEADERS, 0, &whole[20..])].concat(),
            Connection(&[PROTOCOL]),
        ),
        case(
            "6.10 CONTINUATION behind END_HEADERS",
            [get(1), frame(CONTINUATION, END_HEADERS, 1, &more)].concat(),
            Connection(&[PROTOCOL]),
        ),
        case(
            "6.10 CONTINUATION behind the last CONTINUATION",
            [begin.clone(), rest(END_HEADERS), frame(CONTINUATION, END_HEADERS, 1, &more)].concat(),
            Connection(&[PROTOCOL]),
        ),
        case(
            "6.10 CONTINUATION behind DATA",
            [post(), payload(1, 0, "test"), frame(CONTINUATION, END_HEADERS, 1, &more)].concat(),
            Connection(&[PROTOCOL]),
        ),
        case(
            "6.10 CONTINUATION of another stream",
            [begin, frame(CONTINUATION, END_HEADERS, 3, &whole[20..])].concat(),
            Connection(&[PROTOCOL]),
        ),
        then(
            "6.10 CONTINUATION on a closed stream",
            [settings(&[(4, 1 << 20)]), window_update(0, 1 << 20), get(1)].concat(),
            frame(CONTINUATION, END_HEADERS, 1, &more),
            Connection(&[STREAM_CLOSED, PROTOCOL]),
        ),
    ]
}
