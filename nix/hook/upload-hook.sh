#!/bin/sh
# Nix's post-build hook: remembers what was built, so that `cachectl upload` sends it later. Never waits for anything and
# always exits 0, because Nix stops building when a hook fails. POSIX sh as macOS (bash 3.2) and Debian (dash) run it.
#
# Nix gives OUT_PATHS (store paths separated by spaces) and DRV_PATH. Each build makes, in this order,
#   ROOTS/queue/ID   a link to its one output, or a folder of links to several: roots, so that a garbage collection on
#                    this machine spares them until the server has them
#   QUEUE/new/ID     the entry, moved there whole from QUEUE/tmp; its form is in cachectl/queue/entry.ts
# A root without an entry is queued by the uploader: whatever a full disk or a killed hook leaves out, one of both does.

trap 'exit 0' EXIT
trap '' PIPE
set -f
unset IFS
umask 022

# The daemon's PATH may be empty; NixOS has its programs in the third folder only.
outer_path=${PATH-}
PATH=/bin:/usr/bin:/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin
queue=${NIX_BINARY_CACHE_STATE:-/var/lib/nix-binary-cache}/queue
roots=${NIX_BINARY_CACHE_ROOTS:-/nix/var/nix/gcroots/nix-binary-cache}/queue
# Determinate Nix brings a hook of its own; nix.conf names only one, so this one calls that one.
next_hook=${NIX_BINARY_CACHE_NEXT_HOOK-/nix/var/determinate/post-build-hook.sh}
# Written out, since a range means other letters in other languages.
name_letters='0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+._?=-'
line='
'

warn() {
    printf 'nix-binary-cache: %.300s\n' "$1" >&2
}

is_store_path() {
    name=${1#/nix/store/}
    case $name in
    "$1" | *[!$name_letters]*) return 1 ;;
    ????????????????????????????????-?*) return 0 ;;
    *) return 1 ;;
    esac
}

# usage: enqueue PATH...
enqueue() {
    name=${1#/nix/store/}
    # The hash of a path and a process number: an entry that has the same name names the same path.
    id=${name%"${name#????????????????????????????????}"}-$$
    if ! [ -d "$roots" ] || ! [ -d "$queue/new" ] || ! [ -d "$queue/tmp" ]; then
        mkdir -p "$roots" "$queue/new" "$queue/tmp" 2>/dev/null
    fi
    rooted=yes
    if [ $# -eq 1 ]; then
        ln -sf "$1" "$roots/$id" 2>/dev/null || rooted=no
    else
        { mkdir -p "$roots/$id" && ln -sf "$@" "$roots/$id/"; } 2>/dev/null || rooted=no
    fi
    text="nix-binary-cache 1$line"
    ! is_store_path "${DRV_PATH-}" || text="${text}drv $DRV_PATH$line"
    for path; do text="${text}out $path$line"; done
    if printf '%send\n' "$text" 2>/dev/null >"$queue/tmp/$id" && mv -f "$queue/tmp/$id" "$queue/new/$id" 2>/dev/null; then
        return
    fi
    if [ $rooted = yes ]; then
        warn "$queue/new/$id can't be written; its root is there, by which the uploader finds it later"
    else
        warn "neither $queue nor $roots can be written; queue the build later: cachectl reconcile"
    fi
}

main() {
    for path in ${OUT_PATHS-}; do
        if is_store_path "$path"; then
            set -- "$@" "$path"
        else
            warn "not queued, since it is no store path: $path"
        fi
    done
    if [ $# -gt 0 ]; then
        enqueue "$@"
    else
        # Nix 2.8.0 names no outputs at all.
        warn "no output was named, so nothing is queued; queue the build later: cachectl reconcile"
    fi
}

call_next_hook() {
    [ -n "$next_hook" ] && [ -f "$next_hook" ] && [ -x "$next_hook" ] && [ -z "${NIX_BINARY_CACHE_HOOK-}" ] || return
    trap - PIPE
    if [ -n "$outer_path" ]; then PATH=$outer_path; fi
    # Set, so that a next hook that leads back here ends here.
    NIX_BINARY_CACHE_HOOK=running "$next_hook" || warn "$next_hook failed; the build goes on"
}

main
call_next_hook
exit 0
