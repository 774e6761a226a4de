#!/bin/sh
# Every Nix file of the project: does it parse, and is it laid out as the rest? Installs Nix's tools where they are
# missing and root runs it. Nothing is evaluated and nothing is built; test/nix does the evaluating.
# usage: check-nix.sh [FILE...]     without files: all that git knows or would add
set -eu
cd "$(dirname "$0")/.."

main() {
    have_nix
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    list_files "$@" >"$scratch/files"
    [ -s "$scratch/files" ] || fail "no Nix files were found, which cannot be: this checks nothing."
    status=0
    while IFS= read -r file; do
        check_file "$file" || status=1
    done <"$scratch/files"
    return "$status"
}

fail() {
    echo "check-nix: $*" >&2
    exit 1
}

# One package in Debian; another package manager may hold apt's lock for a moment.
have_nix() {
    command -v nix-instantiate >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && {
        { install_nix || { apt-get update -qq && install_nix; }; } >/dev/null 2>&1 && return
    }
    fail "nix-instantiate: not found. Install Nix with your package manager (Debian: nix-bin), then run this again."
}

install_nix() {
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120 nix-bin
}

list_files() {
    if [ $# -gt 0 ]; then
        printf '%s\n' "$@"
    else
        git ls-files --cached --others --exclude-standard -- '*.nix'
    fi | while IFS= read -r file; do
        # A file that is deleted and not yet committed is still in the index.
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

# Parsing needs neither a store nor a daemon, but Nix looks for its state all the same.
check_file() {
    NIX_STORE_DIR="$scratch/store" NIX_STATE_DIR="$scratch/state" NIX_LOG_DIR="$scratch/log" NIX_REMOTE="" HOME="$scratch" \
        nix-instantiate --parse "$1" >/dev/null || return 1
    # awk does not tell whether the last line ends.
    [ "$(tail -c 1 "$1" | wc -l)" -eq 1 ] || {
        echo "$1: the last line has no end" >&2
        return 1
    }
    awk -f scripts/nix-layout.awk "$1" >&2
}

main "$@"
