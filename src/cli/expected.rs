//! Whether `[[tests]]` of a config come true: each is asked of the same decision that serves requests, and nothing is sent.

use super::explain::{ActionReport, Decision, Question, Report, RouteReport};
use crate::config::model::{Expectation, Model};
use crate::config::{Problem, ProblemKind};

/// A problem for each expectation that does not come true, at its place.
pub(super) fn broken(model: &Model) -> Vec<Problem> {
    model
        .tests
        .iter()
        .enumerate()
        .flat_map(|(number, test)| of_test(model, test, &format!("tests[{number}]")))
        .collect()
}

fn of_test(model: &Model, test: &Expectation, path: &str) -> Vec<Problem> {
    let Expectation { method, url, headers, client, listener, .. } = test;
    let question = Question {
        method: method.clone(),
        url: url.clone(),
        fields: headers.clone(),
        client: *client,
        listener: listener.clone(),
    };
    let failed = |key: &str, message: String| {
        let help = format!("`tidegate explain -X {method} '{url}'` says why");
        Problem::error(ProblemKind::Content("test"), format!("{path}.{key}"), message).help(help)
    };
    let report = match Report::make(model, &question) {
        Ok(report) => report,
        Err(error) => return vec![failed("request", format!("test {:?}: {error}", test.name))],
    };
    let mut problems = Vec::new();
    for outcome in &report.outcomes {
        let by: Vec<_> = outcome.listeners.iter().map(|one| one.name.as_str()).collect();
        for (key, wanted, found) in differences(test, &outcome.decision) {
            let name = &test.name;
            let message = format!("test {name:?} expects {wanted}, by {} it is {found}", by.join(", "));
            problems.push(failed(key, message));
        }
    }
    problems
}

/// Key, what is expected, and what is.
fn differences(test: &Expectation, decision: &Decision) -> Vec<(&'static str, String, String)> {
    let known = Known::of(decision);
    let none = || known.what.clone();
    let status = test.status.map(|status| status.to_string());
    let pairs = [
        ("route", &test.route, &known.route),
        ("upstream", &test.upstream, &known.upstream),
        ("target", &test.target, &known.target),
        ("status", &status, &known.status),
        ("location", &test.location, &known.location),
    ];
    let differs = |(key, wanted, found): (&'static str, &Option<String>, &Option<String>)| {
        let wanted = wanted.as_ref()?;
        let differs = found.as_ref() != Some(wanted);
        differs.then(|| (key, wanted.clone(), found.clone().unwrap_or_else(none)))
    };
    pairs.into_iter().filter_map(differs).collect()
}

/// What becomes of a request.
#[derive(Default)]
struct Known {
    route: Option<String>,
    upstream: Option<String>,
    target: Option<String>,
    status: Option<String>,
    location: Option<String>,
    /// In a few words.
    what: String,
}

impl Known {
    fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Refused { status, reason } => {
                Self { status: Some(status.to_string()), what: format!("refused ({reason})"), ..Self::default() }
            }
            Decision::RedirectToHttps { location } => Self {
                status: Some("308".to_owned()),
                location: Some(location.clone()),
                what: "redirected to HTTPS".to_owned(),
                ..Self::default()
            },
            Decision::NoRoute { .. } => {
                Self { status: Some("404".to_owned()), what: "taken by no route".to_owned(), ..Self::default() }
            }
            Decision::Route(route) => Self::of_route(route),
        }
    }

    fn of_route(route: &RouteReport) -> Self {
        let (name, target) = (Some(route.name.clone()), route.target.clone());
        let known = Self { route: name, target, ..Self::default() };
        match &route.action {
            ActionReport::Upstream(upstream) => {
                Self { upstream: Some(upstream.name.clone()), what: format!("forwarded to {}", upstream.name), ..known }
            }
            ActionReport::Split { takes, .. } => {
                Self { upstream: takes.clone(), what: "forwarded to one of several, by chance".to_owned(), ..known }
            }
            ActionReport::Redirect { status, location } => Self {
                status: Some(status.to_string()),
                location: location.clone(),
                what: "redirected".to_owned(),
                ..known
            },
            ActionReport::Respond { status, .. } => {
                Self { status: Some(status.to_string()), what: "answered".to_owned(), ..known }
            }
            ActionReport::Files { .. } => Self { what: "answered from a folder".to_owned(), ..known },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{load, parse};

    const CONFIG: &str = "[listeners.web]\naddress = \"127.0.0.1:8080\"\n\
        [upstreams.app]\nendpoints = [\"127.0.0.1:9000\"]\n\
        [[routes]]\nname = \"api\"\npath_prefix = \"/api\"\nstrip_prefix = \"/api\"\nupstream = \"app\"\n\
        [[routes]]\nname = \"old\"\npath = \"/old\"\nredirect = { to = \"https://{host}/new\" }\n\
        [[routes]]\nname = \"ping\"\npath = \"/ping\"\nheaders = { \"x-env\" = \"canary\" }\nrespond = { status = 204 }\n";

    fn broken(tests: &str) -> Vec<(String, String)> {
        let loaded = parse("t.toml", &format!("{CONFIG}{tests}"), &|_| None);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        super::broken(&loaded.model).into_iter().map(|problem| (problem.key_path, problem.message)).collect()
    }

    #[test]
    fn what_comes_true_is_no_problem() {
        let tests = "[[tests]]\nrequest = \"GET http://a/api/users?x=1\"\nroute = \"api\"\nupstream = \"app\"\ntarget = \"/users?x=1\"\n\
            [[tests]]\nrequest = \"GET http://a/old\"\nstatus = 308\nlocation = \"https://a/new\"\n\
            [[tests]]\nrequest = \"GET http://a/ping\"\nheaders = { X-Env = \"canary\" }\nlistener = \"web\"\nstatus = 204\n\
            [[tests]]\nrequest = \"GET http://a/ping\"\nstatus = 404\n\
            [[tests]]\nrequest = \"GET http://a/api%00\"\nstatus = 400\n";
        assert_eq!(broken(tests), []);
    }

    #[test]
    fn what_does_not_is_told_with_what_happens_instead() {
        let table = [
            ("GET http://a/api/x", "route = \"old\"", "tests[0].route", "expects old, by web it is api"),
            ("GET http://a/api/x", "target = \"/api/x\"", "tests[0].target", "expects /api/x, by web it is /x"),
            ("GET http://a/old", "upstream = \"app\"", "tests[0].upstream", "expects app, by web it is redirected"),
            ("GET http://a/none", "route = \"api\"", "tests[0].route", "expects api, by web it is taken by no route"),
            ("GET http://a/api/x", "status = 200", "tests[0].status", "expects 200, by web it is forwarded to app"),
            (
                "GET ftp://a/",
                "status = 200",
                "tests[0].request",
                "test \"test-1\": the scheme ftp is not http or https",
            ),
        ];
        for (request, expected, key, message) in table {
            let found = broken(&format!("[[tests]]\nrequest = \"{request}\"\n{expected}\n"));
            assert!(found.len() == 1 && found[0].0 == key && found[0].1.ends_with(message), "{request}: {found:?}");
        }
    }

    #[test]
    fn the_place_of_a_broken_one_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.toml");
        std::fs::write(
            &path,
            format!("{CONFIG}[[tests]]\nname = \"x\"\nrequest = \"GET http://a/old\"\nroute = \"api\"\n"),
        )
        .expect("written");
        let loaded = load(&path, &|_| None).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let found = super::broken(&loaded.model);
        let problems = loaded.with(found).expect_err("one is broken");
        let shown = problems.render(false);
        assert!(
            shown.contains("route = \"api\"") && shown.contains("tidegate explain -X GET 'http://a/old'"),
            "{shown}"
        );
    }
}
