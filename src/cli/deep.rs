//! What only shows when the files that a config names are read too.

use std::path::Path;
use std::sync::Arc;

use crate::config::model::Model;
use crate::config::{self, Loaded, Problem, ProblemKind, Problems};
use crate::observe::metrics::Metrics;
use crate::reload;
use crate::snapshot::{self, CompileProblem};
use crate::tls::{self, Severity, TlsProblem};
use crate::upstream::discovery::Answers;

/// Loads a config and reads what it names, as a start would.
///
/// # Errors
/// All problems, those of the files as well.
pub(super) fn load(path: &Path) -> Result<Loaded, Problems> {
    config::load(path, &super::environment).and_then(|loaded| {
        let deep = deep_problems(&loaded.model);
        loaded.with(deep)
    })
}

/// Reads certificates, keys, authorities and folders; for [`crate::config::Loaded::with`], which finds the places.
///
/// What a reload would refuse, what the TLS layer would rather have otherwise, and which of `[[tests]]` does not come true.
pub fn deep_problems(model: &Model) -> Vec<Problem> {
    let mut problems: Vec<_> = tls::problems(model).into_iter().map(of_tls).collect();
    let mut answers = Answers::default();
    problems.extend(reload::read_files(model, &mut answers));
    let refused = snapshot::compile(Arc::new(model.clone()), None, &Metrics::new(), &answers).err().unwrap_or_default();
    let refused = refused.into_iter().map(of_compile);
    let known = |new: &Problem| problems.iter().any(|old| (old.kind, &old.key_path) == (new.kind, &new.key_path));
    let fresh: Vec<_> = refused.filter(|new| !known(new)).collect();
    problems.extend(fresh);
    problems.extend(super::expected::broken(model));
    problems
}

fn of_tls(problem: TlsProblem) -> Problem {
    let kind = ProblemKind::Content(problem.kind.label());
    let new = match problem.severity() {
        Severity::Error => Problem::error,
        Severity::Warning => Problem::warning,
    };
    new(kind, problem.key, problem.message).help(problem.help)
}

fn of_compile(problem: CompileProblem) -> Problem {
    Problem::error(ProblemKind::Content(problem.label), problem.key, problem.message).help(problem.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_an_edge_is_clean_where_its_files_are() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("static")).expect("a folder");
        let names = ["example.com", "www.example.com"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        std::fs::write(folder.path().join("example.com.pem"), made.cert.pem()).expect("a file");
        let key = folder.path().join("example.com.key");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");

        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/edge.toml");
        let env = |name: &str| ["CERTS", "WWW"].contains(&name).then(|| folder.path().display().to_string());
        let loaded = || config::load(&path, &env).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        assert_eq!(deep_problems(&loaded().model), []);

        // Without them, each is a problem once, at its place.
        std::fs::remove_dir(folder.path().join("static")).expect("it was there");
        std::fs::remove_file(key).expect("it was there");
        let loaded = loaded();
        let found = deep_problems(&loaded.model);
        let problems = loaded.with(found).expect_err("two files are gone");
        let keys: Vec<_> = problems.iter().map(|problem| problem.key_path.as_str()).collect();
        assert_eq!(keys, ["listeners.secure.tls.certificates[0].key", "routes.static.files.root"], "{problems}");
        assert!(problems.iter().all(|problem| problem.span.is_some()), "{problems}");
    }
}
