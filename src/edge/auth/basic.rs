//! Basic authentication (RFC 7617): who is named, and the hash to hold the password against.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::HeaderValue;

use super::password::PasswordHash;
use super::{AuthFault, AuthProblem, Name, encoding};
use crate::config::model;

/// `basic` of a route, compiled.
#[derive(Clone, Debug)]
pub struct Basic {
    users: HashMap<Name, PasswordHash>,
    /// What is looked at for a name that nobody has: one of the users' own, so that it takes as long as for somebody. Which one is the
    /// name's own, so that among hashes of different costs a name without a user looks like one with.
    decoys: Box<[PasswordHash]>,
    seed: RandomState,
    /// How long a password that was right need not be looked at again.
    pub remember: Duration,
}

/// Who wants to be whom.
pub struct Claimed {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Vec<u8>,
}

impl Basic {
    /// Of a route, with the users of its file as it is now.
    ///
    /// # Errors
    /// Whatever the file or a hash has wrong.
    pub fn compile(model: &model::BasicAuth) -> Result<Self, AuthProblem> {
        let help = "make it with `htpasswd -nB NAME`, or with argon2";
        let mut users = HashMap::new();
        let mut add = |key: &str, name: &str, hash: &str, place: String| {
            let hash = PasswordHash::parse(hash);
            let hash = hash.map_err(|why| AuthProblem::new("password_hash", key, format!("{place}: {why}"), help))?;
            users.insert(Name::from(name), hash);
            Ok::<_, AuthProblem>(())
        };
        for (name, hash) in &model.users {
            add("basic.users", name, hash.reveal(), format!("the hash of {name:?}"))?;
        }
        if let Some(file) = &model.file {
            let text = std::fs::read_to_string(file).map_err(|error| AuthProblem::unreadable("basic.file", &error))?;
            let lines = text.lines().map(str::trim).enumerate();
            for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
                let place = format!("line {} of the file", at + 1);
                let Some((name, hash)) = line.split_once(':').filter(|(name, _)| !name.is_empty()) else {
                    let message = format!("{place} is not NAME:HASH");
                    return Err(AuthProblem::new("password_line", "basic.file", message, help));
                };
                // A third field, as in some passwd files, is a remark.
                add("basic.file", name, hash.split(':').next().unwrap_or(hash), place)?;
            }
        }
        if users.is_empty() {
            return Err(AuthProblem::new("no_users", "basic", "nobody can authenticate: there is no user", help));
        }
        let decoys = users.values().cloned().collect();
        Ok(Self { users, decoys, seed: RandomState::new(), remember: model.remember })
    }

    /// Who a request says it is; none: it does not say so in this way.
    ///
    /// # Errors
    /// Where it says so in a way that cannot be read.
    pub fn claimed(field: &HeaderValue) -> Option<Result<Claimed, AuthFault>> {
        let (scheme, rest) = field.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let read = || {
            let octets = encoding::basic(rest.trim())?;
            let colon = octets.iter().position(|octet| *octet == b':')?;
            let name = String::from_utf8(octets[..colon].to_vec()).ok()?;
            // A name goes into logs and fields.
            let plain = !name.is_empty() && !name.contains(char::is_control);
            plain.then(|| Claimed { name, password: octets[colon + 1..].to_vec() })
        };
        Some(read().ok_or(AuthFault::Malformed))
    }

    /// The hash to look at, and whether the name is somebody's.
    pub fn hash_of(&self, name: &str) -> (&PasswordHash, bool) {
        // Asked for in any case, so that both ways do the same.
        let place = self.seed.hash_one(name) % self.decoys.len() as u64;
        let decoy = &self.decoys[usize::try_from(place).unwrap_or_default()];
        self.users.get(name).map_or((decoy, false), |hash| (hash, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_a_field_names() {
        let claimed = |text: &'static str| {
            Basic::claimed(&HeaderValue::from_static(text)).map(|claimed| {
                claimed.map(|claimed| (claimed.name, String::from_utf8(claimed.password).expect("text")))
            })
        };
        let ann = || Some(Ok(("ann".to_owned(), "a:b".to_owned())));
        assert_eq!(claimed("Basic YW5uOmE6Yg=="), ann());
        assert_eq!(claimed("basic  YW5uOmE6Yg"), ann());
        assert_eq!(claimed("Bearer abc"), None);
        assert_eq!(claimed("Basic"), None);
        for text in ["Basic ", "Basic ?", "Basic YW5u", "Basic OmE=", "Basic YW4KbjphOmI="] {
            assert_eq!(claimed(text), Some(Err(AuthFault::Malformed)), "{text}");
        }
    }

    #[test]
    fn a_name_that_nobody_has_costs_as_much() {
        let hash = |cost| bcrypt::hash("x", cost).expect("hashes");
        let users = [("ann", 4), ("eve", 5)].map(|(name, cost)| (name.to_owned(), model::Secret::new(hash(cost))));
        let model = model::BasicAuth { users: users.into(), file: None, remember: Duration::ZERO };
        let basic = Basic::compile(&model).expect("compiles");
        let own = ["ann", "eve"].map(|name| basic.hash_of(name));
        assert!(own[0].1 && own[1].1 && own[0].0 != own[1].0);
        let nobody: Vec<_> = (0..200).map(|n| basic.hash_of(&format!("nobody-{n}"))).collect();
        assert!(nobody.iter().all(|(_, known)| !known));
        // Names that nobody has are as different from each other as those of users are.
        for (hash, _) in own {
            assert!(nobody.iter().any(|(decoy, _)| *decoy == hash));
        }
        assert_eq!(basic.hash_of("bob"), basic.hash_of("bob"), "and each the same each time");
    }
}
