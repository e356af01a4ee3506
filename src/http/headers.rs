//! The header list of one message: fields in the order of the wire, looked up by a linear scan.
//!
//! A proxy reads a handful of fields, copies the rest, and meets at most 128 of them (the limit of the listener). For
//! that, a flat list beats a hash map: nothing is hashed, order is kept, and one allocation holds all fields.
//! Names and values are the `http` crate's, so that a value from the network was checked when it was made.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields of one message, in the order in which they arrived or were added.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Headers {
    /// An empty list; nothing is allocated.
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// An empty list with room for `fields` fields.
    pub fn with_capacity(fields: usize) -> Self {
        Self { fields: Vec::with_capacity(fields) }
    }

    /// How many fields there are; a name that occurs twice counts twice.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of the first field of that name.
    pub fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The value of the first field of that name, where it is visible ASCII.
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        self.first(name).and_then(|value| value.to_str().ok())
    }

    /// All values of that name, in order.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue> + 'a {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, v)| v)
    }

    /// Whether a field of that name is there.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.fields.iter().any(|(n, _)| n == name)
    }

    /// Adds a field behind the others, whatever is there already.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.fields.push((name, value));
    }

    /// Sets a field: the first of that name takes the value and the others of that name go; it is added where there was none.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
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
        let before = self.fields.len();
        self.fields.retain(|(n, _)| n != name);
        before != self.fields.len()
    }

    /// Keeps the fields for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
        self.fields.retain(|(name, value)| keep(name, value));
    }

    /// Removes every field; the room stays.
    pub fn clear(&mut self) {
        self.fields.clear();
    }

    /// Name and value of each field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.fields.iter().map(|(name, value)| (name, value))
    }

    /// Octets of all fields by the measure of RFC 9113 §6.5.2: name, value and 32 for each.
    pub fn list_size(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Headers {
    fn from_iter<T: IntoIterator<Item = (HeaderName, HeaderValue)>>(fields: T) -> Self {
        Self { fields: fields.into_iter().collect() }
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
        Self { fields }
    }
}

/// To the map that the `h2` crate takes.
impl From<Headers> for HeaderMap {
    fn from(headers: Headers) -> Self {
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
