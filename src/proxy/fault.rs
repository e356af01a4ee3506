//! Why an exchange failed and whose fault it is. The one place where that becomes a status, a word and, for an attempt, leave to retry.

use http::StatusCode;

use crate::edge::auth::AuthFault;
use crate::files::FileFault;
use crate::filter::FilterError;
use crate::http::BodyError;
use crate::http::sanitize::{BadResponse, Refusal};
use crate::observe::{Cause, Side};
use crate::upstream::ConnectFailure;
use crate::upstream::capacity::Full;
use crate::wire::Refused;
use crate::wire::h1::client::Failure;

/// Why an exchange failed.
#[derive(Debug)]
pub enum Fault {
    /// What came was no request, or not in time.
    Unreadable(Refused),
    /// The request is refused for what it says.
    Refused(Refusal),
    /// The connection's certificate is not good for the authority (RFC 9110 §15.5.20).
    Misdirected,
    /// The request has come through here too often.
    Loop,
    /// No route takes it.
    NoRoute,
    /// The route is not for that address.
    AddressDenied,
    /// A rate limit is exceeded; so many seconds until the next request may come.
    RateLimited(u32),
    /// Nobody is let in without saying who it is.
    Auth(AuthFault),
    /// The route is not for pages of that origin.
    OriginDenied,
    /// The listener has left the config.
    ListenerGone,
    /// The route has all the exchanges that it may.
    RouteFull,
    /// There is too much to do for work of this class.
    Overloaded,
    /// The process has all the exchanges that it may.
    ServerFull,
    /// The client's address has all the exchanges that it may.
    ClientFull,
    /// The body is larger than the route allows.
    BodyTooLarge,
    /// The switch of protocol is not allowed on the route, or not possible with its action.
    UpgradeRefused,
    /// A filter or an action could not do what the config says.
    Filter(FilterError),
    /// There is no file to answer with.
    File(FileFault),
    /// No endpoint is left to try.
    NoEndpoint,
    /// The upstream has all the exchanges that it may, and so has the line before it.
    UpstreamFull,
    /// It had them for as long as one may wait.
    QueueTimeout,
    /// No connection to an endpoint.
    Connect(ConnectFailure),
    /// The endpoint did not answer as it should.
    Upstream(Failure),
    /// The endpoint's answer is refused for what it says.
    BadResponse(BadResponse),
    /// The body of the response broke off.
    ResponseBody(BodyError),
    /// The whole exchange took longer than the route allows.
    ExchangeTimeout,
    /// It took longer than the client said that it would wait.
    ClientDeadline,
    /// An attempt took longer than `try_timeout`, and was the last.
    TryTimeout,
    /// The config wants some requests to fail with this status.
    Injected(StatusCode),
}

impl Fault {
    /// Whose fault.
    pub const fn side(&self) -> Side {
        match self {
            Self::Unreadable(_)
            | Self::Refused(_)
            | Self::Misdirected
            | Self::Loop
            | Self::NoRoute
            | Self::AddressDenied
            | Self::RateLimited(_)
            | Self::OriginDenied
            | Self::ClientFull
            | Self::BodyTooLarge
            | Self::UpgradeRefused
            | Self::ClientDeadline
            | Self::Upstream(Failure::Request(_)) => Side::Client,
            Self::Auth(fault) => {
                if fault.is_clients() {
                    Side::Client
                } else {
                    Side::Us
                }
            }
            Self::Filter(error) if error.is_clients() => Side::Client,
            Self::File(FileFault::NotFound | FileFault::Method) => Side::Client,
            Self::ListenerGone | Self::RouteFull | Self::Filter(_) | Self::File(_) | Self::Injected(_) => Side::Us,
            Self::UpstreamFull | Self::QueueTimeout | Self::Overloaded | Self::ServerFull => Side::Us,
            Self::Connect(ConnectFailure::Full) => Side::Us,
            Self::ResponseBody(BodyError::Source) => Side::Us,
            Self::NoEndpoint
            | Self::Connect(_)
            | Self::Upstream(_)
            | Self::BadResponse(_)
            | Self::ResponseBody(_)
            | Self::ExchangeTimeout
            | Self::TryTimeout => Side::Upstream,
        }
    }

    /// The word for logs, metrics and docs.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unreadable(Refused::Head(error)) => error.label(),
            Self::Unreadable(Refused::HeadTimeout) => "request_head_timeout",
            Self::Refused(refusal) => refusal.label(),
            Self::Misdirected => "misdirected",
            Self::Loop => "loop",
            Self::NoRoute => "no_route",
            Self::AddressDenied => "address_denied",
            Self::RateLimited(_) => "rate_limited",
            Self::Auth(fault) => fault.label(),
            Self::OriginDenied => "origin_denied",
            Self::ListenerGone => "listener_gone",
            Self::RouteFull => "route_full",
            Self::Overloaded => "overloaded",
            Self::ServerFull => "server_full",
            Self::ClientFull => "client_full",
            Self::BodyTooLarge => "body_too_large",
            Self::UpgradeRefused => "upgrade_refused",
            Self::Filter(error) => error.label(),
            Self::File(fault) => fault.label(),
            Self::NoEndpoint => "no_endpoint",
            Self::UpstreamFull => "upstream_full",
            Self::QueueTimeout => "queue_timeout",
            Self::Connect(failure) => failure.label(),
            Self::Upstream(failure) => failure_label(failure),
            Self::BadResponse(bad) => bad.label(),
            Self::ResponseBody(error) => response_body_label(*error),
            Self::ExchangeTimeout => "exchange_timeout",
            Self::ClientDeadline => "client_deadline",
            Self::TryTimeout => "try_timeout",
            Self::Injected(_) => "injected_abort",
        }
    }

    /// The status that the client gets, where it still can get one.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable(Refused::Head(error)) => error.status(),
            Self::Unreadable(Refused::HeadTimeout) => StatusCode::REQUEST_TIMEOUT,
            Self::Refused(refusal) => refusal.status(),
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ListenerGone
            | Self::Overloaded
            | Self::ServerFull
            | Self::RouteFull
            | Self::ClientFull
            | Self::NoEndpoint => StatusCode::SERVICE_UNAVAILABLE,
            Self::Auth(fault) => fault.status(),
            Self::Injected(status) => *status,
            Self::UpstreamFull | Self::QueueTimeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::File(fault) => fault.status(),
            Self::BodyTooLarge | Self::Upstream(Failure::Request(BodyError::TooLarge)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UpgradeRefused | Self::AddressDenied | Self::OriginDenied => StatusCode::FORBIDDEN,
            Self::Filter(FilterError::ContentCoding) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Filter(error) if error.is_clients() => StatusCode::BAD_REQUEST,
            Self::Filter(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Connect(ConnectFailure::Full) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Connect(ConnectFailure::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Self::Upstream(Failure::Request(BodyError::Timeout)) => StatusCode::REQUEST_TIMEOUT,
            Self::Upstream(Failure::Request(_)) => StatusCode::BAD_REQUEST,
            Self::Upstream(Failure::ResponseTimeout | Failure::WriteTimeout | Failure::ExchangeTimeout)
            | Self::ExchangeTimeout
            | Self::ClientDeadline
            | Self::TryTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Connect(_) | Self::Upstream(_) | Self::BadResponse(_) | Self::ResponseBody(_) => {
                StatusCode::BAD_GATEWAY
            }
        }
    }

    /// The `error` of `Proxy-Status` (RFC 9209 §2.3).
    pub const fn proxy_error(&self) -> &'static str {
        match self {
            Self::Unreadable(Refused::HeadTimeout) => "http_request_error",
            Self::Unreadable(_) | Self::Refused(_) | Self::BodyTooLarge | Self::Misdirected => "http_request_error",
            Self::Upstream(Failure::Request(_)) => "http_request_error",
            Self::Loop => "proxy_loop_detected",
            Self::NoRoute | Self::File(FileFault::NotFound) => "destination_not_found",
            Self::File(_) => "proxy_internal_error",
            Self::AddressDenied | Self::OriginDenied | Self::RateLimited(_) | Self::Auth(_) => "http_request_denied",
            Self::Overloaded | Self::ServerFull => "http_request_denied",
            Self::ListenerGone | Self::RouteFull | Self::UpstreamFull | Self::QueueTimeout | Self::ClientFull => {
                "http_request_denied"
            }
            Self::UpgradeRefused => "http_upgrade_failed",
            Self::Filter(error) if error.is_clients() => "http_request_error",
            Self::Filter(_) => "proxy_configuration_error",
            Self::NoEndpoint => "destination_unavailable",
            Self::Connect(failure) => match failure {
                ConnectFailure::Unresolved => "dns_error",
                ConnectFailure::Refused => "connection_refused",
                ConnectFailure::Timeout => "connection_timeout",
                ConnectFailure::Tls(_) => "tls_protocol_error",
                ConnectFailure::Full => "connection_limit_reached",
                ConnectFailure::Other(_) => "destination_unavailable",
            },
            Self::Upstream(failure) => match failure {
                Failure::Closed | Failure::Unprocessed | Failure::Reset(_) => "connection_terminated",
                Failure::Malformed(_) => "http_protocol_error",
                Failure::ResponseTimeout | Failure::ExchangeTimeout => "http_response_timeout",
                Failure::WriteTimeout => "connection_write_timeout",
                Failure::Request(_) => "http_request_error",
            },
            Self::BadResponse(_) => "http_protocol_error",
            Self::ResponseBody(_) => "http_response_incomplete",
            Self::ExchangeTimeout | Self::ClientDeadline | Self::TryTimeout => "http_response_timeout",
            Self::Injected(_) => "proxy_internal_response",
        }
    }

    /// One sentence for the person who reads the body.
    pub const fn sentence(&self) -> &'static str {
        match self.status().as_u16() {
            404 => "There is nothing here under this name.",
            408 => "The request took too long to arrive.",
            413 => "The request body is larger than this server accepts.",
            414 => "The request target is longer than this server accepts.",
            415 => "The request body has a coding that this server does not take.",
            401 => "This is for those who say who they are.",
            429 => "There were too many requests; try again later.",
            421 => "This connection cannot answer for that host.",
            431 => "The request's header fields are larger than this server accepts.",
            502 => "The service behind this server did not answer as it should.",
            503 => "The service is not available at the moment.",
            504 => "The service behind this server did not answer in time.",
            508 => "The request has come through here before.",
            500 => "This server could not do what it is set up to do.",
            403 => "That is not allowed here.",
            501 => "This server does not do that.",
            _ => "The request is not one that this server can accept.",
        }
    }

    /// Seconds after which another try makes sense.
    pub const fn retry_after(&self) -> Option<u32> {
        match (self, self.status()) {
            (Self::RateLimited(seconds), _) => Some(*seconds),
            (_, StatusCode::SERVICE_UNAVAILABLE) => Some(1),
            _ => None,
        }
    }
}

impl From<Full> for Fault {
    fn from(full: Full) -> Self {
        match full {
            Full::Line => Self::UpstreamFull,
            Full::Late => Self::QueueTimeout,
        }
    }
}

/// What a failed attempt is a cause for, where there may be another one. `reused` tells that the connection had carried an exchange before.
pub const fn cause(fault: &Fault, reused: bool) -> Option<Cause> {
    match fault {
        Fault::Connect(_) => Some(Cause::Connect),
        Fault::Upstream(Failure::Unprocessed) => Some(Cause::Unprocessed),
        Fault::Upstream(Failure::Closed) if reused => Some(Cause::Stale),
        Fault::Upstream(Failure::Closed | Failure::Reset(_)) => Some(Cause::Reset),
        Fault::TryTimeout => Some(Cause::Timeout),
        // What the endpoint said was nonsense, or the exchange has no time left: another attempt would not do better.
        _ => None,
    }
}

const fn failure_label(failure: &Failure) -> &'static str {
    match failure {
        Failure::Closed => "upstream_closed",
        Failure::Unprocessed => "upstream_refused_stream",
        Failure::Reset(_) => "upstream_reset",
        Failure::Malformed(_) => "upstream_malformed",
        Failure::ResponseTimeout => "response_timeout",
        Failure::WriteTimeout => "upstream_write_timeout",
        Failure::ExchangeTimeout => "exchange_timeout",
        Failure::Request(error) => match error {
            BodyError::Incomplete => "request_incomplete",
            BodyError::Malformed => "request_body_malformed",
            BodyError::TooLarge => "body_too_large",
            BodyError::Timeout => "request_body_timeout",
            BodyError::Abandoned | BodyError::Source => "request_abandoned",
        },
    }
}

const fn response_body_label(error: BodyError) -> &'static str {
    match error {
        BodyError::Incomplete => "response_incomplete",
        BodyError::Malformed => "response_body_malformed",
        BodyError::TooLarge => "response_too_large",
        BodyError::Timeout => "response_body_timeout",
        BodyError::Abandoned => "tunnel_abandoned",
        BodyError::Source => "file_read_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::h1::parse::HeadError;
    use std::io::ErrorKind;

    #[test]
    fn what_may_be_tried_again() {
        let cases = [
            (Fault::Connect(ConnectFailure::Refused), false, Some(Cause::Connect)),
            (Fault::Connect(ConnectFailure::Full), false, Some(Cause::Connect)),
            (Fault::Upstream(Failure::Closed), false, Some(Cause::Reset)),
            (Fault::Upstream(Failure::Closed), true, Some(Cause::Stale)),
            (Fault::Upstream(Failure::Reset(ErrorKind::ConnectionReset)), true, Some(Cause::Reset)),
            (Fault::Upstream(Failure::Unprocessed), true, Some(Cause::Unprocessed)),
            (Fault::TryTimeout, false, Some(Cause::Timeout)),
            (Fault::Upstream(Failure::ResponseTimeout), false, None),
            (Fault::Upstream(Failure::ExchangeTimeout), false, None),
            (Fault::Upstream(Failure::Malformed(HeadError::StartLine)), false, None),
            (Fault::Upstream(Failure::Request(BodyError::Incomplete)), false, None),
            (Fault::ExchangeTimeout, false, None),
        ];
        for (fault, reused, expected) in cases {
            assert_eq!(cause(&fault, reused), expected, "{fault:?} {reused}");
        }
    }
}
