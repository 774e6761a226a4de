#!/bin/sh
# Runs `go ARGS…` in ROOT/engine, inside a Debian root, with that root's own golang-go.
# usage (in a mount namespace of its own): build-in-root.sh ROOT ARGS…
set -eu
root=$1
shift
mkdir -p "$root/engine" "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get -qq update >&2
chroot "$root" apt-get -qq -y --no-install-recommends install golang-go ca-certificates >&2
# shellcheck disable=SC2016  # expanded inside the root
exec chroot "$root" /usr/bin/env HOME=/root GOPATH=/root/go GOFLAGS='-mod=mod -buildvcs=false' GOTOOLCHAIN=auto \
    CGO_ENABLED=0 sh -c 'cd /engine && exec go "$@"' go "$@"
