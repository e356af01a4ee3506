//! One stream of a client: its request, the exchange, and the response.

use std::future::{Future, poll_fn};
use std::task::Poll;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode, Version};

use super::Settings;
use crate::http::{Body, Length, Request, Response, Target, Text, Upgrade};
use crate::wire::exchange::{Answer, Delivery, End, Exchanges, Task};
use crate::wire::h2::inflow::Inflow;
use crate::wire::h2::outflow::{Broken, Outflow};
use crate::wire::h2::streams::Running;
use crate::wire::h2::{declared, names_are_tokens};
use crate::wire::pace::Patience;
use crate::wire::timer::Timer;
use crate::wire::turns::Turns;

/// Has a request answered, and sends the answer.
pub(super) async fn serve<E: Exchanges>(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    exchanges: &E,
    settings: &Settings,
    running: &Running,
) {
    let task = Task::new(Timer::new());
    let Some(request) = message(request, settings, &task) else {
        respond.send_reset(Reason::PROTOCOL_ERROR);
        return;
    };
    let head = request.method == Method::HEAD;
    // In a box: while the response goes out nothing is kept of it.
    let mut answer = Box::pin(exchanges.answer(request, task.clone()));
    let answered = poll_fn(|cx| {
        if running.is_over() {
            return Poll::Ready(None);
        }
        let answer = answer.as_mut().poll(cx);
        while let Some(interim) = task.take_interim() {
            let mut response = http::Response::new(());
            *response.status_mut() = interim.status;
            *response.headers_mut() = HeaderMap::from(interim.headers);
            // Where it cannot be sent the stream is gone, which the next poll tells.
            let _ = respond.send_informational(response);
        }
        match answer {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => respond.poll_reset(cx).map(|_| None),
        }
    })
    .await;
    take_turn(running).await;
    drop(answer);
    if let Some(answer) = answered
        && send(answer, respond, head, (task.timer().clone(), settings.writing), running).await
    {
        running.served();
    }
}

/// What goes with its connection goes with all the others of it, a few at a time.
async fn take_turn(running: &Running) {
    if running.is_over() {
        let mut turns = Turns::ending();
        poll_fn(|cx| turns.poll(cx)).await;
    }
}

/// A request of ours from one of theirs; `None` where it is malformed.
fn message(request: http::Request<RecvStream>, settings: &Settings, task: &Task) -> Option<Request> {
    let (parts, stream) = request.into_parts();
    if !names_are_tokens(&parts.headers) {
        return None;
    }
    let text = |text: &str| Text::visible(Bytes::copy_from_slice(text.as_bytes()));
    let target = match parts.uri.path_and_query() {
        Some(target) => Target::parse(text(target.as_str())?)?,
        // CONNECT without :protocol names an authority only; what to say of it is not for this place.
        None => Target::parse(Text::from_static("/"))?,
    };
    let authority = parts.uri.authority().map_or(Some(Text::default()), |authority| text(authority.as_str()))?;
    let protocol = parts.extensions.get::<h2::ext::Protocol>();
    let upgrade = protocol.map(|protocol| text(protocol.as_str())).map(|text| text.map(Upgrade::ExtendedConnect));
    let upgrade = match upgrade {
        Some(None) => return None,
        Some(upgrade) => upgrade,
        None => None,
    };
    let expects_continue = parts
        .headers
        .get(http::header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    // In a tunnel silence is no fault of either side.
    let patience = if upgrade.is_some() { Patience::default() } else { settings.reading };
    let body = if stream.is_end_stream() {
        Body::Empty
    } else {
        Body::stream(Inflow::new(stream, declared(&parts.headers), task.clone(), patience, None).counted())
    };
    Some(Request {
        method: parts.method,
        scheme: settings.scheme,
        authority,
        target,
        version: Version::HTTP_2,
        headers: parts.headers.into(),
        upgrade,
        expects_continue,
        body,
    })
}

/// Sends an answer; whether all of it went out.
async fn send(
    answer: Answer,
    mut respond: SendResponse<Bytes>,
    to_head: bool,
    (timer, patience): (Timer, Patience),
    running: &Running,
) -> bool {
    let Answer { response, receipt } = answer;
    let Response { status, mut headers, body } = response;
    let bodiless = to_head || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    match body.length() {
        Length::Known(length) if !bodiless || (to_head && length > 0 && !headers.contains(&CONTENT_LENGTH)) => {
            headers.set(CONTENT_LENGTH, length.into());
        }
        _ => {}
    }
    let body = if bodiless { Body::Empty } else { body };
    let mut head = http::Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = headers.into();
    let delivery = match respond.send_response(head, body.is_empty()) {
        Err(_) => Delivery { body: 0, end: End::ClientGone },
        Ok(_) if body.is_empty() => Delivery { body: 0, end: End::Complete },
        Ok(stream) => {
            let mut outflow = Outflow::new(body, stream, timer, patience);
            let mut untaken = None;
            let sent = poll_fn(|cx| {
                let polled = outflow.poll(cx);
                match polled.is_pending() && outflow.is_untaken() {
                    true if untaken.is_none() => untaken = Some(running.untaken()),
                    true => {}
                    false => untaken = None,
                }
                polled
            });
            let sent = sent.await;
            take_turn(running).await;
            let end = match sent {
                Ok(()) => End::Complete,
                Err(Broken::Source(error)) => End::Source(error),
                Err(Broken::Gone) => End::ClientGone,
                Err(Broken::Stalled) => End::ClientStalled,
            };
            Delivery { body: outflow.sent(), end }
        }
    };
    let complete = matches!(delivery.end, End::Complete);
    if let Some(receipt) = receipt {
        receipt.delivered(delivery);
    }
    complete
}
