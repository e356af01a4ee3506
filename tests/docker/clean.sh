#!/usr/bin/env bash
# Removes the images that the stories made: the one under test, the stage that it was built in, and the bases. What is kept for the next time is in target/docker.
set -u
docker image rm --force tidegate-under-test >/dev/null 2>&1
docker image prune --force --filter label=tidegate.stage=build >/dev/null 2>&1
for image in $(docker image ls --quiet --filter label=tidegate.made=tests); do docker image rm --force "$image" >/dev/null 2>&1; done
exit 0
