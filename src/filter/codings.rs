//! What a route does about content codings, on both sides of an exchange.

use std::path::PathBuf;

use http::Method;

use super::FilterError;
use super::compress::{Choice, Compress, Reason, Wish};
use super::decompress::{Decompress, Tally, decode_for};
use crate::config::model::{self, Policies};
use crate::http::Headers;
use crate::http::dictionary::{Dictionary, Hash};
use crate::http::negotiate::{self, Coding};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::observe::metrics::{Decoded, WorkerMetrics};

/// `compress`, `decompress_request` and `decompress_response` of a route.
#[derive(Clone, Debug)]
pub struct Codings {
    compress: Option<Compress>,
    decompress: Option<Decompress>,
    decodes_responses: bool,
}

/// What the request said of codings, for when its response is there.
#[derive(Clone, Debug)]
pub struct Asked {
    wish: Option<Wish>,
    head: bool,
    /// Whether the client takes gzip, br and zstd.
    takes: [bool; CODINGS.len()],
}

const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Br, Coding::Zstd];

impl Codings {
    /// Those of a route; `None` where it leaves them alone.
    ///
    /// # Errors
    /// Dictionaries that cannot be used, and why.
    pub fn compile(policies: &Policies) -> Result<Option<Box<Self>>, Vec<(PathBuf, String)>> {
        let model::Codings { compress, decompress_request, decompress_response } = &policies.codings;
        let codings = Self {
            compress: compress.as_ref().map(Compress::compile).transpose()?,
            decompress: decompress_request.map(|policy| Decompress::compile(policy, policies.max_body)),
            decodes_responses: *decompress_response,
        };
        let any = codings.compress.is_some() || codings.decompress.is_some() || codings.decodes_responses;
        Ok(any.then(|| Box::new(codings)))
    }

    /// Takes the coding from the request, and notes what the client takes.
    ///
    /// # Errors
    /// [`FilterError::ContentCoding`]
    pub fn on_request(&self, request: &mut CleanRequest, metrics: &WorkerMetrics) -> Result<Asked, FilterError> {
        if let Some(decompress) = &self.decompress {
            decompress.on_request(request, Tally { metrics: metrics.clone(), side: Decoded::Request })?;
        }
        let head = request.method() == Method::HEAD;
        let takes = CODINGS.map(|coding| self.decodes_responses && negotiate::takes(request.headers(), coding));
        Ok(Asked { wish: self.compress.as_ref().map(|compress| compress.on_request(request)), head, takes })
    }

    /// Takes a coding from the response that its client does not take, and settles which one it is to be given; the policy and the wish
    /// are for doing that.
    ///
    /// # Errors
    /// The [`Reason`] why a response of a route that compresses stays as it is.
    pub fn on_response<'a>(
        &'a self,
        asked: &'a Asked,
        response: &mut CleanResponse,
        metrics: &WorkerMetrics,
    ) -> Result<Option<(&'a Compress, &'a Wish, Choice)>, Reason> {
        if self.decodes_responses {
            let takes = |coding| CODINGS.iter().zip(asked.takes).any(|(one, takes)| *one == coding && takes);
            let tally = Tally { metrics: metrics.clone(), side: Decoded::Response };
            decode_for(takes, asked.head, response, tally);
        }
        match (&self.compress, &asked.wish) {
            (Some(compress), Some(wish)) => {
                compress.settle(wish, response).map(|choice| Some((compress, wish, choice)))
            }
            _ => Ok(None),
        }
    }

    /// Notes what the client says of dictionaries; `find` looks among what was stored.
    pub fn on_dictionaries(
        &self,
        asked: &mut Asked,
        headers: &Headers,
        find: impl FnOnce(&Hash) -> Option<Dictionary>,
    ) {
        if let (Some(compress), Some(wish)) = (&self.compress, &mut asked.wish) {
            compress.on_dictionaries(wish, headers, find);
        }
    }

    /// Offers a response of that path as a dictionary, which is stored for all and whose content has so many octets; true where it is.
    pub fn offer(&self, asked: &Asked, path: &str, length: u64, response: &mut CleanResponse) -> bool {
        match (&self.compress, &asked.wish) {
            (Some(compress), Some(wish)) => compress.offer(wish, path, length, response),
            _ => false,
        }
    }

    /// Whether it compresses.
    pub const fn compresses(&self) -> bool {
        self.compress.is_some()
    }
}

impl Asked {
    /// The coding that this client is given, where the response can be compressed.
    pub fn likely(&self) -> Option<Choice> {
        self.wish.as_ref().and_then(Wish::likely)
    }

    /// The response is one that is stored for all.
    pub fn is_for_stored(&mut self) {
        if let Some(wish) = &mut self.wish {
            wish.is_for_stored();
        }
    }
}
