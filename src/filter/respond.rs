//! The action `respond`: a fixed response.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::config::model;
use crate::http::{Body, Headers, Response, hop};

/// A compiled fixed response.
#[derive(Clone)]
pub struct Respond {
    status: StatusCode,
    headers: Headers,
    body: Bytes,
}

impl std::fmt::Debug for Respond {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Respond").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Respond {
    /// Compiles the action. A status that has no body (RFC 9110 §6.4.1) has none, whatever the config says.
    pub fn compile(respond: &model::Respond) -> Self {
        let model::Respond { status, body, headers } = respond;
        let bare = matches!(*status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
        let body = if bare { Bytes::new() } else { body.clone() };
        let mut headers: Headers =
            headers.iter().filter(|(name, _)| hop::may_be_ruled(name.as_str())).cloned().collect();
        if !body.is_empty() && !headers.contains(&CONTENT_TYPE) {
            headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        Self { status: *status, headers, body }
    }

    /// The response; its octets are shared.
    pub fn respond(&self) -> Response {
        Response { status: self.status, headers: self.headers.clone(), body: Body::full(self.body.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, SERVER};

    use super::super::filters::tests::lines;
    use super::*;

    #[test]
    fn a_body_has_a_type_and_some_statuses_have_no_body() {
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let odd = [(SERVER, HeaderValue::from_static("x")), (CONTENT_LENGTH, HeaderValue::from_static("7"))];
        let cases = [
            (200, "ok", vec![], "content-type:text/plain; charset=utf-8", 2),
            (200, "{}", vec![json.clone()], "content-type:application/json", 2),
            (200, "", vec![], "", 0),
            (204, "ok", vec![], "", 0),
            (404, "", odd.to_vec(), "server:x", 0),
        ];
        for (status, body, headers, expected, length) in cases {
            let status = StatusCode::from_u16(status).expect("a status");
            let made = Respond::compile(&model::Respond { status, body: body.into(), headers }).respond();
            assert_eq!((made.status, lines(&made.headers).as_str()), (status, expected));
            assert_eq!(made.body.length(), crate::http::Length::Known(length));
        }
    }
}
