//! The delivery story of docs/delivery.md: its files are written, and its commands run, in its order, with the real program.

use std::path::Path;
use std::process::Command;

use crate::support::{Folder, Origin, Wire, free_port, ok, outcome, tool};

/// The fences of the chapter: language, and what stands in them.
fn fences(chapter: &str) -> Vec<(String, String)> {
    let pieces = chapter.split("\n```").collect::<Vec<_>>();
    pieces
        .iter()
        .skip(1)
        .step_by(2)
        .filter_map(|piece| piece.split_once('\n'))
        .map(|(language, text)| (language.to_owned(), text.to_owned()))
        .collect()
}

/// A shell that runs one block after the other and ends what it started.
struct Desk {
    folder: Folder,
    ports: Vec<(&'static str, u16)>,
}

impl Desk {
    fn here(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (in_guide, here)| {
            text.replace(&format!("127.0.0.1:{in_guide}"), &format!("127.0.0.1:{here}"))
        })
    }

    /// Runs a block; what it printed. Anything that fails on the way fails the block.
    fn run(&self, block: &str) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        // What goes on behind the block writes to a file, and its number is kept, so that it can be ended.
        let block = self.here(block).replace(" &\n", " > server.log 2>&1 & echo $! > server.pid\n");
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &block]).env("PATH", path).current_dir(self.folder.path());
        let (code, out, problems) = outcome(&mut shell);
        let log = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        assert_eq!(code, 0, "{block}\n{out}{problems}\n{log}");
        out
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Ok(number) = std::fs::read_to_string(self.folder.path().join("server.pid")) {
            let _ = outcome(Command::new("kill").arg(number.trim()));
        }
    }
}

#[test]
fn the_way_from_a_change_to_production_is_as_the_guide_says() {
    if tool("curl").is_none() {
        return;
    }
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/delivery.md")).unwrap();
    let chapter = guide.split("\n## ").find(|chapter| chapter.starts_with("The whole way")).unwrap();
    let (stable, next) = (Origin::answering(ok("stable")), Origin::answering(ok("next")));
    let web = free_port();
    let ports =
        vec![("8080", web), ("9180", free_port()), ("9001", stable.address.port()), ("9002", next.address.port())];
    let desk = Desk { folder: Folder::new(), ports };
    // How many of a hundred visitors get the next version.
    let canaries = || {
        let ask = |visitor: u32| {
            let mut wire = Wire::connect(std::net::SocketAddr::from(([127, 0, 0, 1], web)));
            wire.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: visitor={visitor}\r\n\r\n")).text()
        };
        (0..100).filter(|visitor| ask(*visitor) == "next").count()
    };
    let (mut said, mut shares, mut plans) = (String::new(), Vec::new(), 0);
    for (language, text) in fences(chapter) {
        match (language.as_str(), text.lines().next().unwrap_or_default().strip_prefix("# ")) {
            ("toml", Some(name)) => drop(desk.folder.write(name, desk.here(&text))),
            ("sh", _) => {
                said = desk.run(&text);
                if text.contains("-X POST") {
                    assert!(
                        said.contains("\"result\":\"published\"") || said.contains("\"result\": \"published\""),
                        "{said}"
                    );
                }
                if text.contains("/api/") && !text.contains("faults") {
                    shares.push(canaries());
                }
            }
            ("text", _) if text.starts_with("~ ") => {
                plans += 1;
                for line in text.lines() {
                    assert!(said.contains(&desk.here(line)), "the guide says {line:?}, the program:\n{said}");
                }
            }
            _ => {}
        }
    }
    assert_eq!(plans, 1);
    // A tenth, a half, none, and none after the way back; a hundred visitors are not a hundred tenths.
    assert_eq!(shares.len(), 4, "{shares:?}");
    assert!((2..25).contains(&shares[0]) && (30..70).contains(&shares[1]), "{shares:?}");
    assert_eq!(shares[2..], [0, 0], "{shares:?}");
    let plan: serde_json::Value =
        serde_json::from_slice(&std::fs::read(desk.folder.path().join("plan.json")).unwrap()).unwrap();
    assert!(plan.is_object(), "{plan}");
    // A difference would be 1, and fail.
    desk.run("tidegate diff last-good.toml tidegate.toml");
}
