//! Sticky sessions: a client stays with the endpoint that answered it first, as long as that can be used.
//!
//! The client's cookie holds the HMAC-SHA256 of the endpoint's identity, of which 128 bits are kept. It names no address, and nobody
//! without the secret can make one: a value that is no endpoint's is as if there were no cookie. Since it depends on secret, upstream and address alone,
//! it holds over reloads, and with a secret from the config over restarts and in all replicas.

use std::collections::HashMap;
use std::sync::OnceLock;

use aws_lc_rs::{hmac, rand};
use http::HeaderValue;

use super::group::Member;
use crate::config::model::{Sticky, StickySecret};
use crate::http::cookie;
use crate::http::key::KeySource;

/// Characters of a token: 128 bits in base64 without padding (RFC 4648 §5).
const TOKEN: usize = 22;

type Token = [u8; TOKEN];

/// What cookies are signed with.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why there is no secret.
#[derive(Debug)]
pub enum SecretError {
    /// The file cannot be read.
    Unreadable(std::io::Error),
    /// It is shorter than 16 bytes.
    Short,
}

impl SecretError {
    /// The word for its kind.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Short => "secret_too_short",
        }
    }
}

impl std::fmt::Display for SecretError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "the file cannot be read: {error}"),
            Self::Short => f.write_str("the secret is shorter than 16 bytes"),
        }
    }
}

impl Secret {
    /// The secret that the config says; where it says none, one that this process made and keeps as long as it runs.
    ///
    /// # Errors
    /// Where the file has none.
    pub fn load(secret: Option<&StickySecret>) -> Result<Self, SecretError> {
        let octets = match secret {
            None => return Ok(Self::of(of_process())),
            Some(StickySecret::Text(text)) => text.clone().into_bytes(),
            Some(StickySecret::File(path)) => {
                std::fs::read(path).map_err(SecretError::Unreadable)?.trim_ascii().to_vec()
            }
        };
        if octets.len() < 16 { Err(SecretError::Short) } else { Ok(Self::of(&octets)) }
    }

    fn of(octets: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, octets))
    }

    /// Each part is ended by a byte that none of them has.
    fn token(&self, upstream: &str, address: &str) -> Token {
        let mut sign = hmac::Context::with_key(&self.0);
        for part in ["tidegate sticky 1", upstream, address] {
            sign.update(part.as_bytes());
            sign.update(&[0]);
        }
        base64(&sign.sign().as_ref()[..16])
    }
}

/// Carried over reloads, whatever they change: it belongs to the process.
fn of_process() -> &'static [u8; 32] {
    static SECRET: OnceLock<[u8; 32]> = OnceLock::new();
    SECRET.get_or_init(|| {
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the system's source of randomness works, or TLS would not either");
        secret
    })
}

/// The cookie of an upstream, and the endpoints that it stands for.
#[derive(Debug)]
pub struct Stickiness {
    cookie: Box<str>,
    places: HashMap<Token, usize>,
    /// For each place `Set-Cookie`, in clear text and under TLS.
    set: Box<[[HeaderValue; 2]]>,
}

impl Stickiness {
    /// For the endpoints of an upstream.
    pub fn compile(sticky: &Sticky, secret: &Secret, upstream: &str, members: &[Member]) -> Self {
        let tokens: Vec<Token> = members.iter().map(|member| secret.token(upstream, &member.endpoint.label)).collect();
        let set = tokens.iter().map(|token| {
            let token = String::from_utf8_lossy(token);
            [false, true].map(|tls| set_cookie(sticky, &token, tls))
        });
        Self {
            cookie: sticky.cookie.as_str().into(),
            set: set.collect(),
            places: tokens.into_iter().zip(0..).collect(),
        }
    }

    /// The place that the request's cookie stands for.
    pub fn place(&self, source: &KeySource<'_>) -> Option<usize> {
        let token = Token::try_from(source.cookie(&self.cookie)?).ok()?;
        self.places.get(&token).copied()
    }

    /// What the response to a request must set, where the request did not come with the cookie of the place that answered it.
    pub fn set(&self, source: &KeySource<'_>, place: usize, tls: bool) -> Option<HeaderValue> {
        if self.place(source) == Some(place) { None } else { Some(self.set.get(place)?[usize::from(tls)].clone()) }
    }
}

fn set_cookie(sticky: &Sticky, token: &str, tls: bool) -> HeaderValue {
    let Sticky { cookie, secret: _, max_age, same_site } = sticky;
    let attributes = cookie::attributes(same_site.label(), tls || same_site.needs_tls(), *max_age);
    let text = format!("{cookie}={token}{attributes}");
    HeaderValue::try_from(text).expect("the name is a token, the rest is plain")
}

/// 16 octets in the alphabet for URLs, without padding.
fn base64(octets: &[u8]) -> Token {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array::from_fn(|at| {
        let (bit, two) = (at * 6, |place: usize| u16::from(octets.get(place).copied().unwrap_or(0)));
        let pair = two(bit / 8) << 8 | two(bit / 8 + 1);
        LETTERS[usize::from(pair >> (10 - bit % 8) & 63)]
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderName;

    use super::super::{Endpoint, EndpointIdentity};
    use super::*;
    use crate::config::model::{EndpointAddress, SameSite, UpstreamProtocol};
    use crate::http::Headers;

    const STICKY: Sticky = Sticky { cookie: String::new(), secret: None, max_age: None, same_site: SameSite::Lax };

    fn member(port: u16) -> Member {
        let identity = EndpointIdentity {
            upstream: "app".into(),
            address: EndpointAddress::Ip(([10, 0, 0, 1], port).into()),
            at: None,
            protocol: UpstreamProtocol::Http1,
            proxy_protocol: None,
            tls: None,
        };
        Member { endpoint: Endpoint::new(identity), weight: 1, backup: false, zone: None }
    }

    fn secret(text: &str) -> Secret {
        Secret::load(Some(&StickySecret::Text(text.to_owned()))).expect("long enough")
    }

    fn stickiness(ports: &[u16], secret: &Secret) -> Stickiness {
        let members: Vec<_> = ports.iter().map(|port| member(*port)).collect();
        Stickiness::compile(&Sticky { cookie: "gate".to_owned(), ..STICKY }, secret, "app", &members)
    }

    fn with_cookie(value: &str) -> Headers {
        let value = HeaderValue::from_str(value).expect("a cookie");
        [(HeaderName::from_static("cookie"), value)].into_iter().collect()
    }

    fn source(headers: &Headers) -> KeySource<'_> {
        KeySource { client: None, target: "/", headers }
    }

    #[test]
    fn a_client_comes_back_to_its_endpoint() {
        let (secret, none) = (secret("0123456789abcdef"), Headers::new());
        let sticky = stickiness(&[1, 2, 3], &secret);
        assert_eq!(sticky.place(&source(&none)), None);
        for place in 0..3 {
            let set = sticky.set(&source(&none), place, false).expect("a first cookie");
            let set = set.to_str().expect("plain").to_owned();
            let cookie = set.split(';').next().expect("a value").to_owned();
            assert_eq!(set, format!("{cookie}; Path=/; HttpOnly; SameSite=Lax"));
            assert_eq!(cookie.len(), "gate=".len() + TOKEN);
            assert!(!set.contains("10.0.0.1"));
            let headers = with_cookie(&format!("a=b; {cookie}"));
            assert_eq!(sticky.place(&source(&headers)), Some(place));
            assert_eq!(sticky.set(&source(&headers), place, true), None, "it has it");
            assert!(sticky.set(&source(&headers), (place + 1) % 3, true).is_some(), "another one answered");
            // After a reload in another order, and without the one.
            let moved = stickiness(&[3, 9, 2, 1], &secret);
            assert_eq!(moved.place(&source(&headers)), Some([3, 2, 0][place]));
            // What somebody else signed, and what is no token.
            assert_eq!(stickiness(&[1, 2, 3], &self::secret("another secret 16")).place(&source(&headers)), None);
            assert_eq!(sticky.place(&source(&with_cookie(&cookie[..cookie.len() - 1]))), None);
        }
    }

    #[test]
    fn attributes_follow_the_config() {
        let text = |sticky: &Sticky, tls| set_cookie(sticky, "t", tls).to_str().expect("plain").to_owned();
        let mut sticky = Sticky { cookie: "a".to_owned(), max_age: Some(Duration::from_secs(60)), ..STICKY };
        assert_eq!(text(&sticky, true), "a=t; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60");
        sticky.same_site = SameSite::None;
        assert_eq!(text(&sticky, false), "a=t; Path=/; HttpOnly; SameSite=None; Secure; Max-Age=60");
        (sticky.same_site, sticky.max_age) = (SameSite::Strict, None);
        assert_eq!(text(&sticky, false), "a=t; Path=/; HttpOnly; SameSite=Strict");
    }

    #[test]
    fn secrets_come_from_the_config_a_file_or_the_process() {
        let token = |secret: &Secret| secret.token("app", "10.0.0.1:80");
        let load = |secret: Option<&StickySecret>| Secret::load(secret).map(|secret| token(&secret));
        assert_eq!(load(None).expect("one"), load(None).expect("the same"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        let secret = StickySecret::File(file.path().to_owned());
        assert_eq!(load(Some(&secret)).expect_err("empty").label(), "secret_too_short");
        std::fs::write(file.path(), "0123456789abcdef\n").expect("written");
        assert_eq!(load(Some(&secret)).expect("one"), token(&self::secret("0123456789abcdef")));
        let gone = StickySecret::File("/nowhere/at/all".into());
        assert_eq!(load(Some(&gone)).expect_err("no file").label(), "unreadable");
        // Parts do not run into each other.
        let secret = self::secret("0123456789abcdef");
        assert_ne!(secret.token("a", "bc"), secret.token("ab", "c"));
        assert!(!format!("{secret:?}").contains("0123"));
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        assert_eq!(&base64(b"any carnal pleas"), b"YW55IGNhcm5hbCBwbGVhcw");
        assert_eq!(&base64(&[0xff; 16]), b"_____________________w");
    }
}
