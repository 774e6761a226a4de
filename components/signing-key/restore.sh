#!/bin/sh
# Puts the secret half of the signing key NAME:BASE64, which comes on standard input, in its place in DIRECTORY. Where
# that key is there already, nothing is done; where another one is, nothing is done either, and the status is 4.
# Runs on the server as `sh -c TEXT restore.sh DIRECTORY NAME:BASE64`, since standard input is the key's.
set -eu
umask 077

main() {
    directory=$1
    public=$2
    secret=$directory/${public%%:*}.secret
    PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin
    command -v nix >/dev/null || fail 3 "nix: not found on $(hostname). The server needs NixOS, or Nix 2.24 or newer."
    mkdir -p "$directory"
    scratch=$(mktemp -d "$directory/.new.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    # Read in any case, so that whoever sends it is not cut off.
    cat >"$scratch/secret"
    if [ -s "$secret" ]; then
        there=$(public_half "$secret") || there="one that can't be read"
        [ "$there" = "$public" ] || fail 4 "$there"
        echo present
        return
    fi
    [ "$(public_half "$scratch/secret")" = "$public" ] || fail 5 "what came on standard input is not the key $public"
    chmod 400 "$scratch/secret"
    # Unlike mv, never over a key that somebody put there meanwhile.
    ln "$scratch/secret" "$secret"
    sync
    echo restored
}

public_half() {
    nix --extra-experimental-features nix-command key convert-secret-to-public <"$1"
}

fail() {
    status=$1
    shift
    echo "$*" >&2
    exit "$status"
}

main "$@"
