#!/bin/sh
# Prints a copy of the signing key in DIRECTORY that has the public half NAME:BASE64, encrypted to every RECIPIENT, as
# age's armored text. Runs on the server, read from standard input; what leaves the machine is the ciphertext alone.
# usage: escrow.sh DIRECTORY NAME:BASE64 RECIPIENT...
set -eu

main() {
    directory=$1
    public=$2
    shift 2
    secret=$directory/${public%%:*}.secret
    PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin
    command -v age >/dev/null || fail "age: not found on $(hostname)." \
        "The server's module brings it: have the server's flake take up the newest nix-binary-cache" \
        "(nix flake update nix-binary-cache), then run pulumi up again; or take signing.escrow out."
    [ -r "$secret" ] || fail "$secret: not there on $(hostname). Run pulumi up again: it makes the key, or takes it up."
    found=$(nix --extra-experimental-features nix-command key convert-secret-to-public <"$secret")
    [ "$found" = "$public" ] || fail "$secret: is the key $found; the stack knows $public." \
        "Put that one back (npm run restore-key), or have Pulumi forget it: docs/when-the-server-dies.md."
    for recipient; do
        shift
        set -- "$@" --recipient "$recipient"
    done
    age --encrypt --armor "$@" <"$secret"
}

fail() {
    echo "$*" >&2
    exit 1
}

main "$@"
