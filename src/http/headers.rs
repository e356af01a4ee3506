//! The header list of one message: fields in the order of the wire, looked up by a linear scan.
//!
//! A proxy reads a handful of fields, copies the rest, and meets at most 128 of them (the limit of the listener). For
//! that, a flat list beats a hash map: nothing is hashed, order is kept, and one allocation holds all fields.
//! Names and values are the `http` crate's, so that a value from the network was checked when it was made.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields of one message, in the order in which they arrived or were added.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// In front of the others; copied when one of them is to change.
    shared: Option<Arc<SharedFields>>,
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// Fields that many messages begin with, and how they look in HTTP/1. They have memory of their own: what they were copied from is free.
#[derive(Debug)]
pub struct SharedFields {
    fields: Box<[(HeaderName, HeaderValue)]>,
    /// Each field as a line, but for `Content-Length`.
    lines: Bytes,
}

/// Octets of a line beside name and value: the colon, a blank, and the end of the line.
const AROUND: usize = 4;

/// Writes the line of a field.
fn write(lines: &mut BytesMut, name: &HeaderName, value: &[impl AsRef<[u8]>]) {
    lines.extend_from_slice(name.as_str().as_bytes());
    lines.extend_from_slice(b": ");
    value.iter().for_each(|part| lines.extend_from_slice(part.as_ref()));
    lines.extend_from_slice(b"\r\n");
}

/// The fields that were written one after the other, with the length of each value; they share the memory of the lines.
fn cut<'a>(
    lines: &Bytes,
    written: impl Iterator<Item = (&'a HeaderName, usize)>,
    fields: &mut Vec<(HeaderName, HeaderValue)>,
) {
    let mut at = 0;
    for (name, length) in written {
        let start = at + name.as_str().len() + 2;
        at = start + length + 2;
        let value = HeaderValue::from_maybe_shared(lines.slice(start..start + length));
        fields.extend(value.ok().map(|value| (name.clone(), value)));
    }
}

impl SharedFields {
    /// A copy of these fields.
    pub fn copy(headers: &Headers) -> Arc<Self> {
        let apart = |name: &HeaderName| *name == CONTENT_LENGTH;
        let told = || headers.iter().filter(|(name, _)| !apart(name));
        let length = told().fold(0, |sum, (name, value)| sum + name.as_str().len() + value.len() + AROUND);
        let mut lines = BytesMut::with_capacity(length);
        told().for_each(|(name, value)| write(&mut lines, name, &[value.as_bytes()]));
        let (lines, mut fields) = (lines.freeze(), Vec::with_capacity(headers.len()));
        cut(&lines, told().map(|(name, value)| (name, value.len())), &mut fields);
        let own = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).ok();
        let lengths = headers.iter().filter(|(name, _)| apart(name));
        fields.extend(lengths.filter_map(|(name, value)| Some((name.clone(), own(value)?))));
        Arc::new(Self { fields: fields.into(), lines })
    }

    /// Fields whose values are given in parts. What a value cannot hold is for the caller to keep out of it.
    pub fn of(told: &[(HeaderName, &[&str])]) -> Arc<Self> {
        let value = |parts: &[&str]| parts.iter().fold(0, |sum, part| sum + part.len());
        let length = told.iter().fold(0, |sum, (name, parts)| sum + name.as_str().len() + value(parts) + AROUND);
        let mut lines = BytesMut::with_capacity(length);
        told.iter().for_each(|(name, parts)| write(&mut lines, name, parts));
        let (lines, mut fields) = (lines.freeze(), Vec::with_capacity(told.len()));
        cut(&lines, told.iter().map(|(name, parts)| (name, value(parts))), &mut fields);
        Arc::new(Self { fields: fields.into(), lines })
    }

    /// Name and value of each field.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.fields.iter().map(|(name, value)| (name, value))
    }

    /// The value of the first field of that name.
    pub fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The fields as lines of HTTP/1, without `Content-Length`.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Octets of memory that it takes.
    pub fn weight(&self) -> usize {
        let names = self.fields.iter().map(|(name, _)| name.as_str().len());
        self.lines.len() + self.fields.len() * size_of::<(HeaderName, HeaderValue)>() + names.sum::<usize>() + 64
    }
}

impl Headers {
    /// An empty list; nothing is allocated.
    pub const fn new() -> Self {
        Self { shared: None, fields: Vec::new() }
    }

    /// An empty list with room for `fields` fields.
    pub fn with_capacity(fields: usize) -> Self {
        Self { shared: None, fields: Vec::with_capacity(fields) }
    }

    /// These fields, and room for so many behind them.
    pub fn over(shared: Arc<SharedFields>, fields: usize) -> Self {
        Self { shared: Some(shared), fields: Vec::with_capacity(fields) }
    }

    /// Puts these in front of all others.
    pub fn put_in_front(&mut self, shared: Arc<SharedFields>) {
        self.own();
        self.shared = Some(shared);
    }

    /// The fields in front that are shared, and the others.
    pub fn parts(&self) -> (Option<&SharedFields>, &[(HeaderName, HeaderValue)]) {
        (self.shared.as_deref(), &self.fields)
    }

    fn in_front(&self) -> &[(HeaderName, HeaderValue)] {
        self.shared.as_ref().map_or(&[], |shared| &shared.fields)
    }

    /// Makes the fields in front its own.
    fn own(&mut self) {
        if let Some(shared) = self.shared.take() {
            let behind = std::mem::take(&mut self.fields);
            self.fields.reserve(shared.fields.len() + behind.len() + 4);
            self.fields.extend_from_slice(&shared.fields);
            self.fields.extend(behind);
        }
    }

    fn all_fields(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.in_front().iter().chain(&self.fields)
    }

    /// How many fields there are; a name that occurs twice counts twice.
    pub fn len(&self) -> usize {
        self.in_front().len() + self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of the first field of that name.
    pub fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.all_fields().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The value of the first field of that name, where it is visible ASCII.
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        self.first(name).and_then(|value| value.to_str().ok())
    }

    /// All values of that name, in order.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue> + 'a {
        self.all_fields().filter(move |(n, _)| n == name).map(|(_, v)| v)
    }

    /// Whether a field of that name is there.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.all_fields().any(|(n, _)| n == name)
    }

    /// Adds a field behind the others, whatever is there already.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.fields.push((name, value));
    }

    /// Sets a field: the first of that name takes the value and the others of that name go; it is added where there was none.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.own_if_in_front(&name);
        let Some(at) = self.fields.iter().position(|(n, _)| *n == name) else {
            self.fields.push((name, value));
            return;
        };
        self.fields[at].1 = value;
        let mut index = 0;
        self.fields.retain(|(n, _)| {
            index += 1;
            index - 1 <= at || *n != name
        });
    }

    /// Removes all fields of that name and says whether there was one.
    pub fn remove(&mut self, name: &HeaderName) -> bool {
        self.own_if_in_front(name);
        let before = self.fields.len();
        self.fields.retain(|(n, _)| n != name);
        before != self.fields.len()
    }

    /// Keeps the fields for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
        self.own();
        self.fields.retain(|(name, value)| keep(name, value));
    }

    fn own_if_in_front(&mut self, name: &HeaderName) {
        if self.in_front().iter().any(|(n, _)| n == name) {
            self.own();
        }
    }

    /// Removes every field; the room stays.
    pub fn clear(&mut self) {
        self.shared = None;
        self.fields.clear();
    }

    /// Name and value of each field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.all_fields().map(|(name, value)| (name, value))
    }

    /// Octets of all fields by the measure of RFC 9113 §6.5.2: name, value and 32 for each.
    pub fn list_size(&self) -> usize {
        self.all_fields().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Headers {
    fn from_iter<T: IntoIterator<Item = (HeaderName, HeaderValue)>>(fields: T) -> Self {
        Self { shared: None, fields: fields.into_iter().collect() }
    }
}

/// From the map of the `h2` crate; values of one name stand together afterwards.
impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        let mut fields = Vec::with_capacity(map.len() + 8);
        let mut last: Option<HeaderName> = None;
        for (name, value) in map {
            // A name is given only with the first of its values.
            if name.is_some() {
                last = name;
            }
            if let Some(name) = &last {
                fields.push((name.clone(), value));
            }
        }
        Self { shared: None, fields }
    }
}

/// To the map that the `h2` crate takes.
impl From<Headers> for HeaderMap {
    fn from(mut headers: Headers) -> Self {
        headers.own();
        let mut map = HeaderMap::with_capacity(headers.fields.len());
        for (name, value) in headers.fields {
            map.append(name, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT, COOKIE, HOST};

    fn value(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    #[test]
    fn set_replaces_the_first_and_drops_the_rest() {
        let mut headers = Headers::new();
        headers.append(ACCEPT, value("a"));
        headers.append(HOST, value("h"));
        headers.append(ACCEPT, value("b"));
        headers.set(ACCEPT, value("c"));
        let seen: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap_or(""))).collect();
        assert_eq!(seen, [("accept", "c"), ("host", "h")]);
    }

    #[test]
    fn shared_fields_stay_as_they_are() {
        let original: Headers =
            [(ACCEPT, value("a")), (CONTENT_LENGTH, value("7")), (HOST, value("h")), (ACCEPT, value("b"))]
                .into_iter()
                .collect();
        let shared = SharedFields::copy(&original);
        assert_eq!(shared.lines(), b"accept: a\r\nhost: h\r\naccept: b\r\n");
        let mut headers = Headers::over(shared.clone(), 1);
        headers.append(COOKIE, value("c"));
        assert_eq!((headers.len(), headers.all(&ACCEPT).count(), headers.text(&CONTENT_LENGTH)), (5, 2, Some("7")));
        assert!(!headers.remove(&COOKIE) || headers.parts().0.is_some());
        let mut changed = headers.clone();
        changed.set(HOST, value("other"));
        assert!(changed.remove(&ACCEPT) && changed.parts().0.is_none());
        assert_eq!(
            (changed.text(&HOST), headers.text(&HOST), shared.first(&HOST)),
            (Some("other"), Some("h"), Some(&value("h")))
        );
        assert_eq!(HeaderMap::from(headers).len(), 4);
        let mut twice = Headers::over(shared.clone(), 0);
        twice.put_in_front(shared);
        assert_eq!((twice.len(), twice.parts().1.len(), twice.all(&HOST).count()), (8, 4, 2));
    }

    #[test]
    fn a_map_and_back_keeps_every_value() {
        let mut headers = Headers::new();
        headers.append(COOKIE, value("a=1"));
        headers.append(HOST, value("h"));
        headers.append(COOKIE, value("b=2"));
        let back = Headers::from(HeaderMap::from(headers));
        assert_eq!(back.all(&COOKIE).count(), 2);
        assert_eq!(back.len(), 3);
    }
}
