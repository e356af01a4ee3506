//! Streams (RFC 9113 §5).

use super::Want::{Alive, AliveOrClosed, Answer, Connection, FirstData, Stream};
use super::{Case, PROTOCOL, REFUSED_STREAM, STREAM_CLOSED, case, get, of_octets, one, post, test_data, then};
use crate::support::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, PRIORITY, frame, headers, pseudo, reset, settings, window_update,
};

pub fn cases() -> Vec<Case> {
    [idle(), half_closed(), closed(), numbers()].into_iter().flatten().collect()
}

fn idle() -> Vec<Case> {
    vec![
        case("5.1 idle: DATA", test_data(), Stream(&[PROTOCOL, STREAM_CLOSED])),
        case("5.1 idle: RST_STREAM", reset(1, 8), Connection(&[PROTOCOL])),
        case("5.1 idle: WINDOW_UPDATE", window_update(1, 100), Connection(&[PROTOCOL])),
        case(
            "5.1 idle: CONTINUATION",
            frame(CONTINUATION, END_HEADERS, 1, pseudo("GET", "/")),
            Connection(&[PROTOCOL]),
        ),
        case("5.1 idle: PRIORITY", of_octets(PRIORITY, 1, 5), Alive),
        case(
            "5.1 idle: DATA on a later stream",
            [get(1), crate::support::frames::payload(5, END_STREAM, "x")].concat(),
            Connection(&[PROTOCOL, STREAM_CLOSED]),
        ),
    ]
}

fn half_closed() -> Vec<Case> {
    let narrow = || settings(&[(4, 0)]);
    vec![
        case("5.1 half-closed (remote): DATA", [narrow(), get(1), test_data()].concat(), Stream(&[STREAM_CLOSED])),
        case("5.1 half-closed (remote): HEADERS", [narrow(), get(1), get(1)].concat(), Stream(&[STREAM_CLOSED])),
        case(
            "5.1 half-closed (remote): trailers",
            [narrow(), get(1), headers(1, END_STREAM, one("x", "y"))].concat(),
            Stream(&[STREAM_CLOSED]),
        ),
        case(
            "5.1 half-closed (remote): CONTINUATION",
            [narrow(), get(1), frame(CONTINUATION, END_HEADERS, 1, one("x", "y"))].concat(),
            Stream(&[STREAM_CLOSED, PROTOCOL]),
        ),
        case("5.1 half-closed (remote): WINDOW_UPDATE", [narrow(), get(1), window_update(1, 1)].concat(), FirstData(1)),
        case(
            "5.1 half-closed (remote): PRIORITY",
            [
                narrow(),
                get(1),
                of_octets(PRIORITY, 1, 5)
                    .iter()
                    .copied()
                    .enumerate()
                    .map(|(at, byte)| if at == 12 { 3 } else { byte })
                    .collect(),
                window_update(1, 1),
            ]
            .concat(),
            FirstData(1),
        ),
        case("5.1 half-closed (remote): RST_STREAM", [narrow(), get(1), reset(1, 8)].concat(), AliveOrClosed),
    ]
}

fn closed() -> Vec<Case> {
    let wide = || [settings(&[(4, 1 << 20)]), window_update(0, 1 << 20)].concat();
    vec![
        case("5.1 closed by RST_STREAM: DATA", [post(), reset(1, 8), test_data()].concat(), Stream(&[STREAM_CLOSED])),
        case("5.1 closed by RST_STREAM: HEADERS", [post(), reset(1, 8), get(1)].concat(), Stream(&[STREAM_CLOSED])),
        case(
            "5.1 closed by RST_STREAM: CONTINUATION",
            [post(), reset(1, 8), frame(CONTINUATION, END_HEADERS, 1, one("x", "y"))].concat(),
            Stream(&[STREAM_CLOSED, PROTOCOL]),
        ),
        case("5.1 closed by RST_STREAM: PRIORITY", [post(), reset(1, 8), of_octets(PRIORITY, 1, 5)].concat(), Alive),
        then("5.1 closed: DATA", [wide(), get(1)].concat(), test_data(), Stream(&[STREAM_CLOSED])),
        then("5.1 closed: HEADERS", [wide(), get(1)].concat(), get(1), Connection(&[STREAM_CLOSED, PROTOCOL])),
        then(
            "5.1 closed: CONTINUATION",
            [wide(), get(1)].concat(),
            frame(CONTINUATION, END_HEADERS, 1, one("x", "y")),
            Connection(&[STREAM_CLOSED, PROTOCOL]),
        ),
        then("5.1 closed: PRIORITY", [wide(), get(1)].concat(), of_octets(PRIORITY, 1, 5), Alive),
        then("5.1 closed: WINDOW_UPDATE", [wide(), get(1)].concat(), window_update(1, 1), Alive),
        then("5.1 closed: RST_STREAM", [wide(), get(1)].concat(), reset(1, 8), AliveOrClosed),
    ]
}

fn numbers() -> Vec<Case> {
    let narrow = settings(&[(4, 0)]);
    // Stream 1 is the last of a crowd only by its place: the limit is on how many are open.
    let crowd: Vec<u8> = (1..=100_u32).flat_map(|number| get(2 * number + 1)).collect();
    let over = Case {
        name: "5.1.2 one stream more than is allowed",
        steps: vec![super::Step::Send([narrow.clone(), crowd, get(203)].concat())],
        want: super::Want::Refused(203, &[PROTOCOL, REFUSED_STREAM]),
    };
    vec![
        case("5.1.1 an even number", get(2), Connection(&[PROTOCOL])),
        case("5.1.1 a number below the last", [narrow, get(5), get(3)].concat(), Connection(&[PROTOCOL])),
        case("5.1.1 the largest number", [get(1), get(0x7fff_ffff)].concat(), Answer),
        over,
    ]
}
