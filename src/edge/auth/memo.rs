//! What a worker remembers of credentials that were good, so that they are not looked at again with each request.
//!
//! Under a keyed hash: what is in memory is no credential and cannot be made one. Of a fixed size.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use aws_lc_rs::{hmac, rand};

use super::Identity;

/// Credentials that one worker remembers.
const MOST: usize = 4096;

/// The memory of one worker.
pub struct Memo {
    key: hmac::Key,
    known: RefCell<HashMap<[u8; 32], Remembered>>,
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Who.
    pub identity: Identity,
    /// Until when nothing need be looked at.
    pub until: Instant,
}

impl std::fmt::Debug for Memo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memo(..)")
    }
}

impl Default for Memo {
    fn default() -> Self {
        let mut seed = [0; 32];
        // Without random octets there is no TLS either; a fixed key only loses the second line of defence.
        let _ = rand::fill(&mut seed);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed), known: RefCell::default() }
    }
}

impl Memo {
    /// The place of these parts, each told from the next by its length.
    pub fn place(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut sign = hmac::Context::with_key(&self.key);
        for part in parts {
            sign.update(&(part.len() as u64).to_be_bytes());
            sign.update(part);
        }
        let mut place = [0; 32];
        place.copy_from_slice(sign.sign().as_ref());
        place
    }

    /// Who was let in with them.
    pub fn find(&self, place: &[u8; 32], now: Instant) -> Option<Identity> {
        self.known.borrow().get(place).filter(|known| now < known.until).map(|known| known.identity.clone())
    }

    /// Remembers somebody.
    pub fn keep(&self, place: [u8; 32], remembered: Remembered, now: Instant) {
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST {
            known.retain(|_, known| now < known.until);
        }
        if known.len() >= MOST {
            // All of them are good still; to ask again costs time and nothing else.
            known.clear();
        }
        known.insert(place, remembered);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_forgets_in_time_and_never_grows() {
        let (memo, now) = (Memo::default(), Instant::now());
        let later = |seconds| now + Duration::from_secs(seconds);
        let remembered = || Remembered { identity: Identity::of("ann"), until: later(10) };
        let place = memo.place(&[b"ab", b"c"]);
        assert_ne!(place, memo.place(&[b"a", b"bc"]));
        memo.keep(place, remembered(), now);
        assert_eq!(memo.find(&place, later(9)).map(|identity| identity.name), Some("ann".into()));
        assert!(memo.find(&place, later(10)).is_none());
        for number in 0..10_000_u64 {
            memo.keep(memo.place(&[&number.to_be_bytes()]), remembered(), now);
        }
        assert!(memo.known.borrow().len() <= MOST);
        assert_ne!(Memo::default().place(&[b"x"]), Memo::default().place(&[b"x"]));
    }
}
