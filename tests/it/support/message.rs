//! A request or a response as it stood on the wire.

use std::io::{Read, Write};

use super::Wire;

/// A message of HTTP/1.
#[derive(Clone, Debug)]
pub struct Message {
    /// The first line and the fields, byte for byte, with the blank line.
    pub head: String,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Trailer fields, names in lower case.
    pub trailers: Vec<(String, String)>,
}

impl Message {
    /// A message whose body has not been read.
    pub fn of(head: String) -> Self {
        Self { head, body: Vec::new(), trailers: Vec::new() }
    }

    /// Reads the body as the fields frame it: chunked, by length, or, for a response, to the end of the connection.
    pub fn with_body_from<S: Read + Write>(mut self, wire: &mut Wire<S>) -> Self {
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = wire.chunk() {
                self.body.extend(chunk);
            }
            self.trailers = trailers(wire);
        } else if let Some(length) = self.header("content-length") {
            self.body = wire.exactly(length.parse().expect("content-length is a number"));
        } else if self.head.starts_with("HTTP/") {
            self.body = wire.rest();
        }
        self
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        Self::status_of(&self.head)
    }

    /// The status in a response's head.
    pub fn status_of(head: &str) -> u16 {
        head.split(' ')
            .nth(1)
            .and_then(|word| word.trim_end().parse().ok())
            .unwrap_or_else(|| panic!("no status: {head:?}"))
    }

    /// The first line.
    pub fn first_line(&self) -> &str {
        self.head.split("\r\n").next().unwrap()
    }

    /// The value of the first field of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    /// The values of all fields of that name, in order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn trailers<S: Read + Write>(wire: &mut Wire<S>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        let line = wire.line();
        match line.trim_end().split_once(':') {
            Some((name, value)) => found.push((name.to_lowercase(), value.trim().to_owned())),
            None => return found,
        }
    }
}
