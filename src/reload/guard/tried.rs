//! What tells a config from another one: all that was read for it.

use std::fmt;
use std::path::PathBuf;

use aws_lc_rs::digest;

use crate::config::Prints;

/// The SHA-256 of all files of a config: what it says, what it includes, and the certificates and keys that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(String);

/// A config that somebody wants in force.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Tells it from all others.
    pub digest: Digest,
    /// Tells its things apart.
    pub prints: Prints,
}

impl Digest {
    /// Of those files, and of what stands in no file.
    pub fn of(files: &[PathBuf], text: &str) -> Self {
        let mut all = digest::Context::new(&digest::SHA256);
        let mut add = |bytes: &[u8]| {
            all.update(&(bytes.len() as u64).to_be_bytes());
            all.update(bytes);
        };
        add(text.as_bytes());
        for file in files {
            add(file.as_os_str().as_encoded_bytes());
            // A folder that a pattern looked in is among them; and what is no plain file may have no end.
            let content = std::fs::metadata(file).is_ok_and(|meta| meta.is_file()).then(|| std::fs::read(file));
            match content {
                Some(Ok(content)) => add(&content),
                _ => add(b"-"),
            }
        }
        Self(all.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// As it was written.
    pub fn named(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
