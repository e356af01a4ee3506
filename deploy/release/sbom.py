#!/usr/bin/env python3
"""What the binary is made of, as CycloneDX 1.6: `sbom.py [TARGET] > tidegate.cdx.json`.

From the resolved graph of Cargo and the checksums of Cargo.lock: the crates that are compiled into the program for that target, with version, licence, checksum,
and what each of them needs. What only tests, benchmarks and build scripts use is not in it. The same sources give the same document, octet for octet.
"""

import json
import subprocess
import sys
import tomllib
import uuid


def ran(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def linked(metadata, target):
    """The graph of what is compiled in: for each package's id, the ids that it needs."""
    # The metadata has all features that anything wants, tests too; the tree knows which ones the program is built with.
    tree = ran("cargo", "tree", "--locked", "--edges", "normal", "--target", target, "--prefix", "none", "--format", "{p}")
    used = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    resolve = metadata["resolve"]
    names = {package["id"]: (package["name"], f"v{package['version']}") for package in metadata["packages"]}
    nodes = {node["id"]: node for node in resolve["nodes"]}
    graph, waiting = {}, [resolve["root"]]
    while waiting:
        at = waiting.pop()
        if at in graph:
            continue
        needed = [one["pkg"] for one in nodes[at]["deps"] if names[one["pkg"]] in used and any(kind["kind"] is None for kind in one["dep_kinds"])]
        graph[at] = sorted(needed)
        waiting.extend(needed)
    return graph


def component(package, checksums):
    reference = f"pkg:cargo/{package['name']}@{package['version']}"
    found = {"type": "library", "bom-ref": reference, "name": package["name"], "version": package["version"], "purl": reference}
    if package.get("description"):
        found["description"] = " ".join(package["description"].split())
    if package.get("license"):
        # Older crates write MIT/Apache-2.0, which is no expression.
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum := checksums.get((package["name"], package["version"])):
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return found


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else next(
        line.split()[1] for line in ran("rustc", "-vV").splitlines() if line.startswith("host:"))
    metadata = json.loads(ran("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    with open("Cargo.lock", "rb") as lock:
        checksums = {(one["name"], one["version"]): one.get("checksum") for one in tomllib.load(lock)["package"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    graph = linked(metadata, target)
    components = {at: component(packages[at], checksums) for at in graph}
    root = components.pop(metadata["resolve"]["root"])
    reference = {at: one["bom-ref"] for at, one in {**components, metadata["resolve"]["root"]: root}.items()}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**root, "type": "application"}, "properties": [{"name": "target", "value": target}]},
        "components": sorted(components.values(), key=lambda one: one["bom-ref"]),
        "dependencies": sorted(
            ({"ref": reference[at], "dependsOn": sorted({reference[one] for one in needed})} for at, needed in graph.items()),
            key=lambda one: one["ref"]),
    }
    # A number for the document that is made of what is in it.
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True)).urn
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


main()
