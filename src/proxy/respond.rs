//! Error responses: the one place that writes their fields and bodies. What they say is for strangers: no address, no name of an upstream.

use http::StatusCode;
use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};

use super::fault::Fault;
use crate::http::{Body, Headers, Response, grpc, negotiate};

/// RFC 9209
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The last is for clients that take any JSON without knowing RFC 9457 by name.
const OFFERS: [&str; 4] = ["text/plain", "text/html", "application/problem+json", "application/json"];

/// Who reads an error.
#[derive(Clone, Debug)]
pub(super) enum Reader {
    /// Somebody who takes what their `Accept` says.
    Http(Option<HeaderValue>),
    /// A gRPC client, which reads the status of the call and nothing else.
    Grpc,
}

/// The response to a fault. `id` stands in the body for whoever asks the operator.
pub(super) fn fault(fault: &Fault, reader: &Reader, id: Option<&HeaderValue>) -> Response {
    let accept = match reader {
        Reader::Http(accept) => accept.as_ref(),
        Reader::Grpc => return call(fault),
    };
    let status = fault.status();
    let offer = accept.and_then(|accept| {
        let asked: Headers = [(ACCEPT, accept.clone())].into_iter().collect();
        negotiate::media_type(&asked, &OFFERS)
    });
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or("");
    let title = status.canonical_reason().unwrap_or("Error");
    let (kind, body) = match offer {
        Some(1) => ("text/html; charset=utf-8", html(status.as_u16(), title, fault.sentence(), id)),
        Some(2 | 3) => ("application/problem+json", problem(status.as_u16(), title, fault.sentence(), id)),
        _ => ("text/plain; charset=utf-8", text(status.as_u16(), title, fault.sentence(), id)),
    };
    let mut response = Response::new(status).with_body(Body::full(body));
    let headers = &mut response.headers;
    headers.append(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.append(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = fault.retry_after() {
        headers.append(RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // What would have been taken (RFC 9110 §15.5.16).
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("zstd, br, gzip"));
    }
    tell(headers, fault);
    response
}

/// The end of a call, with its status in the head (Trailers-Only). Its status of HTTP is always 200.
fn call(fault: &Fault) -> Response {
    let mut response = Response::new(StatusCode::OK);
    let headers = &mut response.headers;
    headers.append(CONTENT_TYPE, HeaderValue::from_static(grpc::CALL));
    headers.append(grpc::STATUS, u16::from(grpc::status(fault.status())).into());
    headers.append(grpc::MESSAGE, HeaderValue::from_static(fault.sentence()));
    tell(headers, fault);
    response
}

fn tell(headers: &mut Headers, fault: &Fault) {
    let reason = format!("tidegate; error={}; details=\"{}\"", fault.proxy_error(), fault.label());
    if let Ok(reason) = HeaderValue::try_from(reason) {
        headers.append(PROXY_STATUS, reason);
    }
}

fn text(status: u16, title: &str, sentence: &str, id: &str) -> String {
    let id = if id.is_empty() { String::new() } else { format!("Request id: {id}\n") };
    format!("{status} {title}\n{sentence}\n{id}")
}

fn problem(status: u16, title: &str, sentence: &str, id: &str) -> String {
    let mut object = serde_json::json!({ "status": status, "title": title, "detail": sentence });
    if !id.is_empty() {
        object["request_id"] = id.into();
    }
    object.to_string()
}

/// No part of it comes from the client but the request id, which is checked to be letters, digits and the like.
fn html(status: u16, title: &str, sentence: &str, id: &str) -> String {
    let id = if id.is_empty() {
        String::new()
    } else {
        format!("<p><small>Request id: <code>{}</code></small></p>", escaped(id))
    };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{status} {title}</title><style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;\
         max-width:36rem;margin:20vh auto 0;padding:0 1.5rem}}h1{{font-size:1.5rem}}small{{opacity:.7}}</style></head>\
         <body><h1>{status} {title}</h1><p>{sentence}</p>{id}</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_by_what_the_client_accepts() {
        let id = HeaderValue::from_static("abc");
        let body = |accept: Option<&'static str>| {
            let accept = accept.map(HeaderValue::from_static);
            let response = fault(&Fault::NoEndpoint, &Reader::Http(accept), Some(&id));
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
            let said = response.headers.text(&PROXY_STATUS).map(str::to_owned);
            assert_eq!(said.as_deref(), Some("tidegate; error=destination_unavailable; details=\"no_endpoint\""));
            assert_eq!(response.headers.text(&RETRY_AFTER), Some("1"));
            let Body::Full(bytes) = response.body else { panic!("a body") };
            String::from_utf8_lossy(&bytes).into_owned()
        };
        assert_eq!(
            body(None),
            "503 Service Unavailable\nThe service is not available at the moment.\nRequest id: abc\n"
        );
        assert!(body(Some("text/html,*/*;q=0.8")).starts_with("<!doctype html>"));
        let problem: serde_json::Value = serde_json::from_str(&body(Some("application/problem+json"))).expect("JSON");
        assert_eq!(problem["status"], 503);
        assert_eq!(problem["request_id"], "abc");
        assert!(body(Some("application/json")).starts_with('{'));
        assert!(body(Some("image/png")).starts_with("503 "));
    }

    #[test]
    fn a_call_ends_with_a_status_of_its_own() {
        for (why, status) in [(Fault::ClientDeadline, "4"), (Fault::NoEndpoint, "14"), (Fault::NoRoute, "12")] {
            let response = fault(&why, &Reader::Grpc, None);
            assert_eq!((response.status, response.headers.text(&grpc::STATUS)), (StatusCode::OK, Some(status)));
            assert!(response.headers.text(&grpc::MESSAGE).is_some_and(|said| !said.contains('%')), "nothing to escape");
            assert!(response.body.is_empty() && response.headers.contains(&PROXY_STATUS));
        }
    }
}
