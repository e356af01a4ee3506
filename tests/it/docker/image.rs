//! The image: what is in it, what it may do, and that it serves.

use std::net::SocketAddr;

use serde_json::Value;

use super::{Container, IMAGE, Network, done, get, image, root};
use crate::support::{Folder, eventually, free_port};

#[test]
#[ignore = "builds an image: minutes"]
fn an_image_that_serves_and_can_do_nothing_else() {
    if !image() {
        return;
    }
    let all: Value = serde_json::from_str(&done(&["image", "inspect", IMAGE])).unwrap();
    let (config, size) = (&all[0]["Config"], all[0]["Size"].as_u64().unwrap());
    assert_eq!((&config["User"], &config["StopSignal"]), (&"65532:65532".into(), &"SIGTERM".into()));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], "1.2.3");
    let binary = Container(done(&["create", IMAGE]));
    let folder = Folder::new();
    done(&["cp", &format!("{}:/usr/bin/tidegate", binary.0), folder.path().join("tidegate").to_str().unwrap()]);
    let binary = std::fs::metadata(folder.path().join("tidegate")).unwrap().len();
    assert!(size < binary + (6 << 20), "{size} octets for a binary of {binary}");

    // An origin, and an edge in front of it that finds it by its name.
    let (network, port) = (format!("tidegate-{}", std::process::id()), free_port());
    let _network = Network::new(&network);
    let app = root().join("deploy/compose/app.toml");
    let app = format!("{}:/etc/tidegate/tidegate.toml:ro", app.display());
    let origin = Container::run(&["--network", &network, "--network-alias", "origin", "-v", &app, IMAGE]);
    folder.write(
        "tidegate.toml",
        "[server]\ndrain_timeout = \"5s\"\n[admin]\naddress = \"127.0.0.1:9180\"\n[log]\nformat = \"json\"\n\
         [listeners.web]\naddress = \"0.0.0.0:8080\"\n[upstreams.app]\nendpoints = [\"origin:8000\"]\n[[routes]]\nupstream = \"app\"\n",
    );
    let here = format!("{}:/etc/tidegate:ro", folder.path().display());
    let publish = format!("127.0.0.1:{port}:8080");
    let edge =
        Container::run(&["--network", &network, "--cpus", "1", "-m", "128m", "-p", &publish, "-v", &here, IMAGE]);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("it serves", || get(address, "").as_deref() == Some("app\n"));
    eventually("it is healthy", || edge.inspect()["State"]["Health"]["Status"] == "healthy");
    let log = edge.log();
    let ready = log.lines().find(|line| line.contains("\"ready\"")).unwrap();
    assert!(ready.contains("\"workers\":1"), "as many as the quota allows: {ready}");
    assert!(ready.contains("\"max_memory\":134217728"), "as much as the cgroup allows: {ready}");
    let processes = done(&["top", &edge.0, "-eo", "uid,pid,args"]);
    assert!(processes.lines().nth(1).unwrap().trim_start().starts_with("65532 "), "not root: {processes}");
    // A stop is a drain: the exit status says that all was finished.
    done(&["stop", "--time", "20", &edge.0]);
    assert_eq!(edge.inspect()["State"]["ExitCode"], 0);
    assert!(edge.log().contains("draining"));
    drop(origin);
}
