#!/bin/sh
# Builds one output of the flake and notes what was built here, what was fetched, and what is to be published:
# the outputs, and every path that this job built on the way to them.
set -eu
export LC_ALL=C
output=${NIX_CACHE_OUTPUT:?}
work=${RUNNER_TEMP:?}/nix-cache

date +%s >"$work/began"
nix path-info --all >"$work/before"
nix build --print-build-logs --print-out-paths --out-link "$work/result" ".#$output" >"$work/outputs"
date +%s >"$work/built-at"

# Nix marks as "ultimate" what it built itself. What came from a cache has a signature; a source added here has neither.
nix path-info --all --sigs >"$work/after"
xargs nix path-info --recursive <"$work/outputs" >"$work/closure"
awk -v built="$work/built" -v fetched="$work/fetched" '
    FILENAME == ARGV[1] { old[$1] = 1; next }
    FILENAME == ARGV[2] { wanted[$1] = 1; next }
    $1 ~ /\.drv$/ { next }
    $2 == "ultimate" { if (!($1 in old) || $1 in wanted) print $1 >built; next }
    !($1 in old) && $1 in wanted && NF > 1 && $NF !~ /^ca:/ { print $1 >fetched }
' "$work/before" "$work/closure" "$work/after"
touch "$work/built" "$work/fetched"
sort -u "$work/outputs" "$work/built" >"$work/publish"
echo "built $(wc -l <"$work/built" | tr -d ' ') paths, fetched $(wc -l <"$work/fetched" | tr -d ' ')"
