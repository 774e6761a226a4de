#!/bin/sh
# What the proposal's timer runs on the server: in the flake's own checkout, as one user, each output one after another.
# usage: populate-proposal.sh CHECKOUT OUTPUT...
set -eu
cd "$1"
shift
nix flake update --commit-lock-file || true
for output in "$@"; do
    nix build ".#$output" --no-link
done
