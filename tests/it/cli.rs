//! The commands, and what they say.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::support::{
    Authority, Edge, Folder, Origin, Proxy, Wire, config_command, eventually, free_port, ok, outcome, try_start,
};

fn tidegate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments);
    command
}

#[test]
fn check_says_everything_that_is_wrong_at_once() {
    let toml = r#"
[listeners.web]
adress = "127.0.0.1:0"

[upstreams.app]
endpoints = ["nowhere"]
connect_timeout = "3 parsecs"

[[routes]]
upstream = "ap"
"#;
    let (code, _, said) = outcome(&mut config_command(&Folder::new(), toml, &["check"]));
    assert_eq!(code, 1);
    for expected in ["adress", "address", "nowhere", "3 parsecs", "\"ap\"", "app", ":3:", ":6:", ":7:", ":10:"] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    assert!(!said.contains('\x1b'), "colours only on a terminal");
}

#[test]
fn the_configs_that_we_give_away_are_right() {
    let (folder, authority) = (Folder::new(), Authority::new());
    std::fs::create_dir_all(folder.path().join("static")).unwrap();
    authority.issue(&["example.com", "www.example.com"]).write(&folder, "example.com");
    let here = folder.path().to_str().unwrap();
    for name in ["minimal.toml", "sidecar.toml", "edge.toml", "reference.toml", "demo.toml"] {
        let mut check = tidegate(&["check", "-c", &format!("{}/config/{name}", env!("CARGO_MANIFEST_DIR"))]);
        check.envs([
            ("DEMO_ORIGIN_1", "127.0.0.1:1"),
            ("DEMO_ORIGIN_2", "127.0.0.1:2"),
            ("CERTS", here),
            ("TIDEGATE_ADMIN_TOKEN", "0123456789abcdef"),
            ("WWW", here),
        ]);
        let (code, _, said) = outcome(&mut check);
        assert_eq!(code, 0, "{name}: {said}");
    }
}

#[test]
fn check_binds_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = Edge::to("127.0.0.1:1").at(taken.local_addr().unwrap()).toml();
    let (code, _, said) = outcome(&mut config_command(&Folder::new(), &toml, &["check"]));
    assert_eq!(code, 0, "{said}");
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&["no-such-command"][..], &["run", "--no-such-flag"], &["proxy"], &[]] {
        assert_eq!(outcome(&mut tidegate(arguments)).0, 2, "{arguments:?}");
    }
    assert_eq!(outcome(&mut tidegate(&["--version"])).0, 0);
    assert_eq!(outcome(&mut tidegate(&["--help"])).0, 0);
}

#[test]
fn defaults_are_a_config_and_the_schema_is_json() {
    let (code, defaults, _) = outcome(&mut tidegate(&["defaults"]));
    assert_eq!(code, 0);
    assert!(defaults.parse::<toml::Table>().unwrap().contains_key("listeners"));
    assert_eq!(
        defaults,
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/reference.toml")).unwrap()
    );
    let (code, schema, _) = outcome(&mut tidegate(&["schema"]));
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["listeners"].is_object());
}

#[test]
fn explain_names_the_winner_and_why_the_others_lost() {
    let toml = r#"
[listeners.web]
address = "127.0.0.1:0"
[[routes]]
name = "everything"
respond = { body = "x" }
[[routes]]
name = "api"
path_prefix = "/api"
respond = { body = "x" }
[[routes]]
name = "api-post"
path_prefix = "/api"
methods = ["POST"]
respond = { body = "x" }
"#;
    let folder = Folder::new();
    let (code, said, wrong) = outcome(&mut config_command(&folder, toml, &["explain", "http://a/api/x"]));
    assert_eq!(code, 0, "{wrong}");
    let first = said.find("\"api\"").or_else(|| said.find("api")).unwrap();
    assert!(said[first..].contains("everything"), "{said}");
    let (_, said, _) = outcome(&mut config_command(&folder, toml, &["explain", "-X", "POST", "http://a/api/x"]));
    assert!(said.contains("api-post"), "{said}");
}

#[test]
fn variables_fill_in_values() {
    let origin = Origin::answering(ok("x"));
    let toml = Edge::to("${APP}").route("response_headers = { set = { \"x-env\" = \"${MISSING:-fallback}\" } }").toml();
    let mut proxy = Proxy::spawn(Folder::new(), &toml, &[("APP", &origin.address.to_string())]);
    proxy.wait_until_ready();
    assert_eq!(proxy.get("/").header("x-env"), Some("fallback"));
    let (code, _, said) = outcome(config_command(&Folder::new(), &toml, &["check"]).env_remove("APP"));
    assert_eq!(code, 1);
    assert!(said.contains("APP"), "{said}");
}

#[test]
fn files_are_included() {
    let folder = Folder::new();
    folder.write("conf.d/a.toml", "[[routes]]\nname = \"a\"\npath = \"/a\"\nrespond = { body = \"from a\" }\n");
    folder.write("conf.d/b.toml", "[[routes]]\nname = \"b\"\npath = \"/b\"\nrespond = { body = \"from b\" }\n");
    let proxy = Proxy::start_in(folder, "include = [\"conf.d/*.toml\"]\n[listeners.web]\naddress = \"127.0.0.1:0\"\n");
    assert_eq!((proxy.get("/a").text(), proxy.get("/b").text()), ("from a".to_owned(), "from b".to_owned()));
}

#[test]
fn what_keeps_it_from_starting_is_one_clear_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, said) = try_start(Folder::new(), &Edge::to("127.0.0.1:1").at(address).toml());
    assert_eq!(code, 1);
    assert!(said.contains(&address.to_string()) && said.contains("taken"), "{said}");
    assert!(!said.contains("panicked") && said.lines().count() < 6, "{said}");

    let (code, _, said) = outcome(&mut tidegate(&["run", "-c", "/no/such/tidegate.toml"]));
    assert_eq!(code, 1);
    assert!(said.contains("/no/such/tidegate.toml") && said.lines().count() < 6, "{said}");

    let tls = "[listeners.web.tls]\ncertificates = [{ cert = \"none.pem\", key = \"none.key\" }]";
    let (code, said) = try_start(Folder::new(), &Edge::to("127.0.0.1:1").listener(tls).toml());
    assert_eq!(code, 1);
    assert!(said.contains("none.pem") && said.contains("none.key"), "{said}");
}

#[test]
fn a_socket_that_may_not_be_made_is_one_clear_sentence() {
    if rustix::process::geteuid().is_root() {
        // Root may do anything; an address of somebody else is the nearest that it may not.
        let (code, said) = try_start(Folder::new(), &Edge::to("127.0.0.1:1").at("192.0.2.1:80").toml());
        assert_eq!(code, 1);
        assert!(said.contains("192.0.2.1:80") && said.lines().count() < 6, "{said}");
        return;
    }
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    let (code, said) =
        try_start(Folder::new(), &Edge::to("127.0.0.1:1").at(format!("unix:{}/s", folder.path().display())).toml());
    assert_eq!(code, 1);
    assert!(said.to_lowercase().contains("permission"), "{said}");
}

#[test]
fn a_proxy_needs_no_file() {
    let origin = Origin::answering(ok("no file"));
    let from = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut command = tidegate(&["proxy", "--from", &from.to_string(), "--to", &origin.address.to_string()]);
    let mut child = Child(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("it listens", || std::net::TcpStream::connect(from).is_ok());
    assert_eq!(Wire::connect(from).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "no file");
    assert!(child.0.try_wait().unwrap().is_none());
}

/// Killed at the end of the story.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demo_is_a_whole_edge() {
    let addresses = ["127.0.0.1:8080", "127.0.0.1:8443", "127.0.0.1:9180"];
    if addresses.iter().any(|address| TcpListener::bind(address).is_err()) {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: the demo's ports are taken");
        return;
    }
    let mut command = tidegate(&["demo"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut page = std::io::BufReader::new(child.stdout.take().unwrap());
    let _child = Child(child);
    let mut printed = String::new();
    while !printed.contains("curl") {
        assert!(std::io::BufRead::read_line(&mut page, &mut printed).unwrap() > 0, "{printed}");
    }
    eventually("it listens", || addresses.iter().all(|address| std::net::TcpStream::connect(address).is_ok()));
    let ask = |path: &str| {
        Wire::connect(addresses[0].parse().unwrap()).ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    };
    assert_eq!(ask("/ping").text(), "pong\n");
    assert_eq!(ask("/").status(), 200);
    assert_eq!(ask("/old").status(), 301);
}

#[test]
fn what_a_new_config_changes() {
    let (old, new) = (Folder::new(), Folder::new());
    let certificate = |folder: &Folder, name: &str| Authority::new().issue(&[name]).write(folder, "site");
    let toml = |certificate: &str, timeout: &str| {
        format!(
            "[listeners.web]\naddress = \"127.0.0.1:8443\"\n[listeners.web.tls]\ncertificates = [{certificate}]\n\
             [[routes]]\nname = \"hello\"\nrespond = {{ body = \"hello\" }}\ntimeout = \"{timeout}\"\n"
        )
    };
    let one = old.write("a.toml", toml(&certificate(&old, "a.test"), "60s"));
    let two = new.write("b.toml", toml(&certificate(&new, "b.test"), "1m"));
    let diff = |arguments: &[&std::path::Path]| {
        outcome(Command::new(env!("CARGO_BIN_EXE_tidegate")).arg("diff").args(arguments))
    };
    assert_eq!(diff(&[&one, &one]), (0, "nothing changes\n".to_owned(), String::new()));
    let (code, told, problems) = diff(&[&one, &two]);
    assert_eq!((code, problems.as_str()), (1, ""));
    assert!(
        told.starts_with("~ listener web\n") && told.contains("(a.test until ") && told.contains("-> b.test until "),
        "{told}"
    );
    assert!(!told.contains("timeout"), "{told}");
    let (code, told, _) = diff(&[std::path::Path::new("--json"), &one, &two]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["differs"], &told["changes"][0]["of"]), (1, &true.into(), &"listeners.web".into()));
    let broken = new.write("c.toml", "[listeners.web]\n");
    let (code, told, problems) = diff(&[&one, &broken]);
    assert!((code, told.as_str()) == (2, "") && problems.contains("c.toml cannot be used"), "{problems}");
}
