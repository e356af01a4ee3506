#!/usr/bin/env bash
# Makes the image of a plain machine, with systemd and Python, for Ansible to set up: Debian, of the release that this machine runs, from Debian's own mirror.
set -euo pipefail
cd "$(dirname "$0")/../.."
image=tidegate-test-machine
docker image inspect "$image" >/dev/null 2>&1 && exit 0

# Not older than the machine that builds the binary.
release=$(. /etc/os-release && if [ "$ID" = debian ]; then echo "$VERSION_CODENAME"; else echo trixie; fi)
kept="target/docker/machine-$release.tar"
if [ ! -f "$kept" ]; then
  mkdir -p target/docker
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  debootstrap --variant=minbase --include=python3-minimal,python3,systemd,systemd-sysv "$release" "$scratch/tree" >&2
  rm -rf "$scratch/tree"/var/cache/apt/archives/*.deb "$scratch/tree"/var/lib/apt/lists/*
  tar -C "$scratch/tree" -cf "$kept.part" .
  mv "$kept.part" "$kept"
fi
docker import --change 'LABEL tidegate.made=tests' --change 'ENV container=docker' --change 'CMD ["/sbin/init"]' "$kept" "$image" >/dev/null
echo "made $image"
