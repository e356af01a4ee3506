"""Reads Kubernetes manifests and holds them to the published schemas; prints what a pod is made of, as JSON, for the story."""

import json
import sys

import kubernetes_validate
import yaml

objects = [one for path in sys.argv[1:] for one in yaml.safe_load_all(open(path, encoding="utf-8")) if one]
for one in objects:
    kubernetes_validate.validate(one, "1.34", strict=True)
print(json.dumps(objects))
