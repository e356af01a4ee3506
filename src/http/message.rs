//! A request and a response as the pipeline sees them, whatever protocol they came by.

use bytes::Bytes;
use bytestring::ByteString;
use http::{Method, StatusCode, Version};

use super::{Body, Headers};

/// How the client reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Text that came from the network and is known to be visible ASCII: a slice of the buffer it was read into.
/// It is looked at a dozen times for each request, so the check that it is text is not made each time.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(ByteString);

impl Text {
    /// These bytes, if each is visible ASCII (0x21 to 0x7E).
    pub fn visible(bytes: Bytes) -> Option<Self> {
        // To the end in any case, so that many octets are looked at together.
        let visible = bytes.iter().fold(true, |visible, byte| visible & (0x21..=0x7e).contains(byte));
        visible.then(|| ByteString::try_from(bytes).ok()).flatten().map(Self)
    }

    /// A literal of the program.
    ///
    /// # Panics
    /// Where the literal is not ASCII.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.is_ascii());
        Self(ByteString::from_static(text))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The shared bytes behind it.
    pub fn bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// Part of it, sharing the bytes.
    pub fn slice(&self, range: impl std::ops::RangeBounds<usize>) -> Self {
        let (start, end) = (range.start_bound().cloned(), range.end_bound().cloned());
        Self(self.0.slice_ref(&self.0[(start, end)]))
    }

    /// Length in octets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The request target in origin form (RFC 9112 §3.2.1): a path that begins with `/`, and perhaps a query; or `*` of `OPTIONS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    whole: Text,
    path_end: usize,
}

impl Target {
    /// From the path and the query as they stand on the request line; `None` where it is neither origin form nor `*`.
    pub fn parse(whole: Text) -> Option<Self> {
        let bytes = whole.as_bytes();
        if bytes.first() != Some(&b'/') && bytes != b"*" {
            return None;
        }
        let path_end = memchr::memchr(b'?', bytes).unwrap_or(bytes.len());
        if memchr::memchr(b'#', bytes).is_some() {
            return None;
        }
        Some(Self { whole, path_end })
    }

    /// Path and query.
    pub fn as_str(&self) -> &str {
        self.whole.as_str()
    }

    /// Path and query, shared.
    pub fn text(&self) -> &Text {
        &self.whole
    }

    /// The path, still percent-encoded.
    pub fn path(&self) -> &str {
        &self.whole.as_str()[..self.path_end]
    }

    /// What follows the `?`, where there is one.
    pub fn query(&self) -> Option<&str> {
        self.whole.as_str().get(self.path_end + 1..)
    }
}

/// What makes an exchange more than a request and a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// `Upgrade: <protocol>` of HTTP/1.1 (RFC 9110 §7.8); the answer is 101.
    Http1(Text),
    /// `:protocol` of extended CONNECT (RFC 8441); the answer is 200.
    ExtendedConnect(Text),
}

/// A request whose framing is understood. What it means is checked by [`super::sanitize`].
#[derive(Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Scheme by which the client reached the listener, or that a trusted proxy named.
    pub scheme: Scheme,
    /// Host and port as the client named them; empty where HTTP/1.0 named none.
    pub authority: Text,
    /// Path and query.
    pub target: Target,
    /// Protocol version on the client side.
    pub version: Version,
    /// Fields; after sanitising without the hop-by-hop ones and without `Host`.
    pub headers: Headers,
    /// The switch of protocol that the client asks for.
    pub upgrade: Option<Upgrade>,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Body.
    pub body: Body,
}

/// A response whose framing is understood.
#[derive(Debug)]
pub struct Response {
    /// Status; 101 or, to extended CONNECT, 200 opens a tunnel whose bytes are the two bodies.
    pub status: StatusCode,
    /// Fields; after sanitising without the hop-by-hop ones.
    pub headers: Headers,
    /// Body.
    pub body: Body,
}

impl Response {
    /// A response of that status with no field and no body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: Headers::new(), body: Body::Empty }
    }

    /// The same with that body.
    #[must_use]
    pub fn with_body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

/// A 1xx response that goes to the client ahead of the final one (RFC 9110 §15.2): 100, 102, 103.
#[derive(Debug)]
pub struct Interim {
    /// 100 to 199 without 101.
    pub status: StatusCode,
    /// Fields, sanitised.
    pub headers: Headers,
}
