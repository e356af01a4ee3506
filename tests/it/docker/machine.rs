//! A plain machine: Ansible sets it up, systemd runs Tidegate on it. Both are the real ones; the machine is a container with an init of its own.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::{Container, Steady, ask, docker, done, engine, root, script};
use crate::support::{Folder, eventually, outcome, tool};

const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");

/// What an engine or a machine of tests may not have: more descriptors than its hard limit, and the right to be spared by the kernel when memory runs out.
/// And no line is to be lost, however many requests there are.
const HERE: &str = "[Service]\nLimitNOFILE=4096\nOOMScoreAdjust=0\nLogRateLimitIntervalSec=0\n";

/// The container, and where it serves.
struct Machine(Container, SocketAddr);

impl Machine {
    fn boot() -> Self {
        let rights =
            ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"];
        let places =
            ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"];
        let container = Container(done(&[&["run", "-d"], &rights[..], &places, &["tidegate-test-machine"]].concat()));
        let address = container.address(80);
        let machine = Self(container, address);
        eventually("it has booted", || machine.ask(&["systemctl", "is-system-running"]) == "running");
        machine.put("/etc/systemd/system/tidegate.service.d/here.conf", HERE);
        machine
    }

    /// Runs a command there; what it prints, whatever its status is.
    fn ask(&self, command: &[&str]) -> String {
        docker(&[&["exec", &self.0.0], command].concat()).1.trim().to_owned()
    }

    fn must(&self, command: &[&str]) -> String {
        done(&[&["exec", &self.0.0], command].concat())
    }

    fn put(&self, path: &str, content: &str) {
        self.must(&["mkdir", "-p", Path::new(path).parent().unwrap().to_str().unwrap()]);
        let folder = Folder::new();
        let file = folder.write("file", content);
        done(&["cp", file.to_str().unwrap(), &format!("{}:{path}", self.0.0)]);
    }

    /// A property of the service.
    fn shows(&self, property: &str) -> String {
        self.must(&["systemctl", "show", "--value", "-p", property, "tidegate"])
    }

    /// The journal of the service, without the access log.
    fn log(&self) -> String {
        let all = self.ask(&["journalctl", "--no-pager", "-u", "tidegate", "-o", "cat"]);
        all.lines().filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n")
    }

    /// Whether a request gets through it to the application.
    fn serves(&self) -> bool {
        self.asked().is_ok()
    }

    /// Likewise, with what came instead.
    fn asked(&self) -> Result<(), String> {
        let body = ask(self.1, "")?;
        if body == "app\n" { Ok(()) } else { Err(body) }
    }

    /// Lets Ansible set it up: the end of what it says, and how many things it changed; `None` where it failed.
    fn set_up(&self, folder: &Folder, variables: &Value) -> (String, Option<u32>) {
        let name = &self.0.0;
        let way = "ansible_connection=community.docker.docker ansible_become=false ansible_python_interpreter=/usr/bin/python3";
        let hosts = folder.write("hosts", format!("[tidegate]\n{name} {way}\n"));
        let variables = folder.write("variables.json", variables.to_string());
        let mut ansible = tool("ansible-playbook").unwrap();
        ansible.arg("-i").arg(hosts).arg("-e").arg(format!("@{}", variables.display())).arg("site.yml");
        ansible.current_dir(root().join("deploy/ansible"));
        ansible.env("ANSIBLE_NOCOWS", "1").env("ANSIBLE_LOCAL_TEMP", folder.path().join("ansible"));
        let (code, out, problems) = outcome(&mut ansible);
        let changed = out.split("changed=").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        (out + &problems, changed.filter(|_| code == 0))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Says who it is on the machine itself: what the gateway stands in front of.
const APP: &str = "[listeners.web]\naddress = \"127.0.0.1:9000\"\n[[routes]]\nrespond = { body = \"app\\n\" }\n";

/// The binary as another version of itself: a program does not mind octets behind its end.
fn another_version(folder: &Folder) -> String {
    let mut binary = std::fs::read(BINARY).unwrap();
    binary.extend_from_slice(b"2");
    folder.write("tidegate", binary).display().to_string()
}

#[test]
#[ignore = "makes an image of Debian: minutes"]
fn ansible_sets_a_machine_up_and_systemd_runs_it() {
    if tool("ansible-playbook").is_none() || tool("debootstrap").is_none() || !engine() {
        return;
    }
    script("machine-image.sh");
    let machine = Machine::boot();
    ansible_sets_it_up_and_changes_it(&machine);
    systemd_restarts_stops_and_starts_it(&machine);
}

fn ansible_sets_it_up_and_changes_it(machine: &Machine) {
    let folder = Folder::new();
    let mut wanted = json!({ "tidegate_binary": BINARY, "tidegate_endpoints": ["127.0.0.1:9000"] });
    // From nothing to a service, and then nothing is left to change.
    let (said, changed) = machine.set_up(&folder, &wanted);
    assert!(changed.is_some_and(|changed| changed > 5), "{said}");
    assert_eq!((machine.shows("ActiveState"), machine.shows("UnitFileState")), ("active".into(), "enabled".into()));
    let (said, changed) = machine.set_up(&folder, &wanted);
    assert_eq!(changed, Some(0), "{said}");
    assert_eq!(machine.must(&["stat", "-c", "%U:%G %a", "/etc/tidegate/tidegate.toml"]), "root:tidegate 640");

    machine.put("/app.toml", APP);
    done(&["exec", "-d", &machine.0.0, "/usr/bin/tidegate", "run", "-c", "/app.toml"]);
    eventually("it serves", || machine.serves());
    let first = machine.shows("MainPID");
    Steady::while_asking(
        |_| machine.asked(),
        |steady| {
            // A config that is none never comes to the place of the one that serves.
            wanted["tidegate_endpoints"] = json!(["nowhere"]);
            let (said, changed) = machine.set_up(&folder, &wanted);
            assert!(changed.is_none() && said.contains("nowhere"), "{said}");
            steady.go_on("a bad config was refused");
            // Another config is a reload of the same process.
            wanted["tidegate_endpoints"] = json!(["127.0.0.1:9000", "localhost:9000"]);
            let (said, changed) = machine.set_up(&folder, &wanted);
            assert_eq!(changed, Some(2), "the file, and the reload: {said}");
            eventually("it was reloaded", || machine.log().contains("reloaded generation="));
            assert_eq!(machine.shows("MainPID"), first);
            steady.go_on("it was reloaded");
            // Another binary takes over from the one that serves, and systemd follows it.
            wanted["tidegate_binary"] = another_version(&folder).into();
            let (said, changed) = machine.set_up(&folder, &wanted);
            assert_eq!(changed, Some(2), "the binary, and the upgrade: {said}");
            eventually("systemd follows", || machine.shows("MainPID") != first);
            steady.go_on("it was upgraded");
            machine.must(&["systemctl", "reload", "tidegate"]);
            steady.go_on("the new process was reloaded too");
        },
    );
}

fn systemd_restarts_stops_and_starts_it(machine: &Machine) {
    let kill = |signal| machine.must(&["systemctl", "kill", "-s", signal, "--kill-whom=main", "tidegate"]);
    // One that crashes is started again, although it is a successor, and not systemd's own child.
    let second = machine.shows("MainPID");
    kill("KILL");
    eventually("it is back", || machine.shows("MainPID") != second && machine.serves());
    assert_eq!(machine.shows("NRestarts"), "1");

    // A stop is a drain, after an upgrade too.
    let third = machine.shows("MainPID");
    kill("USR2");
    eventually("systemd follows", || machine.shows("MainPID") != third && machine.serves());
    machine.must(&["systemctl", "stop", "tidegate"]);
    let ended = (machine.shows("Result"), machine.shows("ExecMainStatus"));
    assert_eq!(ended, ("success".into(), "0".into()));
    assert!(!machine.serves());

    // systemd opens the port, starts the service for who comes, and keeps the port while it restarts.
    let socket = std::fs::read_to_string(root().join("deploy/systemd/tidegate.socket")).unwrap();
    machine.put("/etc/systemd/system/tidegate.socket", &socket.replace("ListenStream=0.0.0.0:443\n", ""));
    machine.must(&["systemctl", "daemon-reload"]);
    machine.must(&["systemctl", "start", "tidegate.socket"]);
    assert_eq!(machine.shows("ActiveState"), "inactive");
    Steady::while_asking(
        |_| machine.asked(),
        |steady| {
            steady.go_on("it was started by whoever came");
            machine.must(&["systemctl", "restart", "tidegate"]);
            steady.go_on("it was restarted, and nobody was refused");
        },
    );
}
