//! Parsing (RFC 9651 §4.2). What the RFC calls failure is `None`: such a field is ignored as a whole.

use http::HeaderValue;

use super::{Bare, Dictionary, Item, Member, Parameters, is_part};

/// A dictionary from all lines of a field (§4.2.2).
pub fn dictionary<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Dictionary> {
    let text = joined(lines)?;
    let mut input = Input::new(&text);
    let mut members = Vec::new();
    while !input.is_empty() {
        let name = input.key()?;
        let member = if input.take(b'=') {
            input.member()?
        } else {
            Member::Item(Item { value: Bare::Boolean(true), parameters: input.parameters()? })
        };
        put(&mut members, name, member);
        input.comma()?;
    }
    Some(Dictionary(members))
}

/// A list from all lines of a field (§4.2.1).
pub fn list<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Vec<Member>> {
    let text = joined(lines)?;
    let mut input = Input::new(&text);
    let mut members = Vec::new();
    while !input.is_empty() {
        members.push(input.member()?);
        input.comma()?;
    }
    Some(members)
}

/// An item (§4.2.3).
pub fn item<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Item> {
    let text = joined(lines)?;
    let mut input = Input::new(&text);
    let item = input.item()?;
    input.is_empty().then_some(item)
}

/// The lines of a field as one (§4.2), without the blanks around it.
fn joined<'a>(mut lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Vec<u8>> {
    let mut text = lines.next()?.as_bytes().to_vec();
    for line in lines {
        text.extend_from_slice(b", ");
        text.extend_from_slice(line.as_bytes());
    }
    let start = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|byte| *byte != b' ').map_or(start, |last| last + 1);
    text.truncate(end);
    text.drain(..start);
    text.is_ascii().then_some(text)
}

/// The last value of a name counts, where the first stood.
fn put<T>(list: &mut Vec<(String, T)>, name: String, value: T) {
    match list.iter_mut().find(|(before, _)| *before == name) {
        Some(place) => place.1 = value,
        None => list.push((name, value)),
    }
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.0 = &self.0[1..];
        }
        there
    }

    fn while_in(&mut self, part: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !part(*byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// What stands between two members: a comma that something follows, or the end.
    fn comma(&mut self) -> Option<()> {
        let blank = |byte| matches!(byte, b' ' | b'\t');
        self.while_in(blank);
        if self.is_empty() {
            return Some(());
        }
        if !self.take(b',') {
            return None;
        }
        self.while_in(blank);
        (!self.is_empty()).then_some(())
    }

    /// §4.2.3.3
    fn key(&mut self) -> Option<String> {
        if !matches!(self.peek()?, b'a'..=b'z' | b'*') {
            return None;
        }
        let key = self.while_in(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'));
        text(key)
    }

    /// §4.2.1.1
    fn member(&mut self) -> Option<Member> {
        if self.peek() == Some(b'(') { self.inner() } else { self.item().map(Member::Item) }
    }

    /// §4.2.1.2
    fn inner(&mut self) -> Option<Member> {
        self.take(b'(');
        let mut items = Vec::new();
        loop {
            self.while_in(|byte| byte == b' ');
            if self.take(b')') {
                return Some(Member::Inner(items, self.parameters()?));
            }
            items.push(self.item()?);
            if !matches!(self.peek()?, b' ' | b')') {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        Some(Item { value: self.bare()?, parameters: self.parameters()? })
    }

    /// §4.2.3.2
    fn parameters(&mut self) -> Option<Parameters> {
        let mut parameters = Vec::new();
        while self.take(b';') {
            self.while_in(|byte| byte == b' ');
            let name = self.key()?;
            let value = if self.take(b'=') { self.bare()? } else { Bare::Boolean(true) };
            put(&mut parameters, name, value);
        }
        Some(parameters)
    }

    /// §4.2.3.1
    fn bare(&mut self) -> Option<Bare> {
        match self.peek()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string().map(Bare::String),
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => self.token(),
            b':' => self.octets(),
            b'?' => self.boolean(),
            b'@' => self.date(),
            b'%' => self.display(),
            _ => None,
        }
    }

    /// §4.2.4; a decimal is kept in thousandths.
    fn number(&mut self) -> Option<Bare> {
        let sign = if self.take(b'-') { -1 } else { 1 };
        let whole = self.while_in(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        let digits = |digits: &[u8]| digits.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        if !self.take(b'.') {
            return Some(Bare::Integer(sign * digits(whole)));
        }
        let part = self.while_in(|byte| byte.is_ascii_digit());
        if whole.len() > 12 || part.is_empty() || part.len() > 3 {
            return None;
        }
        let thousandths = digits(part) * [100, 10, 1][part.len() - 1];
        Some(Bare::Decimal(sign * (digits(whole) * 1000 + thousandths)))
    }

    /// §4.2.5
    fn string(&mut self) -> Option<String> {
        self.take(b'"');
        let mut found = Vec::new();
        loop {
            match self.next()? {
                b'"' => return text(&found),
                b'\\' => found.push(self.next().filter(|byte| matches!(byte, b'"' | b'\\'))?),
                byte @ 0x20..=0x7e => found.push(byte),
                _ => return None,
            }
        }
    }

    /// §4.2.6
    fn token(&mut self) -> Option<Bare> {
        text(self.while_in(is_part)).map(Bare::Token)
    }

    /// §4.2.7
    fn octets(&mut self) -> Option<Bare> {
        self.take(b':');
        let coded = self.while_in(|byte| byte != b':');
        self.take(b':').then(|| base64(coded)).flatten().map(Bare::Bytes)
    }

    /// §4.2.8
    fn boolean(&mut self) -> Option<Bare> {
        self.take(b'?');
        match self.next()? {
            b'0' => Some(Bare::Boolean(false)),
            b'1' => Some(Bare::Boolean(true)),
            _ => None,
        }
    }

    /// §4.2.9
    fn date(&mut self) -> Option<Bare> {
        self.take(b'@');
        match self.number()? {
            Bare::Integer(second) => Some(Bare::Date(second)),
            _ => None,
        }
    }

    /// §4.2.10
    fn display(&mut self) -> Option<Bare> {
        self.take(b'%');
        if !self.take(b'"') {
            return None;
        }
        let mut found = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(found).ok().map(Bare::Display),
                b'%' => {
                    let (high, low) = (hex(self.next()?)?, hex(self.next()?)?);
                    found.push(high * 16 + low);
                }
                byte @ 0x20..=0x7e => found.push(byte),
                _ => return None,
            }
        }
    }
}

/// ASCII as text; it was checked to be.
fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// A digit of a display string: lower case only.
const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// RFC 4648 §4; padding may be missing, as the RFC advises to accept.
fn base64(coded: &[u8]) -> Option<Vec<u8>> {
    let padding = coded.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = &coded[..coded.len() - padding];
    if padding > 2 || digits.len() % 4 == 1 || padding > 0 && !coded.len().is_multiple_of(4) {
        return None;
    }
    let (mut found, mut bits, mut held) = (Vec::with_capacity(digits.len() * 3 / 4), 0_u32, 0_u32);
    for digit in digits {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            found.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(found)
}
