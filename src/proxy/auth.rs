//! Who asks: the steps of [`crate::edge::auth`], and what they wait for.

mod ask;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue};

use self::ask::Answer;
use super::client::Client;
use super::fault::Fault;
use super::ticket::Ticket;
use super::worker::World;
use crate::edge::auth::basic::{Basic, Claimed};
use crate::edge::auth::jwks::KeySet;
use crate::edge::auth::jwt::{self, Jwt};
use crate::edge::auth::{Auth, AuthFault, Identity, Remembered, password};
use crate::http::Target;
use crate::http::key::KeySource;
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::snapshot::Route;

/// How long a request waits for keys to be fetched.
const FETCH: Duration = Duration::from_secs(3);
/// How long it waits for its password to be looked at.
const CHECK: Duration = Duration::from_secs(10);

/// Takes away what only the edge may say of a client, before anything looks at it.
pub(super) fn strip_identity(world: &World, request: &mut CleanRequest) {
    world.snapshot.identity.strip(request.headers_mut());
}

/// How clients of the route prove who they are, where they must.
pub(super) fn of(route: &Route) -> Option<&Auth> {
    route.edge.as_ref()?.auth.as_ref()
}

/// Finds out who asks. What it gives back is the answer of a service that says no.
pub(super) async fn authenticate(
    client: &Client,
    world: &World,
    (route, auth): (&Route, &Auth),
    request: &mut CleanRequest,
    ticket: &mut Ticket,
) -> Result<Option<CleanResponse>, Fault> {
    let identity = match &auth.forward {
        Some(forward) => match ask::ask((client, world, route), (auth, forward), request, ticket).await? {
            Answer::Yes(identity) => identity,
            Answer::No(response) => return Ok(Some(response)),
        },
        None => credentials(client, auth, request, ticket).await.map_err(|fault| {
            if let Some(dress) = &mut ticket.dress {
                dress.challenges = fault.is_clients();
            }
            Fault::Auth(fault)
        })?,
    };
    let_in(auth, identity, request, ticket)?;
    super::edge::check_identity_rate(route, request, ticket)?;
    Ok(None)
}

/// One way that lets the request in is enough; what is said is what the last one that it brought something for had against it.
async fn credentials(
    client: &Client,
    auth: &Auth,
    request: &CleanRequest,
    ticket: &Ticket,
) -> Result<Identity, AuthFault> {
    let headers = request.headers();
    if carriers(auth).any(|name| headers.all(name).count() > 1) {
        // Two readers could take two of them.
        return Err(AuthFault::Malformed);
    }
    let mut why = AuthFault::Missing;
    if let Some(found) = auth.keys.as_ref().and_then(|keys| keys.check(headers, request.target())) {
        match found {
            Ok(name) => return Ok(Identity::of(&name)),
            Err(fault) => why = fault,
        }
    }
    if let Some(jwt) = &auth.jwt {
        let source = KeySource { client: ticket.exchange.client, target: request.target().as_str(), headers };
        if let Some(token) = jwt.token(&source) {
            match by_token(client, jwt, &token).await {
                Ok(identity) => return Ok(identity),
                Err(fault) => why = fault,
            }
        }
    }
    if let Some(basic) = &auth.basic
        && let Some(claimed) = headers.first(&AUTHORIZATION).and_then(Basic::claimed)
    {
        match by_password(client, basic, claimed?).await {
            Ok(identity) => return Ok(identity),
            Err(fault) => why = fault,
        }
    }
    Err(why)
}

/// The fields that carry credentials.
fn carriers(auth: &Auth) -> impl Iterator<Item = &HeaderName> {
    let basic = auth.basic.as_ref().map(|_| &AUTHORIZATION);
    let token = auth.jwt.as_ref().map(Jwt::header);
    let key = auth.keys.as_ref().and_then(|keys| keys.header());
    basic.into_iter().chain(token).chain(key)
}

async fn by_password(client: &Client, basic: &Basic, claimed: Claimed) -> Result<Identity, AuthFault> {
    let Claimed { name, password } = claimed;
    let memo = &client.worker.memo;
    let (hash, known) = basic.hash_of(&name);
    // With the hash in it: another password in the file, and nothing is remembered.
    let place = memo.place(&[b"basic", hash.text().as_bytes(), name.as_bytes(), &password]);
    if known && let Some(identity) = memo.find(&place, Instant::now()) {
        return Ok(identity);
    }
    let answer = password::check(hash, &password).map_err(|_| AuthFault::Busy)?;
    match tokio::time::timeout(CHECK, answer).await {
        Ok(Ok(true)) if known => {
            let (identity, now) = (Identity::of(&name), Instant::now());
            memo.keep(place, Remembered { identity: identity.clone(), until: now + basic.remember }, now);
            Ok(identity)
        }
        Ok(Ok(_)) => Err(AuthFault::Credentials),
        Ok(Err(_)) | Err(_) => Err(AuthFault::Busy),
    }
}

async fn by_token(client: &Client, jwt: &Jwt, token: &str) -> Result<Identity, AuthFault> {
    let keys = match jwt.keys() {
        Some(keys) => keys,
        None => {
            fetched(jwt).await;
            jwt.keys().ok_or(AuthFault::Unavailable)?
        }
    };
    match judge(client, jwt, token, &keys) {
        // Perhaps the issuer has new ones.
        Err(AuthFault::TokenKey) if fetched(jwt).await => match jwt.keys() {
            Some(newer) if newer.number != keys.number => judge(client, jwt, token, &newer),
            _ => Err(AuthFault::TokenKey),
        },
        decided => decided,
    }
}

fn judge(client: &Client, jwt: &Jwt, token: &str, keys: &KeySet) -> Result<Identity, AuthFault> {
    let (memo, now) = (&client.worker.memo, Instant::now());
    let place = memo.place(&[b"jwt", &jwt.number.to_be_bytes(), &keys.number.to_be_bytes(), token.as_bytes()]);
    if let Some(identity) = memo.find(&place, now) {
        return Ok(identity);
    }
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let verified = jwt.check(token, keys, time)?;
    let until = now + jwt::remember(&verified, time);
    memo.keep(place, Remembered { identity: verified.identity.clone(), until }, now);
    Ok(verified.identity)
}

/// Has keys fetched and waits for that, where it can bring something.
async fn fetched(jwt: &Jwt) -> bool {
    let Some(mut fetches) = jwt.remote().and_then(|remote| remote.ask(Instant::now())) else { return false };
    tokio::time::timeout(FETCH, fetches.changed()).await.is_ok_and(|changed| changed.is_ok())
}

/// The request as it goes on: without what proved it, and with the fields that tell who asks.
fn let_in(auth: &Auth, identity: Identity, request: &mut CleanRequest, ticket: &mut Ticket) -> Result<(), Fault> {
    if !auth.forward_credentials && auth.forward.is_none() {
        withhold(auth, request);
    }
    if let Some(target) = auth.keys.as_ref().and_then(|keys| keys.without_key(request.target().text())) {
        // What was clean is so without one parameter.
        let target = Target::parse(target).ok_or(Fault::Auth(AuthFault::Malformed))?;
        request.set_target(target).map_err(|_| Fault::Auth(AuthFault::Malformed))?;
    }
    let headers = request.headers_mut();
    for name in &auth.names {
        headers.remove(name);
    }
    if let Some(name) = auth.user_header.as_ref().filter(|_| auth.forward.is_none() && !identity.name.is_empty())
        && let Ok(value) = HeaderValue::from_bytes(identity.name.as_bytes())
    {
        headers.append(name.clone(), value);
    }
    for (name, value) in identity.fields {
        headers.append(name, value);
    }
    ticket.exchange.edge().user = Some(identity.name);
    Ok(())
}

/// Takes the credentials from the request.
fn withhold(auth: &Auth, request: &mut CleanRequest) {
    let headers = request.headers_mut();
    for name in carriers(auth) {
        headers.remove(name);
    }
    let Some(cookie) = auth.jwt.as_ref().and_then(Jwt::cookie) else { return };
    let is_token =
        |crumb: &[u8]| crumb.trim_ascii().strip_prefix(cookie.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    let crumbs = headers.all(&COOKIE).flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let left: Vec<_> = crumbs.filter(|crumb| !is_token(crumb)).map(<[u8]>::trim_ascii).collect();
    let left = HeaderValue::from_bytes(&left.join(&b"; "[..])).ok().filter(|value| !value.is_empty());
    headers.remove(&COOKIE);
    if let Some(left) = left {
        headers.append(COOKIE, left);
    }
}
