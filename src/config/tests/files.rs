//! Configs of several files.

use std::path::{Path, PathBuf};

use super::none;
use crate::config::model::{AccessSink, EndpointAddress};
use crate::config::{Loaded, Problems, load};

/// Files in a folder that goes when the test is over.
struct Folder(PathBuf, #[expect(dead_code, reason = "it removes the folder")] tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, text).expect("a file");
        }
        Self(folder.path().to_path_buf(), folder)
    }

    fn load(&self, name: &str) -> Result<Loaded, Problems> {
        load(&self.0.join(name), &none)
    }

    /// One line a problem, without the folder.
    fn problems(&self, name: &str) -> Vec<String> {
        let problems = match self.load(name) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        let folder = format!("{}/", self.0.display());
        problems.render(true);
        problems.to_string().lines().map(|line| line.replace(&folder, "")).collect()
    }
}

const WEB: &str = "[listeners.web]\naddress = \"127.0.0.1:0\"\n";

#[test]
fn files_are_merged_in_the_order_of_their_names() {
    let folder = Folder::with(&[
        (
            "main.toml",
            &format!(
                "include = [\"conf.d/*.toml\", \"conf.d/b.toml\"]\n{WEB}[[routes]]\nname = \"main\"\nupstream = \"a\"\n"
            ),
        ),
        (
            "conf.d/b.toml",
            "[[routes]]\nname = \"b\"\npath = \"/b\"\nupstream = \"a\"\n[log]\naccess = \"access.log\"\n",
        ),
        (
            "conf.d/a.toml",
            "include = [\"../deep/x.toml\"]\n[upstreams.a]\nendpoints = [\"unix:app.sock\"]\n[[routes]]\nname = \"a\"\npath = \"/a\"\nupstream = \"a\"\n",
        ),
        ("conf.d/.hidden.toml", "nonsense"),
        ("conf.d/b.toml.bak", "nonsense"),
        (
            "deep/x.toml",
            "[log]\nlevel = \"warn\"\n[listeners.x]\naddress = \"127.0.0.1:0\"\ntls.certificates = [{ cert = \"x.pem\", key = \"/x.key\" }]\ntls.client_ca = \"../ca.pem\"\n",
        ),
    ]);
    let Loaded { model, warnings, .. } = folder.load("main.toml").unwrap_or_else(|problems| panic!("{problems}"));
    assert!(warnings.is_empty(), "{warnings}");
    let names: Vec<_> = model.routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["main", "a", "b"]);
    assert_eq!(model.listeners.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["web", "x"]);
    assert_eq!(model.routes[0].listeners, [0, 1]);
    // Relative to the file that names them.
    assert_eq!(model.upstreams[0].endpoints[0].address, EndpointAddress::Unix(folder.0.join("conf.d/app.sock")));
    assert_eq!(model.log.access, AccessSink::File(folder.0.join("conf.d/access.log")));
    let mut files: Vec<_> = [
        "main.toml",
        "conf.d/b.toml",
        "conf.d/a.toml",
        "conf.d/../deep/x.toml",
        "conf.d/../deep/x.pem",
        "conf.d/../deep/../ca.pem",
    ]
    .map(|name| folder.0.join(name))
    .into();
    files.push(folder.0.join("conf.d")); // a file that is added there is part of the config
    files.push(PathBuf::from("/x.key"));
    files.sort();
    assert_eq!(model.files, files);
    assert_eq!(
        (model.routes[2].place.line, &*model.routes[2].place.file),
        (1, &*folder.0.join("conf.d/b.toml").display().to_string())
    );
}

#[test]
fn two_files_about_one_thing_name_both_places() {
    let folder = Folder::with(&[
        ("main.toml", &format!("include = [\"b.toml\"]\n{WEB}[log]\nlevel = \"warn\"\n")),
        ("b.toml", &format!("\n{WEB}[log]\nlevel = \"info\"\n")),
    ]);
    let problems = folder.load("main.toml").expect_err("two of each");
    let text = problems.render(false).replace(&format!("{}/", folder.0.display()), "");
    for part in [
        "error[listeners.web]: \"web\" is defined in two files\n --> b.toml:2:12",
        "main.toml:2:12",
        "first defined here",
        "error[log.level]: \"level\" is defined in two files\n --> b.toml:5:1",
        "2 problems in b.toml",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn problems_of_all_files_at_once() {
    let folder = Folder::with(&[
        ("main.toml", &format!("include = [\"b.toml\", \"none.toml\", \"none*\"]\n[server]\nworkers = 0\n{WEB}")),
        ("b.toml", "[[routes]]\nname = \"b\"\nupstream = \"x\"\nhosts = [\"a:1\"]\n"),
    ]);
    assert_eq!(
        folder.problems("main.toml"),
        [
            "main.toml:1:22 include[1]: cannot read \"none.toml\": there is no such file",
            "main.toml:1:35 include[2]: no file matches this pattern",
            "main.toml:3:11 server.workers: 0 is out of range; it can be 1 to 1024",
            "b.toml:4:10 routes.b.hosts[0]: \"a:1\" is not a host; without the port: \"a\" (routes choose ports by `listeners`)",
        ]
    );
}

#[test]
fn a_circle_of_files() {
    let folder = Folder::with(&[
        ("main.toml", &format!("include = [\"a.toml\"]\n{WEB}")),
        ("a.toml", "include = [\"b.toml\"]\n"),
        ("b.toml", "include = [\"a.toml\"]\n"),
        ("self.toml", &format!("include = [\"*.toml\"]\n{WEB}")),
    ]);
    let problems = folder.problems("main.toml");
    assert!(
        problems[0].starts_with("b.toml:1:12 include[0]: \"a.toml\" includes itself, by way of this"),
        "{problems:?}"
    );
    let folder = Folder::with(&[("self.toml", &format!("include = [\"./self.toml\"]\n{WEB}"))]);
    assert!(folder.problems("self.toml")[0].contains("includes itself"), "{:?}", folder.problems("self.toml"));
}

#[test]
fn files_that_are_no_config() {
    let folder = Folder::with(&[("main.toml", "")]);
    std::fs::write(folder.0.join("latin.toml"), b"# ok\n[server]\nx = \"gr\xfcn\"\n").expect("a file");
    let cases = [
        ("none.toml", "none.toml:1:1: cannot read \"none.toml\": there is no such file"),
        ("", "cannot read"),
        ("latin.toml", "latin.toml:3:8: this file is not UTF-8; save it as UTF-8"),
        (
            "main.toml",
            "main.toml:1:1 listeners: there is no listener; add [listeners.web] with address = \"0.0.0.0:8080\"",
        ),
    ];
    for (name, line) in cases {
        let problems = folder.problems(name);
        assert!(problems.len() == 1 && problems[0].contains(line), "{name}: {problems:?}");
    }
}

#[test]
fn an_include_of_the_wrong_type() {
    let folder = Folder::with(&[("main.toml", &format!("include = \"a.toml\"\n{WEB}"))]);
    assert!(folder.problems("main.toml")[0].starts_with("main.toml:1:11 include: expected a list, found a string"));
    let folder = Folder::with(&[("main.toml", &format!("include = [3, \"${{NO}}\"]\n{WEB}"))]);
    let problems = folder.problems("main.toml");
    assert!(problems[0].starts_with("main.toml:1:12 include[0]: expected a string, found an integer"), "{problems:?}");
    assert!(
        problems[1].starts_with("main.toml:1:16 include[1]: the environment variable NO is not set"),
        "{problems:?}"
    );
}

#[test]
fn sections_of_the_wrong_type_in_another_file() {
    let folder =
        Folder::with(&[("main.toml", &format!("include = [\"b.toml\"]\n{WEB}")), ("b.toml", "listeners = 3\n")]);
    let problems = folder.problems("main.toml");
    assert!(
        problems[0].starts_with("b.toml:1:1 listeners: `listeners` is an integer here, but not in main.toml"),
        "{problems:?}"
    );
}

#[test]
fn a_text_includes_nothing() {
    let problems = crate::config::parse("t.toml", &format!("include = []\n{WEB}"), &none).expect_err("no file");
    assert!(problems.to_string().contains("cannot include files"));
    assert!(load(Path::new("/dev/null/x"), &none).is_err());
}
