#!/bin/sh
# What launchd starts, when something is queued and every two minutes: starts the uploader only when there is work, so
# that an empty queue costs one small shell and no Node. systemd has conditions for this. POSIX sh.
state=${NIX_BINARY_CACHE_STATE:-/var/lib/nix-binary-cache}
roots=${NIX_BINARY_CACHE_ROOTS:-/nix/var/nix/gcroots/nix-binary-cache}
here=$(cd "$(dirname "$0")" && pwd)

for folder in "$state/queue/new" "$state/queue/waiting" "$roots/queue"; do
    for entry in "$folder"/*; do
        # A root whose path is gone is a broken link, and work too.
        if [ -e "$entry" ] || [ -L "$entry" ]; then exec "$here/../cachectl/cachectl" upload; fi
    done
done
