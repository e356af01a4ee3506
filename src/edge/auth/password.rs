//! Passwords against their hashes. It takes milliseconds on purpose, so threads of its own do it, few of them, with a short line before
//! them: a flood of passwords takes neither a worker's time nor all of the machine's.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc;
use tokio::sync::oneshot;

/// Threads, of the whole process.
const THREADS: usize = 2;
/// Passwords that may wait.
const LINE: usize = 128;
/// Beyond this a hash takes longer than a request may.
const MAX_COST: u32 = 16;
/// KiB of memory for one hash.
const MAX_MEMORY: u32 = 1 << 20;

/// A hash of a password, as `htpasswd -B` or `argon2` make it.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordHash {
    /// `$2y$...`
    Bcrypt(Arc<str>),
    /// `$argon2id$...` (the PHC format)
    Argon2(Arc<str>),
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl PasswordHash {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, without the hash itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let scheme = text.split('$').nth(1).unwrap_or("");
        match scheme {
            "2a" | "2b" | "2x" | "2y" => {
                let cost = text.split('$').nth(2).and_then(|cost| cost.parse::<u32>().ok());
                if text.parse::<bcrypt::HashParts>().is_err() {
                    return Err("it is no whole bcrypt hash");
                }
                match cost {
                    Some(cost) if cost <= MAX_COST => Ok(Self::Bcrypt(text.into())),
                    _ => Err("its cost is more than 16"),
                }
            }
            "argon2id" | "argon2i" | "argon2d" => {
                let hash = phc::PasswordHash::new(text).map_err(|_| "it is no whole argon2 hash")?;
                let params = argon2::Params::try_from(&hash).map_err(|_| "its parameters are not argon2's")?;
                if hash.hash.is_none() || hash.salt.is_none() {
                    return Err("it is no whole argon2 hash");
                }
                if params.m_cost() > MAX_MEMORY || params.t_cost() > 64 {
                    return Err("its parameters are beyond 1 GiB or 64 rounds");
                }
                Ok(Self::Argon2(text.into()))
            }
            _ => Err("only bcrypt and argon2 hashes are taken"),
        }
    }

    /// As text, to tell one from another.
    pub fn text(&self) -> &str {
        let (Self::Bcrypt(text) | Self::Argon2(text)) = self;
        text
    }

    fn fits(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Argon2(hash) => phc::PasswordHash::new(hash)
                .is_ok_and(|hash| argon2::Argon2::default().verify_password(password, &hash).is_ok()),
        }
    }
}

/// Passwords that were held against a hash.
static CHECKED: AtomicU64 = AtomicU64::new(0);

/// How many passwords were held against a hash since the program began: what authentication costs.
pub fn checked() -> u64 {
    CHECKED.load(Relaxed)
}

struct Job {
    hash: PasswordHash,
    password: Vec<u8>,
    answer: oneshot::Sender<bool>,
}

/// Has a password looked at. The receiver gets the answer, or nothing where the program ends.
///
/// # Errors
/// The password again, where the line is full.
pub fn check(hash: &PasswordHash, password: &[u8]) -> Result<oneshot::Receiver<bool>, Full> {
    let (answer, answered) = oneshot::channel();
    let job = Job { hash: hash.clone(), password: password.to_vec(), answer };
    line().try_send(job).map_err(|_| Full)?;
    Ok(answered)
}

/// The line is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The line, and the threads behind it from the first password on.
fn line() -> &'static SyncSender<Job> {
    static SENDER: OnceLock<SyncSender<Job>> = OnceLock::new();
    SENDER.get_or_init(|| {
        let (sender, receiver) = sync_channel(LINE);
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..THREADS {
            let receiver = receiver.clone();
            let name = format!("tidegate-auth-{number}");
            // Where the system gives no thread, passwords wait until their requests give up: nobody is let in.
            let _ = std::thread::Builder::new().name(name).spawn(move || work(&receiver));
        }
        sender
    })
}

fn work(receiver: &Mutex<Receiver<Job>>) {
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { hash, password, answer }) = next else { return };
        // Whoever has left is not worked for.
        if !answer.is_closed() {
            let fits = hash.fits(&password);
            CHECKED.fetch_add(1, Relaxed);
            let _ = answer.send(fits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `htpasswd -nbBC 4 ann secret`, and `argon2` with few rounds.
    const BCRYPT: &str = "$2y$04$4ZPEGCrmI8Ok8GPbGD0AoeGl4ZtlI.nqCSYgSgOvSd4BqOZmRkVsq";

    #[test]
    fn hashes_that_are_taken() {
        let made = bcrypt::hash("secret", 4).expect("hashes");
        assert!(matches!(PasswordHash::parse(&made), Ok(PasswordHash::Bcrypt(_))));
        for (text, want) in [
            ("", "only bcrypt"),
            ("secret", "only bcrypt"),
            ("$apr1$x$y", "only bcrypt"),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "only bcrypt"),
            ("$2y$04$short", "no whole bcrypt"),
            ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ", "no whole argon2"),
            (&BCRYPT.replace("$04$", "$20$"), "cost"),
        ] {
            let error = PasswordHash::parse(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn passwords_are_looked_at_elsewhere() {
        use argon2::password_hash::PasswordHasher;
        let cheap = argon2::Params::new(64, 1, 1, None).expect("parameters");
        let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
        let made = argon.hash_password_with_salt(b"secret", b"saltsaltsaltsalt").expect("hashes").to_string();
        let hashes = [bcrypt::hash("secret", 4).expect("hashes"), made];
        for hash in hashes {
            let hash = PasswordHash::parse(&hash).expect("a hash");
            let ask = |password: &str| check(&hash, password.as_bytes()).expect("room").blocking_recv();
            assert_eq!((ask("secret"), ask("Secret"), ask("")), (Ok(true), Ok(false), Ok(false)));
            assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
        }
    }
}
