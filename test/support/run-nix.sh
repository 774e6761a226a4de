#!/bin/sh
# Stands for `nix` and its other names in a folder beside `lib`: runs the Nix there by the dynamic loader that came with it.
bin=$(cd "$(dirname "$0")" && pwd)
lib=$bin/../lib
# Nix starts itself anew for some of its work, and would find the loader.
export NIX_BIN_DIR="$bin"
exec "$lib/loader" --library-path "$lib" --argv0 "${0##*/}" "$lib/nix" "$@"
