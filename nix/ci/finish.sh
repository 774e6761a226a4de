#!/bin/sh
# Says what happened, on the run's page, and removes what the job put on the runner. Runs after a failure too.
set -eu
work=${RUNNER_TEMP:?}/nix-cache
trap 'rm -rf "$work"' EXIT

count() {
    if [ -e "$work/$1" ]; then wc -l <"$work/$1" | tr -d ' '; else echo 0; fi
}
seconds() {
    if [ -e "$work/$1" ] && [ -e "$work/$2" ]; then
        echo "$(($(cat "$work/$2") - $(cat "$work/$1"))) s"
    else
        echo 'not reached'
    fi
}
bytes() {
    if [ -s "$work/built" ]; then
        xargs nix path-info --size <"$work/built" |
            awk '{ sum += $2 } END { printf "%.1f MiB", sum / 1048576 }'
    else
        echo '0 MiB'
    fi
}

if [ -e "$work/committed.json" ]; then verdict='published'; else verdict='**not published**'; fi
{
    echo "### \`${NIX_CACHE_OUTPUT:?}\`: $verdict"
    echo
    echo '| | paths | |'
    echo '|---|---|---|'
    echo "| built here | $(count built) | $(bytes), in $(seconds began built-at) |"
    echo "| fetched | $(count fetched) | from caches |"
    echo "| announced to the server | $(count publish) | sent in $(seconds built-at copied-at) |"
} >>"${GITHUB_STEP_SUMMARY:?}"
