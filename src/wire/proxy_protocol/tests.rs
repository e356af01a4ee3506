use super::crc32c::crc32c;
use super::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn tcp(source: &str, destination: &str) -> Header {
    Header::Tcp { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [SIGNATURE, &[command, family], &length, body].concat()
}

/// A checksum at the end, right where `wrong` is 0.
fn with_checksum(family: u8, addresses: &[u8], wrong: u32) -> Vec<u8> {
    let mut whole = v2(0x21, family, &[addresses, &[0x03, 0, 4, 0, 0, 0, 0]].concat());
    let sum = crc32c([&whole[..]]) ^ wrong;
    let at = whole.len() - 4;
    whole[at..].copy_from_slice(&sum.to_be_bytes());
    whole
}

#[test]
fn version_1_is_a_line() {
    let done = |header| Ok(header);
    let longest =
        "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    let (unknown, too_long) =
        (format!("PROXY UNKNOWN {}\r\n", "x".repeat(91)), format!("PROXY UNKNOWN {}\r\n", "x".repeat(92)));
    assert_eq!(unknown.len(), LONGEST_V1);
    let all = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    let table = [
        ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", done(tcp("192.0.2.1:56324", "192.0.2.2:443"))),
        ("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", done(tcp("255.255.255.255:65535", "0.0.0.0:0"))),
        ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", done(tcp("[2001:db8::1]:1", "[::1]:2"))),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", done(tcp("[::ffff:192.0.2.1]:1", "[::1]:2"))),
        (longest, done(tcp(all, all))),
        ("PROXY UNKNOWN\r\n", done(Header::Unknown)),
        ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", done(Header::Unknown)),
        (unknown.as_str(), done(Header::Unknown)),
        (too_long.as_str(), Err(Reason::LineTooLong)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1\t192.0.2.2 56324 443\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 ::1 ::1 1 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2  2\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n", Err(Reason::BadAddress)),
        ("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", Err(Reason::UnknownProtocol)),
        ("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", Err(Reason::UnknownProtocol)),
        ("PROXY UNKNOWNX\r\n", Err(Reason::UnknownProtocol)),
        ("PROXY \r\n", Err(Reason::UnknownProtocol)),
        ("PROXY\r\n", Err(Reason::NoHeader)),
        ("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Err(Reason::NoHeader)),
        ("GET / HTTP/1.1\r\n", Err(Reason::NoHeader)),
        ("\r\n\r\nGET", Err(Reason::NoHeader)),
        ("\u{16}\u{3}\u{1}", Err(Reason::NoHeader)),
    ];
    for (line, expected) in table {
        let expected = match expected {
            Ok(header) => Parse::Done { header_len: line.len(), header },
            Err(reason) => Parse::Invalid(reason),
        };
        assert_eq!(parse(format!("{line}GET / HTTP/1.1\r\n\r\n").as_bytes()), expected, "{line:?}");
    }
    assert_eq!(parse(b"PROXY TCP4 \xff\r\n"), Parse::Invalid(Reason::BadAddress));
}

#[test]
fn version_2_is_binary() {
    let v4: &[u8] = &[192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 0x04, 0x01, 0xbb];
    let mut v6 = [0; 36];
    (v6[0], v6[1], v6[15], v6[31], v6[33], v6[35]) = (0x20, 0x01, 1, 2, 80, 90);
    let mut unix = [0; 216];
    unix[..6].copy_from_slice(b"/a.soc");
    unix[108..113].copy_from_slice(b"\0@abs");
    let unix_header = Header::Unix { source: b"/a.soc".to_vec(), destination: b"\0@abs".to_vec() };
    let tlv = |rest: &[u8]| v2(0x21, 0x11, &[v4, rest].concat());
    let from_v4 = || Ok(tcp("192.0.2.1:56324", "192.0.2.2:443"));
    let twice = {
        let mut whole = tlv(&[3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0]);
        let sum = crc32c([&whole[..]]).to_be_bytes();
        whole[31..35].copy_from_slice(&sum);
        whole
    };
    let table = [
        ("tcp over ipv4", v2(0x21, 0x11, v4), from_v4()),
        ("tcp over ipv6", v2(0x21, 0x21, &v6), Ok(tcp("[2001::1]:80", "[::2]:90"))),
        ("unix", v2(0x21, 0x31, &unix), Ok(unix_header)),
        ("udp over ipv4", v2(0x21, 0x12, v4), Ok(Header::Unknown)),
        ("unix datagrams", v2(0x21, 0x32, &unix), Ok(Header::Unknown)),
        ("no family", v2(0x21, 0x00, b""), Ok(Header::Unknown)),
        ("no family, and a value", v2(0x21, 0x00, &[4, 0, 1, 0]), Ok(Header::Unknown)),
        ("local", v2(0x20, 0x00, b""), Ok(Header::Local)),
        ("local with addresses", v2(0x20, 0x11, v4), Ok(Header::Local)),
        ("local with anything", v2(0x20, 0x11, b"?"), Ok(Header::Local)),
        ("values", tlv(&[1, 0, 2, b'h', b'2', 0xe0, 0, 0]), from_v4()),
        ("checksum", with_checksum(0x11, v4, 0), from_v4()),
        ("checksum without a family", with_checksum(0, b"", 0), Ok(Header::Unknown)),
        ("wrong checksum", with_checksum(0x11, v4, 1), Err(Reason::BadChecksum)),
        ("short checksum", tlv(&[3, 0, 3, 0, 0, 0]), Err(Reason::BadTlv)),
        ("two checksums", twice, Err(Reason::BadTlv)),
        ("a value over the end", tlv(&[1, 0, 3, b'h', b'2']), Err(Reason::BadTlv)),
        ("half a value's head", tlv(&[1, 0]), Err(Reason::BadTlv)),
        ("short ipv4", v2(0x21, 0x11, &v4[..11]), Err(Reason::TooShort)),
        ("short ipv6", v2(0x21, 0x21, &v6[..35]), Err(Reason::TooShort)),
        ("short unix", v2(0x21, 0x31, &unix[..215]), Err(Reason::TooShort)),
        ("short udp", v2(0x21, 0x12, b""), Err(Reason::TooShort)),
        ("version 1 in binary", v2(0x11, 0x11, v4), Err(Reason::BadCode)),
        ("version 3", v2(0x31, 0x11, v4), Err(Reason::BadCode)),
        ("unknown command", v2(0x22, 0x11, v4), Err(Reason::BadCode)),
        ("unknown family", v2(0x21, 0x41, v4), Err(Reason::BadCode)),
        ("unknown transport", v2(0x21, 0x13, v4), Err(Reason::BadCode)),
        ("longest", v2(0x20, 0, &vec![0; LONGEST_V2 - 16]), Ok(Header::Local)),
        ("longer", v2(0x20, 0, &vec![0; LONGEST_V2 - 15]), Err(Reason::TooLong)),
    ];
    for (story, octets, expected) in table {
        let expected = match expected {
            Ok(header) => Parse::Done { header_len: octets.len(), header },
            Err(reason) => Parse::Invalid(reason),
        };
        assert_eq!(parse(&[&octets[..], b"GET"].concat()), expected, "{story}");
    }
    assert_eq!(parse(&[SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat()), Parse::Invalid(Reason::TooLong), "told early");
    assert_eq!(parse(&[SIGNATURE, &[0x99]].concat()), Parse::Invalid(Reason::BadCode), "told early");
}

#[test]
fn what_haproxy_sends() {
    // HAProxy 2.6, `send-proxy-v2 proxy-v2-options crc32c,unique-id`, as it came over the wire.
    let octets =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x16\x7f\0\0\x01\x7f\0\0\x01\xb2\xc8\x86A\x03\0\x04<=\xc9k\x05\0\0hello";
    let header = tcp("127.0.0.1:45768", "127.0.0.1:34369");
    assert_eq!(parse(octets), Parse::Done { header_len: octets.len() - 5, header });
}

#[test]
fn values_after_the_addresses_belong_to_the_header() {
    // An authority, then a no-op.
    let octets = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x1b\x7f\0\0\x01\x7f\0\0\x01\xa6\x3e\x1f\x90\x02\0\x05a.com\x04\0\x04\0\0\0\0";
    let Parse::Done { header_len, header } = parse(octets) else { panic!("{:?}", parse(octets)) };
    assert_eq!((header_len, header.source()), (octets.len(), Some(([127, 0, 0, 1], 42558).into())));
}

fn samples() -> Vec<Header> {
    vec![
        Header::Local,
        Header::Unknown,
        tcp("192.0.2.1:56324", "192.0.2.2:443"),
        tcp("[2001:db8::1]:65535", "[::]:0"),
        tcp("[::ffff:192.0.2.1]:1", "[::1]:2"),
        Header::Unix { source: Vec::new(), destination: b"/run/tidegate.sock".to_vec() },
        Header::Unix { source: vec![b'a'; 108], destination: b"\0abstract".to_vec() },
    ]
}

#[test]
fn what_is_written_is_read_and_every_beginning_of_it_is_incomplete() {
    for header in samples() {
        for version in [Version::V1, Version::V2] {
            let octets = encode(version, &header);
            let plain = matches!(header, Header::Tcp { .. });
            let expected = if version == Version::V2 || plain { header.clone() } else { Header::Unknown };
            assert_eq!(parse(&octets), Parse::Done { header_len: octets.len(), header: expected });
            for end in 0..octets.len() {
                assert_eq!(parse(&octets[..end]), Parse::Incomplete, "{header:?} {end}");
            }
        }
    }
}

#[test]
fn two_families_are_sent_as_one() {
    let mixed = tcp("192.0.2.1:1", "[2001:db8::1]:2");
    assert_eq!(encode(Version::V1, &mixed), b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n");
    for version in [Version::V1, Version::V2] {
        let octets = encode(version, &mixed);
        let header = tcp("[::ffff:192.0.2.1]:1", "[2001:db8::1]:2");
        assert_eq!(parse(&octets), Parse::Done { header_len: octets.len(), header });
    }
    let long = Header::Unix { source: vec![b'a'; 200], destination: Vec::new() };
    assert_eq!(encode(Version::V2, &long).len(), 16 + 216);
}

/// Xorshift: the same octets in every run.
struct Octets(u64);

impl Octets {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u8
    }
}

#[test]
fn no_octets_break_it_and_a_verdict_does_not_change_with_what_follows() {
    let mut random = Octets(0x5eed);
    let samples: Vec<_> = samples();
    for round in 0..30_000 {
        let version = if random.next() & 1 == 0 { Version::V1 } else { Version::V2 };
        let mut octets = match round % 4 {
            0 => (0..random.next()).map(|_| random.next()).collect(),
            1 => [SIGNATURE, &(0..random.next()).map(|_| random.next()).collect::<Vec<_>>()].concat(),
            _ => encode(version, &samples[usize::from(random.next()) % samples.len()]),
        };
        for _ in 0..random.next() % 4 {
            let at = usize::from(random.next()) % octets.len().max(1);
            if let Some(octet) = octets.get_mut(at) {
                *octet = random.next();
            }
        }
        let whole = parse(&octets);
        if let Parse::Done { header_len, header } = &whole {
            assert!(*header_len <= octets.len());
            let again = encode(Version::V2, header);
            assert_eq!(parse(&again), Parse::Done { header_len: again.len(), header: header.clone() });
        }
        for end in 0..octets.len() {
            let early = parse(&octets[..end]);
            assert!(early == Parse::Incomplete || early == whole, "{octets:?} at {end}");
        }
        octets.resize(octets.len() + LONGEST, b'x');
        let later = parse(&octets);
        assert_ne!(later, Parse::Incomplete);
        assert!(whole == Parse::Incomplete || later == whole, "{octets:?}");
    }
}
