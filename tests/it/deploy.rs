//! What is in `deploy/`: configs that are configs, manifests that the published schemas take, and the ways of a cluster with a config.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Folder, Proxy, eventually, outcome, python, tool};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder with that extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .flat_map(|path| if path.is_dir() { files(&path, extension) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|one| one == extension))
        .collect();
    found.sort();
    found
}

#[test]
fn every_config_is_one() {
    let Some(_) = tool("openssl") else { return };
    let folder = Folder::new();
    // The certificates that the sidecars name are made by the script beside them.
    for file in
        files(&root().join("deploy/compose"), "toml").iter().chain(&[root().join("deploy/compose/certificates.sh")])
    {
        std::fs::copy(file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    let made = outcome(std::process::Command::new("sh").arg(folder.path().join("certificates.sh")));
    assert_eq!(made.0, 0, "{}", made.2);
    let clusters = files(&root().join("deploy/kubernetes"), "toml");
    let configs: Vec<_> = files(folder.path(), "toml").into_iter().chain(clusters).collect();
    assert!(configs.len() >= 6, "{configs:?}");
    for config in configs {
        let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        check.env("TIDEGATE_ADMIN_TOKEN", "0123456789abcdef");
        let (code, _, problems) = outcome(check.arg("check").arg("-c").arg(&config));
        assert_eq!((code, problems.as_str()), (0, ""), "{}", config.display());
    }
}

/// The manifests of a folder as Kubernetes would read them.
fn manifests(folder: &str) -> Option<Vec<Value>> {
    let files = files(&root().join("deploy/kubernetes").join(folder), "yaml");
    valid(files.into_iter().filter(|file| file.file_name().is_some_and(|name| name != "kustomization.yaml")))
}

/// What stands in files that the published schemas take.
fn valid(files: impl Iterator<Item = PathBuf>) -> Option<Vec<Value>> {
    let mut python = python("kubernetes_validate, yaml")?;
    let (code, out, problems) = outcome(python.arg(root().join("tests/it/clients/manifests.py")).args(files));
    assert_eq!(code, 0, "{problems}");
    Some(serde_json::from_str(&out).unwrap())
}

/// What every container of ours must be told.
fn is_confined(container: &Value) {
    let rights = &container["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"], true, "{container:#}");
    assert_eq!(rights["allowPrivilegeEscalation"], false, "{container:#}");
    assert_eq!(rights["capabilities"]["drop"][0], "ALL", "{container:#}");
}

#[test]
fn manifests_are_what_the_schemas_take() {
    let Some(objects) = manifests("base") else { return };
    let kinds: Vec<_> = objects.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    for kind in
        ["Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "ServiceAccount"]
    {
        assert!(kinds.contains(&kind), "{kind} is not among {kinds:?}");
    }
    let pod = &objects.iter().find(|one| one["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    is_confined(container);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    // A file that is mounted by itself never changes; a folder does.
    assert_eq!(container["volumeMounts"][0]["subPath"], Value::Null);
    // The time until the pod is killed is longer than what the config asks for.
    let config = std::fs::read_to_string(root().join("deploy/kubernetes/base/tidegate.toml")).unwrap();
    let seconds = |key: &str| -> u64 {
        let line = config.lines().find(|line| line.starts_with(key)).unwrap();
        line.split('"').nth(1).unwrap().trim_end_matches('s').parse().unwrap()
    };
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace > seconds("drain_delay") + seconds("drain_timeout"));
}

#[test]
fn the_sidecar_starts_before_the_application_and_stops_after_it() {
    let Some(objects) = manifests("sidecar") else { return };
    let pod = &objects[0]["spec"]["template"]["spec"];
    let sidecar = &pod["initContainers"][0];
    assert_eq!((&sidecar["name"], &sidecar["restartPolicy"]), (&"tidegate".into(), &"Always".into()));
    is_confined(sidecar);
    is_confined(&pod["containers"][0]);
}

/// The folder of a ConfigMap as the kubelet makes it: names point into `..data`, and that is swapped for another folder in one step.
struct ConfigMap(Folder);

impl ConfigMap {
    fn publish(&self, version: &str, toml: &str) {
        let folder = self.0.path();
        std::fs::create_dir(folder.join(version)).unwrap();
        std::fs::write(folder.join(version).join("routes.toml"), toml).unwrap();
        let old = std::fs::read_link(folder.join("..data")).ok();
        symlink(version, folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        if let Some(old) = old {
            std::fs::remove_dir_all(folder.join(old)).unwrap();
        }
    }
}

#[test]
fn the_swap_of_a_config_map_is_a_reload() {
    let map = ConfigMap(Folder::new());
    let routes = |body: &str| format!("[[routes]]\nname = \"hello\"\nrespond = {{ body = \"{body}\" }}\n");
    map.publish("..2026_11_25_one", &routes("one"));
    symlink("..data/routes.toml", map.0.path().join("routes.toml")).unwrap();
    let toml = format!(
        "include = [\"{}\"]\n[server]\nworkers = 1\n[listeners.web]\naddress = \"127.0.0.1:0\"\n",
        map.0.path().join("routes.toml").display()
    );
    let proxy = Proxy::start(&toml);
    let mut kept = proxy.connect("web");
    let mut ask = || kept.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text();
    assert_eq!(ask(), "one");
    for version in ["two", "three"] {
        map.publish(&format!("..2026_11_25_{version}"), &routes(version));
        eventually("the new config serves, on the connection of before", || ask() == version);
    }
    // A mistake in the map changes nothing, and the next version mends it.
    map.publish("..2026_11_25_four", "[[routes]]\nnothing = 1\n");
    proxy.wait_for_log(0, "reload failed");
    assert_eq!(ask(), "three");
    map.publish("..2026_11_25_five", &routes("five"));
    eventually("the mended config serves", || ask() == "five");
}

#[test]
fn kustomize_renders_what_is_there() {
    // Not in Debian: where it is at hand, it is asked too.
    let found =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|at| at.join("kubectl").is_file());
    if !found {
        eprintln!("skipped: kubectl is not installed");
        return;
    }
    for folder in ["base", "sidecar"] {
        let at = root().join("deploy/kubernetes").join(folder);
        let (code, out, problems) = outcome(std::process::Command::new("kubectl").arg("kustomize").arg(&at));
        assert_eq!(code, 0, "{problems}");
        let rendered = Folder::new();
        let Some(objects) = valid([rendered.write("all.yaml", out)].into_iter()) else { return };
        let config = objects.iter().find(|one| one["kind"] == "ConfigMap").unwrap();
        assert_eq!(config["data"]["tidegate.toml"], std::fs::read_to_string(at.join("tidegate.toml")).unwrap());
        // The map that is mounted is the one that is made.
        let pod = &objects.iter().find(|one| one["kind"] == "Deployment").unwrap()["spec"]["template"]["spec"];
        assert_eq!(pod["volumes"][0]["configMap"]["name"], config["metadata"]["name"]);
    }
}
