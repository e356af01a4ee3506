//! Keys that tokens are signed with (RFC 7517), from a file or fetched from a URL.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use aws_lc_rs::{hmac, signature};
use serde::Deserialize;
use tokio::sync::{Notify, watch};

use super::encoding;

/// Keys of one set; more are nobody's plan.
const MOST: usize = 128;

/// How long after a fetch nobody can ask for another: tokens with made-up keys cause no storm.
pub const PAUSE: Duration = Duration::from_secs(5);

/// A set of keys.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<VerifyKey>,
    /// Tells one set from the next.
    pub number: u64,
}

/// A key that verifies. What it is fixes the algorithms that it can be used with (RFC 8725 §3.1).
pub struct VerifyKey {
    /// `kid`
    pub id: Option<String>,
    /// `alg`: the only one that it is for.
    pub algorithm: Option<String>,
    material: Material,
}

enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// Curve and point, uncompressed.
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
    Hmac(Vec<u8>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key as it stands in JSON.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of kinds that are not known, or that are for something else, are passed over (RFC 7517 §5).
    ///
    /// # Errors
    /// Where it is no set, or no key of it can be used.
    pub fn parse(json: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| "it is no JSON with a list `keys`")?;
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok().and_then(VerifyKey::of));
        let keys: Vec<_> = keys.take(MOST).collect();
        if keys.is_empty() { Err("it has no key that verifies signatures") } else { Ok(Self::new(keys)) }
    }

    /// One secret that both sides share.
    pub fn secret(octets: &[u8]) -> Self {
        Self::new(vec![VerifyKey { id: None, algorithm: None, material: Material::Hmac(octets.to_vec()) }])
    }

    fn new(keys: Vec<VerifyKey>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Self { keys, number: NUMBER.fetch_add(1, Relaxed) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Those that a token with that `kid` may be signed with: all of them where it says none.
    pub fn candidates<'a>(&'a self, id: Option<&'a str>) -> impl Iterator<Item = &'a VerifyKey> {
        self.keys.iter().filter(move |key| id.is_none_or(|id| key.id.as_deref().is_none_or(|own| own == id)))
    }
}

impl VerifyKey {
    fn of(jwk: Jwk) -> Option<Self> {
        let verifies = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !verifies {
            return None;
        }
        let octets = |text: &Option<String>| encoding::url(text.as_deref()?);
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: octets(&jwk.n)?, e: octets(&jwk.e)? },
            ("EC", Some(curve)) => {
                let (curve, size) = match curve {
                    "P-256" => (Curve::P256, 32),
                    "P-384" => (Curve::P384, 48),
                    "P-521" => (Curve::P521, 66),
                    _ => return None,
                };
                let (x, y) = (octets(&jwk.x)?, octets(&jwk.y)?);
                if x.len() != size || y.len() != size {
                    return None;
                }
                Material::Ec(curve, [&[4][..], &x, &y].concat())
            }
            ("OKP", Some("Ed25519")) => Material::Ed25519(octets(&jwk.x)?),
            ("oct", _) => Material::Hmac(octets(&jwk.k).filter(|key| key.len() >= 16)?),
            _ => return None,
        };
        Some(Self { id: jwk.kid, algorithm: jwk.alg, material })
    }

    /// Whether the key is for that algorithm.
    pub fn is_for(&self, algorithm: &str) -> bool {
        if self.algorithm.as_deref().is_some_and(|own| own != algorithm) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Rsa { .. }, "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512") => true,
            (Material::Ec(curve, _), "ES256") => *curve == Curve::P256,
            (Material::Ec(curve, _), "ES384") => *curve == Curve::P384,
            (Material::Ec(curve, _), "ES512") => *curve == Curve::P521,
            (Material::Ed25519(_), "EdDSA" | "Ed25519") => true,
            (Material::Hmac(_), "HS256" | "HS384" | "HS512") => true,
            _ => false,
        }
    }

    /// Whether the signature is this key's, by that algorithm; one that the key is not for verifies nothing.
    pub fn verifies(&self, algorithm: &str, message: &[u8], sign: &[u8]) -> bool {
        if !self.is_for(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa { n, e } => {
                let how = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    _ => &signature::RSA_PSS_2048_8192_SHA512,
                };
                signature::RsaPublicKeyComponents { n, e }.verify(how, message, sign).is_ok()
            }
            Material::Ec(curve, point) => {
                let how = match curve {
                    Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
                };
                signature::UnparsedPublicKey::new(how, point).verify(message, sign).is_ok()
            }
            Material::Ed25519(point) => {
                signature::UnparsedPublicKey::new(&signature::ED25519, point).verify(message, sign).is_ok()
            }
            Material::Hmac(key) => {
                let how = match algorithm {
                    "HS256" => hmac::HMAC_SHA256,
                    "HS384" => hmac::HMAC_SHA384,
                    _ => hmac::HMAC_SHA512,
                };
                // In constant time.
                hmac::verify(&hmac::Key::new(how, key), message, sign).is_ok()
            }
        }
    }
}

/// Keys that are fetched from a URL, by the control thread. What was there last stays while nothing better comes.
#[derive(Debug)]
pub struct Remote {
    /// Where they are.
    pub url: Arc<str>,
    /// Own authorities for it instead of the system's.
    pub ca: Option<PathBuf>,
    /// How often they are fetched.
    pub refresh: Duration,
    keys: ArcSwapOption<KeySet>,
    wanted: Notify,
    fetches: watch::Sender<u64>,
    /// Milliseconds from the epoch to the end of the last fetch, and 1.
    ended: AtomicU64,
    epoch: Instant,
    /// Fetches that brought keys.
    pub succeeded: AtomicU64,
    /// Fetches that did not.
    pub failed: AtomicU64,
}

impl Remote {
    /// Without keys yet.
    pub fn new(url: Arc<str>, ca: Option<PathBuf>, refresh: Duration) -> Arc<Self> {
        Arc::new(Self {
            url,
            ca,
            refresh,
            keys: ArcSwapOption::empty(),
            wanted: Notify::new(),
            fetches: watch::Sender::new(0),
            ended: AtomicU64::new(0),
            epoch: Instant::now(),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Tells it from others, also from those of the same URL.
    pub fn id(&self) -> Arc<str> {
        format!("{} {:?} {:?}", self.url, self.ca, self.refresh).into()
    }

    /// The keys that there are.
    pub fn keys(&self) -> Option<Arc<KeySet>> {
        self.keys.load_full()
    }

    /// Asks for a fetch, and gives what tells of its end. None where one has just ended: it would bring the same.
    pub fn ask(&self, now: Instant) -> Option<watch::Receiver<u64>> {
        let ended = self.ended.load(Relaxed);
        let since = now.saturating_duration_since(self.epoch + Duration::from_millis(ended.saturating_sub(1)));
        if ended > 0 && since < PAUSE {
            return None;
        }
        let fetches = self.fetches.subscribe();
        self.wanted.notify_one();
        Some(fetches)
    }

    /// Waits until somebody asks.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// A fetch ended. Without new keys those that are there stay.
    pub fn fetched(&self, keys: Option<KeySet>) {
        match keys {
            Some(keys) => {
                self.keys.store(Some(Arc::new(keys)));
                self.succeeded.fetch_add(1, Relaxed);
            }
            None => drop(self.failed.fetch_add(1, Relaxed)),
        }
        let ended = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        self.ended.store(ended, Relaxed);
        self.fetches.send_modify(|fetches| *fetches += 1);
    }
}

/// The remotes of a config in the making: the same URL is one, and keeps its keys over reloads.
#[derive(Debug, Default)]
pub struct Remotes<'a> {
    previous: &'a [Arc<Remote>],
    /// Those that are used.
    pub found: Vec<Arc<Remote>>,
}

impl<'a> Remotes<'a> {
    /// None yet; those of the snapshot in force.
    pub fn after(previous: &'a [Arc<Remote>]) -> Self {
        Self { previous, found: Vec::new() }
    }

    /// The one of that URL.
    pub fn at(&mut self, url: &Arc<str>, ca: Option<&PathBuf>, refresh: Duration) -> Arc<Remote> {
        let is = |one: &&Arc<Remote>| one.url == *url && one.ca.as_ref() == ca && one.refresh == refresh;
        if let Some(found) = self.found.iter().find(is) {
            return found.clone();
        }
        let before = self.previous.iter().find(is).cloned();
        let remote = before.unwrap_or_else(|| Remote::new(url.clone(), ca.cloned(), refresh));
        self.found.push(remote.clone());
        remote
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let mixed = br#"{"keys":[
            {"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZg","alg":"HS256"},
            {"kty":"RSA","kid":"b","use":"enc","n":"AQAB","e":"AQAB"},
            {"kty":"EC","kid":"c","crv":"P-256","x":"AA","y":"AA"},
            {"kty":"wood"}, 7, {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let set = KeySet::parse(mixed).expect("a set");
        assert_eq!(set.len(), 2);
        assert_eq!(set.candidates(Some("a")).count(), 2, "the one without a name may be it");
        assert_eq!(set.candidates(Some("z")).count(), 1);
        let hmac = set.candidates(Some("a")).next().expect("a key");
        assert!(hmac.is_for("HS256") && !hmac.is_for("HS512") && !hmac.is_for("RS256") && !hmac.is_for("none"));
        for (text, want) in [("", "no JSON"), ("{}", "no JSON"), (r#"{"keys":[]}"#, "no key")] {
            assert!(KeySet::parse(text.as_bytes()).expect_err(text).contains(want), "{text}");
        }
        assert!(!format!("{set:?}").contains("MDEy"));
    }

    #[test]
    fn keys_stay_over_an_outage_and_nobody_asks_in_a_storm() {
        let remote = Remote::new("https://idp.example/keys".into(), None, PAUSE);
        let now = Instant::now();
        assert!(remote.ask(now).is_some() && remote.keys().is_none());
        remote.fetched(Some(KeySet::secret(b"0123456789abcdef")));
        let soon = Instant::now();
        assert!(remote.ask(soon).is_none() && remote.ask(soon + PAUSE).is_some());
        remote.fetched(None);
        assert!(remote.keys().is_some_and(|keys| keys.len() == 1));
        assert_eq!((remote.succeeded.load(Relaxed), remote.failed.load(Relaxed)), (1, 1));
        let before = [remote];
        let mut remotes = Remotes::after(&before);
        let same = remotes.at(&"https://idp.example/keys".into(), None, PAUSE);
        assert!(Arc::ptr_eq(&same, &before[0]) && Arc::ptr_eq(&same, &remotes.at(&same.url, None, PAUSE)));
        assert!(!Arc::ptr_eq(&same, &remotes.at(&"https://other.example/".into(), None, PAUSE)));
    }
}
