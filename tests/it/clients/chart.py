"""The chart as Helm renders it: `chart.py CHART VALUES.json`. Lints it, holds what comes out to the published schemas, and prints it as JSON."""

import json
import sys

import helm_python as helm
import kubernetes_validate
import yaml

path, values = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
found = helm.lint(path, values, strict=True)
worst = [one for one in found["messages"] if one["severity"] > 1]
assert not worst and not found["errors"], found
with helm.Chart.load(path) as chart:
    rendered = chart.render(values, name="edge", namespace="gateways")
objects = [one for text in rendered.values() for one in yaml.safe_load_all(text) if one]
for one in objects:
    kubernetes_validate.validate(one, "1.34", strict=True)
print(json.dumps(objects))
