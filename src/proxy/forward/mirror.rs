//! Copies of requests for another upstream, whose answers nobody sees.
//!
//! A copy never stands in the way: it has a task of its own, and nothing of the exchange waits for it or learns what became of it. A body
//! that streams is copied while the upstream takes it; what the upstream does not take is not copied either. What the copy's attempt comes
//! to is told to the upstream that it went to, and to no other.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};

use super::attempt::Plan;
use super::upload::Upload;
use super::{Deadline, Forward, outcome};
use crate::config::model::Priority;
use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Length, Request};
use crate::observe::{Exchange, RouteId};
use crate::proxy::client::Client;
use crate::proxy::ticket::Ticket;
use crate::proxy::worker::Worker;
use crate::upstream::group::Tried;
use crate::upstream::mirror::{Dropped, Mirror, Place};
use crate::wire::Task;
use crate::wire::timer::Timer;

/// What tells a copy from the request itself.
const MARK: HeaderName = HeaderName::from_static("x-tidegate-mirror");

/// Octets of an answer that are read, so that the connection can be used again; where more comes it is closed.
const MAX_ANSWER: usize = 1 << 20;

/// A copy on its way.
struct Errand {
    worker: Rc<Worker>,
    route: RouteId,
    exchange: Exchange,
    request: Request,
    deadline: Deadline,
    place: Place,
}

/// Makes a copy of the request where the route wants one, and sends it on its way, at the latest when all of its body has passed.
pub(super) fn copy(forward: &Forward<'_>, mirror: &Mirror, request: &mut Request, upgrades: bool, of: &Exchange) {
    // Nobody but us says what is a copy.
    request.headers.remove(&MARK);
    if !mirror.draws(forward.client.worker.random()) {
        return;
    }
    match errand(forward, mirror, request, upgrades, of) {
        Ok(errand) => match &request.body {
            Body::Empty => errand.launch(Body::Empty),
            Body::Full(bytes) => errand.launch(Body::Full(bytes.clone())),
            Body::Stream(_) => {
                let (source, errand) = (std::mem::take(&mut request.body), Some(errand));
                request.body = Body::stream(Tee { source, errand, kept: BytesMut::new(), limit: mirror.max_body });
            }
        },
        Err(why) => mirror.copies.drop_one(why),
    }
}

fn errand(
    forward: &Forward<'_>,
    mirror: &Mirror,
    request: &Request,
    upgrades: bool,
    of: &Exchange,
) -> Result<Errand, Dropped> {
    let worker = &forward.client.worker;
    if upgrades {
        return Err(Dropped::Upgrade);
    }
    if !worker.pressure().serves(Priority::Low) {
        return Err(Dropped::Pressure);
    }
    if matches!(request.body.length(), Length::Known(length) if length > mirror.max_body as u64) {
        return Err(Dropped::BodyTooLarge);
    }
    let place = mirror.admit().ok_or(Dropped::InFlight)?;
    let mut exchange = Exchange::begin(of.listener, Instant::now());
    (exchange.client, exchange.scheme) = (of.client, of.scheme);
    (exchange.authority, exchange.target) = (of.authority.clone(), of.target.clone());
    let mut headers = request.headers.clone();
    headers.append(MARK, HeaderValue::from_static("1"));
    let request = Request {
        method: request.method.clone(),
        scheme: request.scheme,
        authority: request.authority.clone(),
        target: request.target.clone(),
        version: request.version,
        headers,
        upgrade: None,
        expects_continue: false,
        body: Body::Empty,
    };
    Ok(Errand { worker: worker.clone(), route: forward.route.id, exchange, request, deadline: forward.deadline, place })
}

impl Errand {
    fn launch(mut self, body: Body) {
        self.request.body = body;
        tokio::task::spawn_local(self.run());
    }

    /// To its end, and counted.
    async fn run(self) {
        let Self { worker, route, exchange, mut request, deadline, place } = self;
        let world = worker.world();
        let Some(route) = world.snapshot.routes.iter().find(|one| one.id == route) else {
            return place.copies().drop_one(Dropped::Reload);
        };
        let Some(mirror) = &route.mirror else { return place.copies().drop_one(Dropped::Reload) };
        let client = Client::nobody(worker.clone(), exchange.listener);
        let task = Task::new(Timer::new()).silent();
        let mut ticket = Ticket::unseen(exchange, &worker, task.clone());
        let deadline = deadline.of_copy(Instant::now() + mirror.timeout);
        let forward = Forward { client: &client, world: &world, route, place: mirror.upstream, task: &task, deadline };
        // The deadline bounds each step by itself; this bounds them all, whatever they are.
        let answered = tokio::time::timeout(mirror.timeout, send(&forward, &mut request, &mut ticket)).await;
        place.copies().ended(matches!(answered, Ok(Some(()))));
    }
}

/// One attempt, and all of its answer; `None` where there was none.
async fn send(forward: &Forward<'_>, request: &mut Request, ticket: &mut Ticket) -> Option<()> {
    let upstream = forward.world.upstreams.at(forward.place)?;
    let body = std::mem::take(&mut request.body);
    let plan = Plan {
        body: Upload::new(body, None),
        request,
        switch: None,
        settings: forward.settings(upstream),
        try_timeout: upstream.retry().try_timeout,
        upstream: forward.world.snapshot.upstream_id(forward.place),
        hedged: false,
        trace: None,
        spans: Cell::new(0),
    };
    if let Some(entrance) = upstream.entrance() {
        forward.enter((upstream, entrance), &plan, ticket).await.ok()?;
    }
    let mut attempt = forward.first(upstream, &plan, &mut Tried::default(), ticket).ok()?;
    let answered = attempt.run(forward, &plan).await;
    outcome::report(upstream, &attempt, &answered, true, Instant::now());
    let mut body = answered.ok()?.body;
    let mut octets = 0;
    while let Some(frame) = poll_fn(|cx| body.poll_frame(cx)).await {
        let Frame::Data(data) = frame.ok()? else { continue };
        octets += data.len();
        if octets > MAX_ANSWER {
            break;
        }
    }
    Some(())
}

/// The body of a request, copied while it passes.
struct Tee {
    source: Body,
    /// Until it is launched or given up.
    errand: Option<Errand>,
    kept: BytesMut,
    limit: usize,
}

impl Tee {
    fn keep(&mut self, data: &Bytes) {
        if self.errand.is_some() && self.kept.len() + data.len() > self.limit {
            return self.give_up(Dropped::BodyTooLarge);
        }
        if self.errand.is_some() {
            // A copy, so that a few octets do not hold the buffer that they were read into.
            self.kept.extend_from_slice(data);
        }
    }

    fn give_up(&mut self, why: Dropped) {
        if let Some(errand) = self.errand.take() {
            errand.place.copies().drop_one(why);
        }
        self.kept = BytesMut::new();
    }

    /// All of it has passed.
    fn launch(&mut self, trailers: Option<&Headers>) {
        let kept = std::mem::take(&mut self.kept).freeze();
        let Some(errand) = self.errand.take() else { return };
        let body = match trailers {
            None => Body::full(kept),
            Some(trailers) => Body::stream(Whole { data: Some(kept), trailers: Some(trailers.clone()) }),
        };
        errand.launch(body);
    }
}

impl BodyStream for Tee {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let frame = ready!(self.source.poll_frame(cx));
        match &frame {
            Some(Ok(Frame::Data(data))) => self.keep(data),
            Some(Ok(Frame::Trailers(trailers))) => self.launch(Some(trailers)),
            Some(Err(_)) => self.give_up(Dropped::BodyIncomplete),
            None => self.launch(None),
        }
        // Whoever knows the length may never ask for the end.
        if self.source.length() == Length::Known(0) || self.source.has_ended() {
            self.launch(None);
        }
        Poll::Ready(frame)
    }

    fn length(&self) -> Length {
        self.source.length()
    }

    fn has_ended(&self) -> bool {
        self.source.has_ended()
    }

    fn set_limit(&mut self, octets: u64) {
        self.source.set_limit(octets);
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.give_up(Dropped::BodyIncomplete);
    }
}

/// A body that is all here, with trailers behind it.
struct Whole {
    data: Option<Bytes>,
    trailers: Option<Headers>,
}

impl BodyStream for Whole {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let data = self.data.take().filter(|data| !data.is_empty()).map(Frame::Data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::Trailers)).map(Ok))
    }

    fn length(&self) -> Length {
        Length::Unknown
    }
}
