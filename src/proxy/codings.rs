//! Content codings of an exchange: what the client takes, noted before the request goes, and the coding that its response is given. What
//! is stored is compressed once, and its forms are stored beside it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::cached::{Joined, Source};
use super::client::Client;
use super::fault::Fault;
use super::ticket::Ticket;
use super::worker::World;
use crate::cache::{Content, Form, Store};
use crate::filter::compress::{Choice, Compress, How, Packed, Reason, Wish, place};
use crate::filter::{Asked, Codings};
use crate::http::Scheme;
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::observe::Exchange;
use crate::snapshot::Route;

/// Takes the coding of the request off, where the route says so, and notes what the client takes.
pub(super) fn ask(
    (client, world): (&Client, &World),
    route: &Route,
    request: &mut CleanRequest,
    ticket: &mut Ticket,
) -> Result<Option<Asked>, Fault> {
    let Some(codings) = &route.codings else { return Ok(None) };
    let mut asked = codings.on_request(request, client.worker.observer.metrics()).map_err(Fault::Filter)?;
    // What is in between may not be trusted with what it does not know (RFC 9842 §8).
    if ticket.exchange.scheme == Scheme::Https {
        let dictionaries = world.snapshot.cache.as_ref().map(|store| &store.dictionaries);
        codings.on_dictionaries(&mut asked, request.headers(), |hash| {
            let (scheme, authority) = (ticket.exchange.scheme, ticket.exchange.authority.as_str());
            dictionaries.and_then(|known| known.find(known.site(scheme, authority), hash))
        });
    }
    ticket.coded.form = asked.likely().map(|choice| form(&choice));
    Ok(Some(asked))
}

/// Gives the response the coding that suits its client.
pub(super) fn settle(
    (client, world): (&Client, &World),
    route: &Route,
    asked: Option<Asked>,
    response: &mut CleanResponse,
    ticket: &mut Ticket,
) {
    let (Some(codings), Some(mut asked)) = (&route.codings, asked) else { return };
    let source = ticket.coded.source.take();
    if ticket.exchange.upgraded {
        return;
    }
    if let Some(source) = &source {
        asked.is_for_stored();
        if let Some(store) = &world.snapshot.cache {
            offer((codings, store), &asked, source, response, &ticket.exchange);
        }
    }
    let packed = match codings.on_response(&asked, response, client.worker.observer.metrics()) {
        Ok(None) => return,
        Ok(Some((compress, wish, choice))) => encode(client, (compress, wish), choice, response, source),
        Err(reason) => Err(reason),
    };
    match packed {
        Ok(packed) => ticket.coded.packed = Some(packed),
        Err(reason) => client.worker.observer.metrics().left_uncompressed(reason),
    }
}

fn form(choice: &Choice) -> Form {
    Form {
        coding: choice.coding,
        dictionary: choice.dictionary.as_ref().map(crate::http::dictionary::Dictionary::hash),
    }
}

/// Offers what is stored as a dictionary for what comes after it, and keeps it for that.
fn offer(
    (codings, store): (&Codings, &Arc<Store>),
    asked: &Asked,
    source: &Source,
    response: &mut CleanResponse,
    exchange: &Exchange,
) {
    let (body, content) = source.offered();
    // What is not in memory as a whole is no dictionary.
    if content.is_some_and(|content| !matches!(content, Content::One(_) | Content::Several(_))) {
        return;
    }
    let path = exchange.target.as_str().split('?').next().unwrap_or("/");
    if !codings.offer(asked, path, source.plain(), response) {
        return;
    }
    let site = store.dictionaries.site(exchange.scheme, exchange.authority.as_str());
    let Some(content) = content else { return body.want(site) };
    if store.dictionaries.wants(site, body) {
        let (store, body, content) = (store.clone(), body.clone(), content.clone());
        tokio::task::spawn_local(async move { store.dictionaries.learn(site, &body, &content).await });
    }
}

/// From the store, or for the store, or as it passes.
fn encode(
    client: &Client,
    (compress, wish): (&Compress, &Wish),
    choice: Choice,
    response: &mut CleanResponse,
    source: Option<Box<Source>>,
) -> Result<Packed, Reason> {
    let (kit, coding, form) = (&client.worker.kit, choice.coding, form(&choice));
    let Some(source) = source.filter(|_| !wish.is_head()) else {
        return compress.encode(wish, choice, response, kit);
    };
    let plain = Rc::new(Cell::new(source.plain()));
    if let Some(body) = source.form(form) {
        wish.give(coding, response, body);
        return Ok(Packed { coding, plain, how: How::Stored });
    }
    let place = place(kit, coding).ok_or(Reason::Busy)?;
    let (how, body, plain) = match source.join(form) {
        Joined::Follow(body) => (How::Joined, body, plain),
        Joined::Lead(task, reader) => {
            let (body, plain) = compress.make(choice, response, kit, place);
            task.spawn(body);
            (How::Made, reader, plain)
        }
        Joined::Alone => return compress.encode(wish, choice, response, kit),
    };
    wish.give(coding, response, body);
    Ok(Packed { coding, plain, how })
}
