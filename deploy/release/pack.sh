#!/usr/bin/env bash
# What a release consists of, for one platform: the binary, what it is made of (SBOM), and checksums of both.
#
#   deploy/release/pack.sh target/release/tidegate x86_64-linux dist
#   (cd dist && sha256sum --check SHA256SUMS-x86_64-linux)
set -euo pipefail
binary=$(realpath "$1") name=$2
mkdir -p "$3"
folder=$(realpath "$3")
cd "$(dirname "$0")/../.."
install -m 755 "$binary" "$folder/tidegate-$name"
python3 deploy/release/sbom.py > "$folder/tidegate-$name.cdx.json"
cd "$folder"
sha256sum "tidegate-$name" "tidegate-$name.cdx.json" > "SHA256SUMS-$name"
