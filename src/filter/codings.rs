//! What a route does about content codings, on both sides of an exchange.

use std::rc::Rc;

use http::Method;

use super::FilterError;
use super::compress::{Compress, Kit, Packed, Reason, Wish};
use super::decompress::{Decompress, decode_for};
use crate::config::model::{self, Policies};
use crate::http::negotiate::{self, Coding};
use crate::http::sanitize::{CleanRequest, CleanResponse};

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
    pub fn compile(policies: &Policies) -> Option<Box<Self>> {
        let model::Codings { compress, decompress_request, decompress_response } = &policies.codings;
        let codings = Self {
            compress: compress.as_ref().map(Compress::compile),
            decompress: decompress_request.map(|policy| Decompress::compile(policy, policies.max_body)),
            decodes_responses: *decompress_response,
        };
        let any = codings.compress.is_some() || codings.decompress.is_some() || codings.decodes_responses;
        any.then(|| Box::new(codings))
    }

    /// Takes the coding from the request, and notes what the client takes.
    ///
    /// # Errors
    /// [`FilterError::ContentCoding`]
    pub fn on_request(&self, request: &mut CleanRequest) -> Result<Asked, FilterError> {
        if let Some(decompress) = &self.decompress {
            decompress.on_request(request)?;
        }
        let head = request.method() == Method::HEAD;
        let takes = CODINGS.map(|coding| self.decodes_responses && negotiate::takes(request.headers(), coding));
        Ok(Asked { wish: self.compress.as_ref().map(|compress| compress.on_request(request)), head, takes })
    }

    /// Gives the response the coding that suits its client.
    ///
    /// # Errors
    /// The [`Reason`] why a response of a route that compresses stays as it is.
    pub fn on_response(
        &self,
        asked: &Asked,
        response: &mut CleanResponse,
        kit: &Rc<Kit>,
    ) -> Result<Option<Packed>, Reason> {
        if self.decodes_responses {
            let takes = |coding| CODINGS.iter().zip(asked.takes).any(|(one, takes)| *one == coding && takes);
            decode_for(takes, asked.head, response);
        }
        match (&self.compress, &asked.wish) {
            (Some(compress), Some(wish)) => compress.on_response(wish, response, kit).map(Some),
            _ => Ok(None),
        }
    }
}
