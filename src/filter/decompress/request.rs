//! `decompress_request`: the upstream sees the content alone.

use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use super::body::{Bounds, DecodedBody, Tally};
use crate::config::model;
use crate::filter::FilterError;
use crate::http::Body;
use crate::http::negotiate::Coding;
use crate::http::sanitize::CleanRequest;
use crate::observe::metrics::Undecoded;

/// `decompress_request` of a route.
#[derive(Clone, Copy, Debug)]
pub struct Decompress {
    bounds: Bounds,
}

/// Whether a coding was taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncoded {
    /// There was none.
    Plain,
    /// This one was.
    From(Coding),
}

impl Decompress {
    /// The policy; `max_body` of the route bounds the content with and without its coding.
    pub fn compile(policy: model::Decompress, max_body: u64) -> Self {
        Self { bounds: Bounds { octets: max_body, ratio: policy.max_ratio } }
    }

    /// Takes the coding from a request.
    ///
    /// # Errors
    /// [`FilterError::ContentCoding`] where it has one that is not known, or several.
    pub fn on_request(&self, request: &mut CleanRequest, tally: Tally) -> Result<Uncoded, FilterError> {
        if !request.headers().contains(&CONTENT_ENCODING) || request.request().upgrade.is_some() {
            return Ok(Uncoded::Plain);
        }
        let mut codings = request.headers().all(&CONTENT_ENCODING);
        let coding = codings.next().and_then(known).filter(|_| codings.next().is_none());
        drop(codings);
        let Some(coding) = coding else {
            tally.refused(Undecoded::Unknown);
            return Err(FilterError::ContentCoding);
        };
        request.headers_mut().remove(&CONTENT_ENCODING);
        if coding == Coding::Identity || request.request().body.is_empty() {
            return Ok(Uncoded::Plain);
        }
        request.headers_mut().remove(&CONTENT_LENGTH);
        let body = std::mem::take(request.body_mut());
        let decoded = DecodedBody::new(body, coding, self.bounds).map_err(|_| FilterError::ContentCoding)?;
        *request.body_mut() = Body::stream(decoded.counted(tally));
        Ok(Uncoded::From(coding))
    }
}

/// The one coding that a field names.
pub(super) fn known(value: &HeaderValue) -> Option<Coding> {
    let token = value.to_str().ok()?.trim();
    let token = if token.eq_ignore_ascii_case("x-gzip") { "gzip" } else { token };
    let all = [Coding::Gzip, Coding::Br, Coding::Zstd, Coding::Identity];
    all.into_iter().find(|coding| token.eq_ignore_ascii_case(coding.as_str()))
}
