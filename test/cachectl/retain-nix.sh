#!/bin/sh
# Runs a program in a mount namespace whose /nix is a folder of the test's: real Nix, on the real /nix/store, of no other.
# usage: unshare --mount retain-nix.sh FOLDER PROGRAM [ARGUMENT...]
set -eu
mount --bind "$1" /nix
shift
exec "$@"
