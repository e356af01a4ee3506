//! Faults on purpose: the step of [`crate::filter::Inject`].

use std::future::poll_fn;
use std::time::{Duration, Instant};

use super::client::Client;
use super::fault::Fault;
use super::forward::Deadline;
use super::ticket::Ticket;
use crate::filter::Inject;
use crate::http::sanitize::CleanRequest;
use crate::observe::Injected;
use crate::snapshot::Route;
use crate::wire::Task;
use crate::wire::timer::earlier;

/// Lets the request wait, or fail, where it is one of those. The time that it waits is a part of its own.
pub(super) async fn run(
    client: &Client,
    (route, inject): (&Route, &Inject),
    request: &CleanRequest,
    ticket: &mut Ticket,
    task: &Task,
) -> Result<(), Fault> {
    let injection = inject.decide(request.headers(), || client.worker.random());
    let injected = Injected { delay: injection.delay.is_some(), abort: injection.abort.is_some() };
    if injected == Injected::default() {
        return Ok(());
    }
    ticket.exchange.edge().injected = injected;
    inject.counts.count(injection);
    if let Some(delay) = injection.delay {
        wait(delay, Deadline::of(route, request, &ticket.exchange), task).await?;
    }
    injection.abort.map_or(Ok(()), |status| Err(Fault::Injected(status)))
}

async fn wait(delay: Duration, deadline: Deadline, task: &Task) -> Result<(), Fault> {
    let Some(end) = earlier(Some(Instant::now() + delay), deadline.until) else { return Ok(()) };
    poll_fn(|cx| task.timer().poll(end, cx)).await;
    if deadline.is_over() { Err(deadline.fault()) } else { Ok(()) }
}
