//! The file of `endpoints_file`: TOML, or JSON where its name ends so. It is read by the same rules as the config, at start and at each
//! change of the file, alone.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::env::Environment;
use super::fields::Scope;
use super::model::Endpoint;
use super::problem::{Problem, ProblemKind, Problems};
use super::source::{Sources, Span};
use super::{json, lower, raw};

/// A file larger than this is no list of endpoints.
const MOST: u64 = 16 << 20;

/// Reads such a file.
///
/// # Errors
/// Every problem of the file, each with its line.
pub fn read_endpoints(path: &Path, env: &Environment<'_>) -> Result<Vec<Endpoint>, Problems> {
    let mut sources = Sources::default();
    let name = path.display().to_string();
    let directory = path.parent().unwrap_or(Path::new("")).to_path_buf();
    let (text, unreadable) = match text(path) {
        Ok(text) => (text, None),
        Err(reason) => (String::new(), Some(reason)),
    };
    let file = sources.add(&name, &directory, text);
    if let Some(reason) = unreadable {
        let problem = Problem::error(ProblemKind::File, "", format!("the file cannot be read: {reason}"));
        return Err(Problems::new(vec![problem.at(Span { file, start: 0, end: 0 })], Arc::new(sources)));
    }
    let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let (table, problems) = if is_json { json::read(file, &sources) } else { raw::read(file, &sources) };
    let broken = !problems.is_empty();
    let scope = Scope::new(&sources, env, problems);
    // What stands behind a mistake in the syntax is guesswork.
    let endpoints = if broken { Vec::new() } else { lower::endpoints_of_file(&scope, &table) };
    let (problems, _) = scope.finish();
    if problems.is_empty() { Ok(endpoints) } else { Err(Problems::new(problems, Arc::new(sources))) }
}

fn text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST {
        return Err("it is larger than 16 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<String>, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        let show = |one: &Endpoint| {
            let Endpoint { address, weight, backup, zone } = one;
            format!("{address} {weight} {backup} {}", zone.as_deref().unwrap_or("-"))
        };
        let here = format!("{}/", folder.path().display());
        read_endpoints(&path, &|_| None)
            .map(|found| found.iter().map(show).collect())
            .map_err(|problems| problems.iter().map(|one| problems.line(one).replace(&here, "")).collect())
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "endpoints = [\n  \"10.0.0.1:80\",\n  { address = \"api.internal:81\", weight = 3, zone = \"a\" },\n]\n\
                    # none else\n";
        let tables = "[[endpoints]]\naddress = \"10.0.0.1:80\"\n\n[[endpoints]]\naddress = \"api.internal:81\"\nweight = 3\nzone = \"a\"\n";
        let json = r#"{"endpoints": ["10.0.0.1:80", {"address": "api.internal:81", "weight": 3, "backup": false, "zone": "\u0061"}]}"#;
        let bare = r#" ["10.0.0.1:80", {"address": "api.internal:81", "weight": 3, "zone": "a"}] "#;
        let expected = ["10.0.0.1:80 1 false -", "api.internal:81 3 false a"].map(str::to_owned).to_vec();
        for (name, text) in [("a.toml", toml), ("a", tables), ("a.json", json), ("a.JSON", bare)] {
            assert_eq!(read(name, text), Ok(expected.clone()), "{name}");
        }
        for (name, text) in [("a.toml", "endpoints = []"), ("a.json", "{\"endpoints\":[]}"), ("a.json", "[]")] {
            assert_eq!(read(name, text), Ok(Vec::new()), "{text}: nobody is what it says");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("a.toml", "", &["a.toml:1:1 endpoints: `endpoints` is missing"]),
            (
                "a.toml",
                "endpoints = [\n\"10.0.0.1\",\n]",
                &["a.toml:2:1 endpoints[0]: \"10.0.0.1\" is not the address"],
            ),
            (
                "a.toml",
                "endpoints = [\n{ address = \"a:1\", weight = 0, backup = 1 },\n]",
                &["endpoints[0].weight: 0 is out of range", "endpoints[0].backup: expected a boolean"],
            ),
            ("a.toml", "endpoints = [\"a:1\",\n\"a:1\"]", &["a.toml:2:1 endpoints[1]: a:1 is listed twice"]),
            ("a.toml", "endpoints = [\"a:1\"\n", &["a.toml:"]),
            ("a.toml", "endpoints = []\nendpoint = []", &["a.toml:2:1 endpoint: there is no key"]),
            (
                "a.json",
                "{\"endpoints\": [\n  {\"address\": \"a:1\", \"wieght\": 2}\n]}",
                &["a.json:2:22 endpoints[0].wieght: there is no key"],
            ),
            ("a.json", "{\"endpoints\": [\n  \"a:1\",\n]}", &["a.json:3:1: "]),
            (
                "a.json",
                "{\"endpoints\": [\n  {\"address\": \"a:1\",\n\"weight\": 2.5}\n]}",
                &["a.json:3:11 endpoints[0].weight: expected an integer"],
            ),
        ];
        for (name, text, expected) in cases {
            let found = read(name, text).expect_err(text);
            assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{text}: {found}");
            }
        }
        let gone = read_endpoints(Path::new("/nowhere/at/all.toml"), &|_| None).expect_err("no file");
        assert!(gone.iter().next().is_some_and(|one| one.message.starts_with("the file cannot be read")), "{gone:?}");
    }
}
