//! Switches of protocol: which are allowed, and how an HTTP/2 client's extended CONNECT (RFC 8441) becomes an HTTP/1.1 upgrade and back.
//!
//! The tunnel itself needs no code: after the switch the two bodies of the exchange are its two directions, and the codecs pass no byte of
//! either before the upstream's 101.

use http::header::{HeaderName, HeaderValue, UPGRADE};
use http::{Method, StatusCode};

use super::fault::Fault;
use crate::http::sanitize::CleanRequest;
use crate::http::{Body, Response, Upgrade};
use crate::wire::h1::parse::HeadError;

const SEC_WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const SEC_WEBSOCKET_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// A switch that the client asked for and that the route allows.
#[derive(Debug)]
pub(super) struct Switch {
    /// The protocol as HTTP/1.1 names it.
    pub(super) protocol: String,
    /// It came as extended CONNECT: what goes upstream is GET, what comes back is 200.
    extended: bool,
}

/// Takes the switch out of a request, and makes an HTTP/1.1 request of one that came as extended CONNECT.
///
/// # Errors
/// [`Fault::UpgradeRefused`] for an extended CONNECT to what the route does not allow. An `Upgrade` of HTTP/1.1 may be ignored (RFC 9110 §7.8),
/// and is: `Ok(None)`.
pub(super) fn take(
    request: &mut CleanRequest,
    allowed: &[String],
    draw: impl Fn() -> u64,
) -> Result<Option<Switch>, Fault> {
    let Some(upgrade) = request.upgrade_mut().take() else { return Ok(None) };
    let (text, extended) = match &upgrade {
        Upgrade::Http1(protocol) => (protocol, false),
        Upgrade::ExtendedConnect(protocol) => (protocol, true),
    };
    let protocol = text.as_str().to_ascii_lowercase();
    if !allowed.contains(&protocol) {
        if extended {
            return Err(Fault::UpgradeRefused);
        }
        // The body stands for what would follow the switch.
        *request.body_mut() = Body::Empty;
        return Ok(None);
    }
    if extended && protocol == "websocket" {
        // HTTP/2 has no use for the key; HTTP/1.1 does (RFC 8441 §5).
        let key = [draw().to_be_bytes(), draw().to_be_bytes()].concat();
        let key = HeaderValue::try_from(base64(&key)).map_err(|_| Fault::UpgradeRefused)?;
        request.headers_mut().set(SEC_WEBSOCKET_KEY, key);
    }
    Ok(Some(Switch { protocol, extended }))
}

impl Switch {
    /// The method that goes upstream.
    pub(super) const fn method(&self) -> Method {
        Method::GET
    }

    /// What the upstream's answer is for this client.
    ///
    /// # Errors
    /// Where the upstream switched to something else than was asked for.
    pub(super) fn settle(&self, response: &mut Response) -> Result<bool, HeadError> {
        if response.status != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(false);
        }
        let named = response.headers.text(&UPGRADE);
        if !named.is_some_and(|named| named.eq_ignore_ascii_case(&self.protocol)) {
            return Err(HeadError::FieldValue);
        }
        if self.extended {
            response.status = StatusCode::OK;
            response.headers.remove(&UPGRADE);
            response.headers.remove(&SEC_WEBSOCKET_ACCEPT);
        }
        Ok(true)
    }
}

/// RFC 4648 §4
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { letter as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_as_in_rfc_4648() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
