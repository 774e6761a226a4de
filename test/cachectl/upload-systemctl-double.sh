#!/bin/sh
# Stands in for systemctl on a machine of the pair: starts nix-daemon anew, as `restart nix-daemon.service` does.
set -eu
[ "$*" = "restart nix-daemon.service" ] || { echo "systemctl double: $*" >&2; exit 1; }
pid=/run/nix-daemon.pid socket=/nix/var/nix/daemon-socket/socket
[ ! -f "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true
rm -f "$socket"
# A service has an environment of its own: with NIX_REMOTE=daemon it would wait for itself.
env -u NIX_REMOTE nix-daemon >/run/nix-daemon.log 2>&1 </dev/null &
echo $! >"$pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -S "$socket" ] && exit 0
    sleep 0.1
done
echo "nix-daemon does not listen: $(cat /run/nix-daemon.log)" >&2
exit 1
