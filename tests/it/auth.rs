//! Who may use a route.

use serde_json::Value;

use crate::support::frames::{END_STREAM, Fate, FrameClient, field, headers, pseudo};
use crate::support::{
    Authority, Edge, Folder, Message, Origin, PATIENCE, Proxy, TlsOrigin, eventually, ok, outcome, python,
    tls_server_config, tool, try_start,
};

fn ask(proxy: &Proxy, path: &str, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

/// `ann` with the password `secret`, as `htpasswd -B` has it.
fn htpasswd() -> Option<String> {
    let (code, line, said) = outcome(tool("htpasswd")?.args(["-nbBC", "5", "ann", "secret"]));
    assert_eq!(code, 0, "{said}");
    Some(line.trim().to_owned())
}

/// `ann:secret` and `ann:wrong`
const RIGHT: &str = "Authorization: Basic YW5uOnNlY3JldA==\r\n";
const WRONG: &str = "Authorization: Basic YW5uOndyb25n\r\n";

#[test]
fn names_and_passwords_of_a_file() {
    let Some(line) = htpasswd() else { return };
    let folder = Folder::new();
    folder.write("users", format!("# people\n{line}\n"));
    let origin = Origin::answering(ok("fine"));
    let edge = Edge::to(origin.address).route("auth = { basic = { file = \"users\" }, realm = \"here\" }");
    let proxy = edge.start_in(folder);
    let refused = ask(&proxy, "/", "");
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"here\", charset=\"UTF-8\""));
    assert_eq!(
        refused.header("proxy-status"),
        Some("tidegate; error=http_request_denied; details=\"credentials_missing\"")
    );
    assert_eq!(ask(&proxy, "/", WRONG).status(), 401);
    assert_eq!(ask(&proxy, "/", "Authorization: Basic Ym9iOnNlY3JldA==\r\n").status(), 401, "nobody's name");
    assert_eq!(ask(&proxy, "/", &format!("{RIGHT}{WRONG}")).status(), 401, "two of them");
    assert!(origin.requests().is_empty());
    for _ in 0..2 {
        assert_eq!(ask(&proxy, "/", &format!("{RIGHT}X-Auth-User: root\r\nX_Auth_User: root\r\n")).status(), 200);
    }
    let seen = origin.request(1);
    assert_eq!(
        (seen.headers("x-auth-user"), seen.header("x_auth_user"), seen.header("authorization")),
        (vec!["ann"], None, None)
    );
    let lines: Vec<Value> = proxy.access_log(6).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[1]["fault"], &lines[4]["user"]), (&"credentials_refused".into(), &"ann".into()));
    assert!(!proxy.access_log(6).concat().contains("secret"));
    // Another password in the file counts at once, whatever is remembered.
    proxy.folder.write("users", line.replace("ann:", "bob:"));
    proxy.reload(&edge.toml()).expect("reloads");
    assert_eq!(ask(&proxy, "/", RIGHT).status(), 401);
    assert_eq!(ask(&proxy, "/", "Authorization: Basic Ym9iOnNlY3JldA==\r\n").status(), 200);
}

#[test]
fn a_field_that_tells_who_asks_is_nobody_elses_on_any_route() {
    let origin = Origin::answering(ok("fine"));
    let digest = "1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032";
    let proxy = Edge::to(origin.address)
        .route(&format!(
            "path_prefix = \"/closed\"\nauth = {{ api_keys = {{ keys = {{ ci = \"{digest}\" }}, query = \"key\" }} }}"
        ))
        .more("[[routes]]\nname = \"open\"\nupstream = \"app\"")
        .start();
    assert_eq!(ask(&proxy, "/", "X-Auth-User: root\r\nx_auth_user: root\r\nX-Other: 1\r\n").status(), 200);
    let seen = origin.request(1);
    assert_eq!(
        (seen.header("x-auth-user"), seen.header("x_auth_user"), seen.header("x-other")),
        (None, None, Some("1"))
    );
    assert_eq!(ask(&proxy, "/closed", "").status(), 401);
    assert_eq!(ask(&proxy, "/closed", "X-Api-Key: letmein\r\n").status(), 200);
    assert_eq!(ask(&proxy, "/closed?a=1&key=letmein", "").status(), 200);
    let seen = origin.request(3);
    assert_eq!((seen.first_line(), seen.header("x-auth-user")), ("GET /closed?a=1 HTTP/1.1", Some("ci")));
    assert_eq!(ask(&proxy, "/closed?key=wrongkey", "").status(), 401);
    let log = proxy.access_log(5).concat();
    assert!(!log.contains("letmein") && !log.contains("wrongkey") && log.contains("/closed?a=*&key=*"), "{log}");
    assert!(!proxy.ask_admin("GET", "/api/config").text().contains(digest));
}

/// Tokens by PyJWT: a set of keys in a file, and one token for each line of claims.
fn tokens(folder: &Folder, algorithm: &str, claims: &[&str]) -> Option<Vec<String>> {
    let script = r#"
import sys, json, time, jwt
from cryptography.hazmat.primitives.asymmetric import rsa, ec, ed25519
from cryptography.hazmat.primitives import serialization as s
name, out, claims = sys.argv[1], sys.argv[2], sys.argv[3:]
key = {'RS': lambda: rsa.generate_private_key(65537, 2048), 'PS': lambda: rsa.generate_private_key(65537, 2048),
       'ES': lambda: ec.generate_private_key(ec.SECP256R1()), 'Ed': ed25519.Ed25519PrivateKey.generate}[name[:2]]()
public = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
open(out, 'w').write(json.dumps({'keys': [dict(public, kid='one', use='sig')]}))
pem = key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
now = int(time.time())
for text in claims:
    claim = {k: (now + v if k in ('exp', 'nbf') else v) for k, v in json.loads(text).items()}
    kid = claim.pop('kid', 'one')
    print(jwt.encode(claim, key, algorithm=name, headers={'kid': kid}))
import hmac, hashlib, base64
b = lambda x: base64.urlsafe_b64encode(x).rstrip(b'=')
body = b(json.dumps({'sub': 'mallory', 'exp': now + 60}).encode())
head = b(json.dumps({'alg': 'HS256', 'kid': 'one'}).encode())
print((head + b'.' + body + b'.' + b(hmac.new(pem, head + b'.' + body, hashlib.sha256).digest())).decode())
print((b(json.dumps({'alg': 'none'}).encode()) + b'.' + body + b'.').decode())
"#;
    let out = folder.path().join("jwks.json");
    let mut command = python("jwt, cryptography")?;
    command.arg("-c").arg(script).arg(algorithm).arg(&out).args(claims);
    let (code, lines, said) = outcome(&mut command);
    assert_eq!(code, 0, "{said}");
    Some(lines.lines().map(str::to_owned).collect())
}

#[test]
fn tokens_of_every_kind_and_what_they_must_say() {
    for algorithm in ["RS256", "PS512", "ES256", "EdDSA"] {
        let folder = Folder::new();
        let claims = [
            r#"{"sub":"ann","exp":60,"iss":"us","aud":["api","x"],"email":"ann@example.com"}"#,
            r#"{"sub":"ann","exp":-60,"iss":"us","aud":"api"}"#,
            r#"{"sub":"ann","exp":600,"nbf":300,"iss":"us","aud":"api"}"#,
            r#"{"sub":"ann","exp":60,"iss":"them","aud":"api"}"#,
            r#"{"sub":"ann","exp":60,"iss":"us","aud":"web"}"#,
            r#"{"sub":"ann","iss":"us","aud":"api"}"#,
            r#"{"sub":"ann","exp":60,"iss":"us","aud":"api","kid":"two"}"#,
        ];
        let Some(tokens) = tokens(&folder, algorithm, &claims) else { return };
        let origin = Origin::answering(ok("fine"));
        let route = "auth = { jwt = { jwks_file = \"jwks.json\", issuer = \"us\", audience = [\"api\"], claims = { \"x-email\" = \"email\" }, cookie = \"token\" } }";
        let proxy = Edge::to(origin.address).route(route).start_in(folder);
        let by = |token: &str| {
            let response = ask(&proxy, "/", &format!("Authorization: Bearer {token}\r\nX-Email: forged\r\n"));
            let said = response.header("proxy-status").unwrap_or("").to_owned();
            (response.status(), said.split('"').nth(1).unwrap_or("").to_owned())
        };
        assert_eq!(by(&tokens[0]), (200, String::new()), "{algorithm}");
        let seen = origin.request(1);
        let told = (seen.header("x-auth-user"), seen.headers("x-email"), seen.header("authorization"));
        assert_eq!(told, (Some("ann"), vec!["ann@example.com"], None));
        assert_eq!(ask(&proxy, "/", &format!("Cookie: a=b; token={}; c=d\r\n", tokens[0])).status(), 200);
        assert_eq!(origin.request(2).header("cookie"), Some("a=b; c=d"));
        let mut broken = tokens[0].clone();
        broken.replace_range(broken.len() - 8..broken.len() - 4, "AAAA");
        for (token, why) in [
            (&*tokens[1], "token_expired"),
            (&*tokens[2], "token_early"),
            (&*tokens[3], "token_issuer"),
            (&*tokens[4], "token_audience"),
            (&*tokens[5], "token_expired"),
            (&*tokens[6], "token_key_unknown"),
            (&*tokens[7], "token_algorithm"),
            (&*tokens[8], "token_algorithm"),
            (&*broken, "token_signature"),
            ("x.y.z", "credentials_malformed"),
        ] {
            assert_eq!(by(token), (401, why.to_owned()), "{algorithm} {token}");
        }
        assert_eq!(origin.requests().len(), 2);
    }
}

#[test]
fn keys_from_a_url_turn_over_and_outlive_their_issuer() {
    use std::sync::{Arc, Mutex};
    let folder = Folder::new();
    let claims = [r#"{"sub":"ann","exp":600}"#];
    let Some(old) = tokens(&folder, "ES256", &claims) else { return };
    let read = || std::fs::read_to_string(folder.path().join("jwks.json")).unwrap();
    let served = Arc::new(Mutex::new(Some(read())));
    let keys = served.clone();
    let issuer = Origin::scripted(move |visit| match &*keys.lock().unwrap() {
        Some(keys) => visit.send(ok(keys)),
        None => visit.send("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"),
    });
    let origin = Origin::answering(ok("fine"));
    let route = format!("auth = {{ jwt = {{ jwks = \"http://{}/keys\" }} }}", issuer.address);
    let proxy = Edge::to(origin.address).route(&route).start();
    let by = |token: &str| ask(&proxy, "/", &format!("Authorization: Bearer {token}\r\n")).status();
    assert_eq!(by(&old[0]), 200, "the first request waits for the keys");
    let new = tokens(&folder, "ES256", &[r#"{"sub":"ann","exp":600,"kid":"two"}"#]).unwrap();
    *served.lock().unwrap() = Some(read().replace("\"one\"", "\"two\""));
    // Asked for no more than every few seconds, but asked for.
    eventually("the new key is fetched", || by(&new[0]) == 200);
    assert_eq!(by(&old[0]), 401, "the old one is gone");
    *served.lock().unwrap() = None;
    let fetches = || issuer.requests().len();
    let before = fetches();
    eventually("the issuer is asked while it is away", || {
        assert_eq!(by(&old[0]), 401);
        fetches() > before
    });
    assert_eq!(by(&new[0]), 200, "the keys stay");
    assert_eq!(proxy.metric(&format!("tidegate_jwks_keys{{source=\"http://{}/keys\"}}", issuer.address)), 1.0);
}

#[test]
fn another_service_decides() {
    let service = Origin::scripted(|visit| {
        let yes = visit.request.header("authorization") == Some("Bearer good");
        visit.send(if yes {
            "HTTP/1.1 204 No Content\r\nX-Auth-User: ann\r\nX-Ignored: 1\r\n\r\n".to_owned()
        } else {
            "HTTP/1.1 302 Found\r\nLocation: /login\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\nlogin".to_owned()
        });
    });
    let origin = Origin::answering(ok("fine"));
    let config = |address: &str| {
        Edge::to(origin.address)
            .route("auth = { forward = { upstream = \"auth\", path = \"/verify\", response_headers = [\"x-auth-user\"], timeout = \"1s\", remember = \"1m\" } }")
            .more(&format!("[upstreams.auth]\nendpoints = [\"{address}\"]"))
    };
    let proxy = config(&service.address.to_string()).start();
    let refused = ask(&proxy, "/secret?x=1", "X-Auth-User: root\r\n");
    assert_eq!(
        (refused.status(), refused.header("location"), refused.text()),
        (302, Some("/login"), "login".to_owned())
    );
    let seen = service.request(1);
    assert_eq!(seen.first_line(), "GET /verify HTTP/1.1");
    assert_eq!((seen.header("x-forwarded-method"), seen.header("x-forwarded-uri")), (Some("GET"), Some("/secret?x=1")));
    assert!(origin.requests().is_empty());
    for _ in 0..2 {
        assert_eq!(ask(&proxy, "/", "Authorization: Bearer good\r\nX-Auth-User: root\r\n").status(), 200);
    }
    assert_eq!(service.requests().len(), 2, "the second yes was remembered");
    let passed = origin.request(1);
    assert_eq!((passed.headers("x-auth-user"), passed.header("x-ignored")), (vec!["ann"], None));
    let proxy = config("127.0.0.1:1").start();
    let closed = ask(&proxy, "/", "Authorization: Bearer good\r\n");
    assert_eq!(closed.status(), 503);
    assert!(closed.header("proxy-status").is_some_and(|said| said.contains("auth_unavailable")));
}

#[test]
fn what_is_stored_is_not_for_others() {
    let origin = Origin::scripted(|visit| {
        let user = visit.request.header("x-auth-user").unwrap_or("nobody").to_owned();
        let public = if visit.request.first_line().contains("/public") { ", public" } else { "" };
        visit.send(format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60{public}\r\nContent-Length: {}\r\n\r\n{user}",
            user.len()
        ));
    });
    // Of "letmein" and "other".
    let keys = "{ ann = \"1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032\", bob = \"d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa\" }";
    let with = |cache: &str| {
        let proxy = Edge::to(origin.address)
            .route(&format!("cache = {cache}\nauth = {{ api_keys = {{ keys = {keys} }} }}"))
            .start();
        move |path: &str, key: &str| ask(&proxy, path, &format!("X-Api-Key: {key}\r\n")).text()
    };
    let plain = with("true");
    assert_eq!([plain("/a", "letmein"), plain("/a", "other"), plain("/a", "letmein")], ["ann", "bob", "ann"]);
    assert_eq!([plain("/public", "letmein"), plain("/public", "other")], ["ann", "ann"], "the origin says so");
    // An answer may be with the client before the origin has noted its request.
    let asked = |count: usize| eventually("the origin has noted them", || origin.requests().len() == count);
    asked(4);
    let keyed = with("{ key = { headers = [\"x-auth-user\"] } }");
    assert_eq!(
        [keyed("/a", "letmein"), keyed("/a", "other"), keyed("/a", "letmein"), keyed("/a", "other")],
        ["ann", "bob", "ann", "bob"]
    );
    // Each has one of their own.
    asked(6);
    assert!(keyed("/a", "nobodys").contains("401"), "and nobody else has either");
    asked(6);
}

#[test]
fn a_bad_file_stops_the_start() {
    for (keys, file, said) in [
        (
            "basic = { file = \"users\" }",
            "ann:$apr1$x$y",
            "line 1 of the file: only bcrypt and argon2 hashes are taken",
        ),
        ("basic = { file = \"users\" }", "", "there is no user"),
        ("api_keys = { file = \"users\" }", "ci:abc", "is not the SHA-256 of a key"),
        ("jwt = { jwks_file = \"users\" }", "{}", "it is no JSON with a list `keys`"),
        ("jwt = { secret_file = \"users\" }", "short", "shorter than 32 octets"),
    ] {
        let folder = Folder::new();
        folder.write("users", file);
        let config = Edge::to("127.0.0.1:1").route(&format!("auth = {{ {keys} }}"));
        let (code, text) = try_start(folder, &config.toml());
        assert!(code == 1 && text.contains(said), "{keys}: {text}");
    }
}

/// A user of the config with that password, its hash of that cost.
fn user(name: &str, password: &str, cost: u32) -> String {
    format!("{name} = \"{}\"", bcrypt::hash(password, cost).unwrap())
}

fn basic(name: &str, password: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"))
}

/// What an answer costs tells nothing of who is there: counted, since time is no measure on a busy machine.
#[test]
fn a_name_that_nobody_has_is_as_much_work() {
    let origin = Origin::answering(ok("fine"));
    let route = format!("auth = {{ basic = {{ users = {{ {} }} }} }}", user("ann", "secret", 4));
    let proxy = Edge::to(origin.address).route(&route).start();
    let checked = || proxy.metric("tidegate_passwords_checked_total");
    let mut before = checked();
    for (name, password, status, work) in [
        ("ann", "wrong", 401, 1.0),
        ("bob", "wrong", 401, 1.0),
        ("bob", "secret", 401, 1.0),
        ("bob", "secret", 401, 1.0),
        ("ann", "secret", 200, 1.0),
        // What was right is remembered; what was wrong never is.
        ("ann", "secret", 200, 0.0),
        ("ann", "wrong", 401, 1.0),
    ] {
        let answer = ask(&proxy, "/", &format!("Authorization: Basic {}\r\n", basic(name, password)));
        assert_eq!((answer.status(), checked() - before), (status, work), "{name}:{password}");
        before = checked();
    }
}

#[test]
fn a_flood_of_passwords_is_cut_short_and_the_rest_goes_on() {
    let origin = Origin::answering(ok("fine"));
    let route = format!("auth = {{ basic = {{ users = {{ {} }} }} }}", user("ann", "secret", 8));
    let open = "[[routes]]\npath = \"/open\"\nupstream = \"app\"";
    let proxy = Edge::to(origin.address).listener("max_streams = 1000").route(&route).more(open).start();
    let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
    let streams = || (0..400).map(|n| 2 * n + 1);
    let one = |stream: u32| {
        let value = format!("Basic {}", basic("ann", &format!("guess-{stream}")));
        headers(stream, END_STREAM, [pseudo("GET", "/"), field("authorization", value)].concat())
    };
    client.send(streams().flat_map(one).collect::<Vec<_>>());
    // Whoever needs no password does not wait behind them.
    assert_eq!(proxy.get("/open").status(), 200);
    let fates: Vec<_> = streams().map(|stream| client.fate(stream)).collect();
    let count = |status| fates.iter().filter(|fate| **fate == Fate::Response(status)).count();
    let (refused, busy) = (count(401), count(503));
    assert_eq!(refused + busy, 400, "{fates:?}");
    assert!(busy > 0 && refused >= 128, "{refused} refused, {busy} not looked at");
    assert_eq!(proxy.metric("tidegate_faults_total{side=\"us\",fault=\"auth_busy\"}"), busy as f64);
    assert_eq!(proxy.metric("tidegate_passwords_checked_total"), refused as f64);
    let right = format!("Authorization: Basic {}\r\n", basic("ann", "secret"));
    assert_eq!(ask(&proxy, "/", &right).status(), 200);
}

#[test]
fn keys_come_over_tls_from_whom_the_config_trusts() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let Some(tokens) = tokens(&folder, "ES256", &[r#"{"sub":"ann","exp":600}"#]) else { return };
    let keys = std::fs::read_to_string(folder.path().join("jwks.json")).unwrap();
    let config = tls_server_config(&authority.issue(&["localhost"]), &[], None);
    let issuer = TlsOrigin::answering(config, ok(&keys));
    let origin = Origin::answering(ok("fine"));
    folder.write("ca.pem", authority.pem());
    folder.write("other.pem", Authority::new().pem());
    let url = format!("https://localhost:{}/keys", issuer.address.port());
    let edge =
        |ca: &str| Edge::to(origin.address).route(&format!("auth = {{ jwt = {{ jwks = \"{url}\", ca = \"{ca}\" }} }}"));
    let proxy = edge("other.pem").start_in(folder);
    let bearer = format!("Authorization: Bearer {}\r\n", tokens[0]);
    let closed = ask(&proxy, "/", &bearer);
    assert_eq!(closed.status(), 503, "{}", closed.head);
    proxy.wait_for_log(0, "cannot fetch the keys of tokens; those that are there stay");
    proxy.reload(&edge("ca.pem").toml()).expect("reloads");
    assert_eq!(ask(&proxy, "/", &bearer).status(), 200);
    assert_eq!(issuer.handshakes()[0].server_name.as_deref(), Some("localhost"));
    assert_eq!(origin.requests().len(), 1);
}
