#!/bin/sh
# Keeps nginx from serving, after a power cut, copies of NARs that never reached the disk whole: nginx does not wait for
# the disk, and after the next boot takes a file for whole that is empty or short. A copy costs one fetch, so all go.
# usage: nginx-cache.sh open|close CACHE    before nginx is started for the first time, and after it was stopped for good
# STATE_DIRECTORY holds the mark of an orderly end.
set -eu

main() {
    cache=$2
    mark=${STATE_DIRECTORY:?}/nginx-cache-is-whole
    case $1 in
    open)
        [ -e "$mark" ] || forget_copies
        rm -f "$mark"
        ;;
    close)
        [ ! -d "$cache" ] || sync -f "$cache"
        : >"$mark"
        sync "$mark" "$STATE_DIRECTORY"
        ;;
    esac
}

forget_copies() {
    [ -d "$cache" ] || return 0
    echo "no orderly end before this boot: the copies of NARs in $cache are fetched anew"
    find "$cache" -mindepth 1 -delete
}

main "$@"
