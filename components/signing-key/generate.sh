#!/bin/sh
# Makes the server's signing key NAME in DIRECTORY if it is not there, and prints its public half.
# Runs on the server, read from standard input; the secret half never leaves the machine.
# usage: generate.sh DIRECTORY NAME
set -eu
umask 077

main() {
    directory=$1
    name=$2
    secret=$directory/$name.secret
    PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin
    command -v nix-store >/dev/null || {
        echo "nix-store: not found on $(hostname). Install Nix there, then run pulumi up again." >&2
        exit 1
    }
    mkdir -p "$directory"
    [ -s "$secret" ] || generate
    public_half | publish
    cat "$directory/$name.pub"
}

# Both halves appear by rename, the secret one last, since it is what says that the key exists.
generate() {
    scratch=$(mktemp -d "$directory/.new.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    nix-store --generate-binary-cache-key "$name" "$scratch/secret" "$scratch/public"
    chmod 400 "$scratch/secret"
    mv "$scratch/secret" "$secret"
}

public_half() {
    nix --extra-experimental-features nix-command key convert-secret-to-public <"$secret"
}

publish() {
    cat >"$directory/.$name.pub.new"
    chmod 444 "$directory/.$name.pub.new"
    mv "$directory/.$name.pub.new" "$directory/$name.pub"
}

main "$@"
