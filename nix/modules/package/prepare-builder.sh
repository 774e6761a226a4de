#!/bin/sh
# What a Mac's builder has to have before launchd watches its queue: the folders, config.json in its place, keys. Called by
# nix-darwin's activation as root, each time; a failure is said and does not stop the activation. POSIX sh.
# usage: prepare-builder.sh NAME
state=${NIX_BINARY_CACHE_STATE:-/var/lib/nix-binary-cache}
roots=${NIX_BINARY_CACHE_ROOTS:-/nix/var/nix/gcroots/nix-binary-cache}

prepare() {
    mkdir -p "$state/queue/tmp" "$state/queue/new" "$state/queue/waiting" "$state/queue/rejected" \
        "$roots/queue" &&
        ln -sfn /etc/nix-binary-cache/config.json "$state/config.json" &&
        "@out@/bin/cachectl" keys init --name "$1" >/dev/null
}

prepare "$1" || echo "nix-binary-cache: builds are not uploaded yet, see above; mend it, then activate again" >&2
