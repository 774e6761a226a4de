#!/bin/bash
# Runs the hook once for each path on standard input, as Nix does after a build, and prints how long each run took in
# microseconds, the start of its process included. bash, for its clock costs no process.
# usage: write-path-hooks.sh HOOK <PATHS
set -eu
LC_ALL=C
while read -r OUT_PATHS; do
    export OUT_PATHS
    start=$EPOCHREALTIME
    /bin/sh "$1"
    end=$EPOCHREALTIME
    echo $((${end/./} - ${start/./}))
done
