//! The compositions of deploy/compose, on their worst days.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::{Container, IMAGE, Steady, ask, done, get, image, root};
use crate::support::{Folder, eventually, free_port, outcome, tool};

/// A composition that is up, taken down when this goes.
struct Composition {
    file: String,
    project: String,
    variables: Vec<(&'static str, String)>,
}

impl Composition {
    fn up(file: &Path, variables: Vec<(&'static str, String)>) -> Self {
        let stem = file.file_stem().unwrap().to_string_lossy().replace('.', "");
        let project = format!("tidegate{}{stem}", std::process::id());
        let this = Self { file: file.display().to_string(), project, variables };
        this.compose(&["up", "-d"]);
        this
    }

    fn compose(&self, arguments: &[&str]) {
        let mut command = Command::new("docker-compose");
        command.args(["-f", &self.file, "-p", &self.project]).args(arguments);
        command.env("TIDEGATE_IMAGE", IMAGE).env("APP_IMAGE", IMAGE).envs(self.variables.iter().cloned());
        let (code, out, problems) = outcome(&mut command);
        assert_eq!(code, 0, "docker-compose {arguments:?}: {out}{problems}");
    }

    /// The name of a service's container.
    fn container(&self, service: &str) -> String {
        done(&["ps", "-a", "-q", "--filter", &format!("name={}_{service}_", self.project)])
    }
}

impl Drop for Composition {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = Command::new("docker-compose")
                .args(["-f", &self.file, "-p", &self.project, "logs", "--no-color", "--tail", "2000"])
                .output();
            let log = log.map(|log| String::from_utf8_lossy(&log.stdout).into_owned()).unwrap_or_default();
            // What went well is most of it, and says nothing here.
            log.lines().filter(|line| !line.contains("\"status\":200")).take(200).for_each(|line| eprintln!("{line}"));
        }
        let mut down = Command::new("docker-compose");
        down.args(["-f", &self.file, "-p", &self.project, "down", "-v", "-t", "1"]);
        let _ = outcome(down.envs(self.variables.iter().cloned()));
    }
}

/// What was wrong with that body, if anything.
fn of_the_app(body: String) -> Result<(), String> {
    if body.starts_with("app-") { Ok(()) } else { Err(body) }
}

#[test]
#[ignore = "builds an image: minutes"]
fn replicas_die_are_cut_off_and_replaced_and_nobody_notices() {
    if !image() {
        return;
    }
    let ports = [free_port(), free_port()];
    let variables = vec![("EDGE_1_PORT", ports[0].to_string()), ("EDGE_2_PORT", ports[1].to_string())];
    let composition = Composition::up(&root().join("deploy/compose/docker-compose.yml"), variables);
    let edges = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let previewed = |edge| get(edge, "X-Preview: yes\r\n").is_some_and(|body| body == "app-next\n");
    for edge in edges {
        eventually("it serves", || get(edge, "").is_some_and(|body| body.starts_with("app-")));
        eventually("who asks for the canary gets it", || previewed(edge));
    }
    // Asks either edge, and the other one where that fails, as a balancer in front of both would. What fails on both is a failure.
    let once = |turn: &mut usize| {
        let answer = ask(edges[*turn], "").or_else(|first| {
            *turn = 1 - *turn;
            ask(edges[*turn], "").map_err(|second| format!("{first}, and then {second}"))
        });
        of_the_app(answer?)
    };
    Steady::while_asking(once, |steady| {
        steady.go_on("all is well");
        done(&["kill", &composition.container("app-1")]);
        steady.go_on("one replica is killed");
        let (network, cut) = (format!("{}_default", composition.project), composition.container("app-2"));
        done(&["network", "disconnect", "--force", &network, &cut]);
        steady.go_on("another one is cut off");
        done(&["network", "connect", "--alias", "app-2", &network, &cut]);
        composition.compose(&["start", "app-1"]);
        steady.go_on("both are back");
        for service in ["app-1", "app-2", "app-3", "app-next", "edge-1", "edge-2"] {
            composition.compose(&["restart", service]);
            steady.go_on(&format!("{service} was restarted"));
        }
    });
    for edge in edges {
        eventually("the canary is found where it is now", || previewed(edge));
    }
}

#[test]
#[ignore = "builds an image: minutes"]
fn two_plain_services_talk_through_mutual_tls() {
    let Some(mut openssl) = tool("openssl") else { return };
    if !image() {
        return;
    }
    let folder = Folder::new();
    for entry in std::fs::read_dir(root().join("deploy/compose")).unwrap() {
        let from = entry.unwrap().path();
        if from.is_file() {
            std::fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
        }
    }
    assert_eq!(outcome(Command::new("sh").arg(folder.path().join("certificates.sh"))).0, 0);
    let port = free_port();
    let composition = Composition::up(&folder.path().join("sidecar.yml"), vec![("CALLER_PORT", port.to_string())]);
    let caller = SocketAddr::from(([127, 0, 0, 1], port));
    // Whatever was up first: where the steady clients begin, one of the two may be held for down yet.
    let log = std::mem::ManuallyDrop::new(Container(composition.container("caller-proxy")));
    composition.compose(&["stop", "app-1-proxy", "app-2-proxy"]);
    eventually("both are down", || log.log().matches("endpoint down").count() >= 2);
    composition.compose(&["start", "app-2-proxy", "app-1-proxy"]);
    for name in ["app-1\n", "app-2\n"] {
        eventually("both replicas are asked, through both sidecars", || get(caller, "").as_deref() == Some(name));
    }
    // The other service is there for who has a certificate, and for nobody else.
    let app = std::mem::ManuallyDrop::new(Container(composition.container("app-1")));
    assert!(get(app.address(8000), "").is_none(), "the service itself is on loopback alone");
    let mesh = app.address(8443).to_string();
    openssl.args(["s_client", "-connect", &mesh, "-servername", "app", "-tls1_3", "-ign_eof"]);
    let (_, said, more) = outcome(&mut openssl);
    assert!((said + &more).contains("certificate required"), "no certificate, no service");
    // A sidecar that is replaced, and a service that dies with its own, cost nobody a request.
    let once = |_: &mut usize| of_the_app(ask(caller, "")?);
    Steady::while_asking(once, |steady| {
        steady.go_on("all is well");
        composition.compose(&["restart", "app-1-proxy"]);
        steady.go_on("a sidecar was restarted");
        eventually("it is asked again", || get(caller, "").as_deref() == Some("app-1\n"));
        done(&["kill", &composition.container("app-2-proxy"), &composition.container("app-2")]);
        steady.go_on("the other replica is killed");
    });
}
