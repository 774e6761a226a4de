#!/bin/sh
# Tells the server that everything arrived: from now on the paths count as this builder's uploads.
set -eu
work=${RUNNER_TEMP:?}/nix-cache
ssh -F "$work/ssh_config" nix-cache commit <"$work/publish" >"$work/committed.json"
cat "$work/committed.json"
