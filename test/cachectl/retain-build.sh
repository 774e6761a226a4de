#!/bin/sh
# Builds a package of retain-store.nix: a folder with its references and `size` bytes.
# shellcheck disable=SC2154 # out, name, size and references are the derivation's
set -eu
PATH=/usr/bin:/bin
mkdir "$out"
printf '%s\n' "$references" >"$out/references"
yes "$name" | head -c "$size" >"$out/data"
