#!/bin/sh
# nix-store on the /nix of a test: RETAIN_NIX is the folder, RETAIN_NAMESPACE what unshare is given.
set -eu
# shellcheck disable=SC2086 # several options
exec unshare $RETAIN_NAMESPACE "$(dirname "$0")/retain-nix.sh" "$RETAIN_NIX" nix-store "$@"
