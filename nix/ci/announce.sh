#!/bin/sh
# Tells the server what is coming, so that it keeps the paths from the moment they arrive.
set -eu
work=${RUNNER_TEMP:?}/nix-cache
ssh -F "$work/ssh_config" nix-cache announce <"$work/publish" >"$work/announced.json"
cat "$work/announced.json"
