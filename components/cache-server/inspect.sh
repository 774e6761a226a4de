#!/bin/sh
# Tells, as one line of JSON, what a deploy of FLAKE#nixosConfigurations.NAME would do on this server. Changes nothing.
# Runs on the server, read from standard input.
# usage: inspect.sh FLAKE NAME
set -eu

profile=/nix/var/nix/profiles/system

main() {
    PATH=$PATH:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin
    command -v nix >/dev/null || {
        echo "nix: not found on $(hostname). The server needs NixOS, or Nix 2.24 or newer." >&2
        exit 3
    }
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    # Evaluating a system takes ten seconds and more, so it is done once; the rest is asked of its derivation.
    nix_flakes eval --raw "$1#nixosConfigurations.$2.config.system.build.toplevel.drvPath" >"$scratch/drv"
    nix-store --query --outputs "$(cat "$scratch/drv")" >"$scratch/out"
    nix_flakes flake metadata --json "$1" >"$scratch/metadata"
    nix_flakes build --dry-run "$(cat "$scratch/drv")^out" 2>"$scratch/plan"
    report
}

nix_flakes() {
    nix --extra-experimental-features "nix-command flakes" "$@"
}

# Store paths, hashes and counts need no escaping in JSON.
report() {
    printf '{"drvPath":"%s","outPath":"%s","revision":"%s","builds":%s,"fetches":%s,"size":"%s","current":"%s","told":%s}\n' \
        "$(cat "$scratch/drv")" "$(cat "$scratch/out")" "$(revision)" \
        "$(grep -c '^ */nix/store/.*\.drv$' "$scratch/plan")" \
        "$(grep '^ */nix/store/' "$scratch/plan" | grep -vc '\.drv$')" \
        "$(sed -n 's/.*will be fetched (\([^)]*\)).*/\1/p' "$scratch/plan" | head -n 1)" \
        "$(current)" "$(told)"
}

# readlink -f names a link's path even where there is no such link.
current() {
    [ ! -e "$profile" ] || readlink -f "$profile"
}

# The keys that machines are told to trust, as the system that runs now has them: a JSON list out of JSON in one line.
told() {
    keys=$(sed -n 's/.*"publicKeys":\(\[[^]]*\]\).*/\1/p' /var/lib/nix-binary-cache/config.json 2>/dev/null | head -n 1)
    echo "${keys:-[]}"
}

# A flake in git has a revision; one that is a plain folder has only its contents' hash.
revision() {
    for field in revision dirtyRevision; do
        sed -n "s/.*\"$field\":\"\([0-9a-f]*[-a-z]*\)\".*/\1/p" "$scratch/metadata"
    done | head -n 1
}

main "$@"
