//! The filters of a route, and what their templates may speak of.

use super::fault::Fault;
use crate::filter::{Values, Verdict};
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::observe::Exchange;
use crate::snapshot::Route;

/// The filters of the route, on the request; what they answer instead of going on.
pub(super) fn on_request(
    route: &Route,
    request: &mut CleanRequest,
    exchange: &Exchange,
) -> Result<Option<CleanResponse>, Fault> {
    match route.filters.on_request(request, &values(exchange)).map_err(Fault::Filter)? {
        Verdict::Continue => Ok(None),
        Verdict::Respond(response) => Ok(Some(sanitize::own(*response))),
    }
}

/// The filters of the route, on the response.
pub(super) fn on_response(route: &Route, response: &mut CleanResponse, exchange: &Exchange) -> Result<(), Fault> {
    if route.filters.leaves_responses() {
        return Ok(());
    }
    route.filters.on_response(response, &values(exchange)).map_err(Fault::Filter)
}

/// What templates may speak of: the request as it came, with its path made clean.
pub(super) fn values(exchange: &Exchange) -> Values<'_> {
    Values {
        scheme: exchange.scheme,
        authority: exchange.authority.as_str(),
        target: exchange.asked().as_str(),
        client: exchange.client,
        request_id: exchange.request_id.as_ref(),
    }
}
