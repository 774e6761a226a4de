#!/bin/sh
# Stands before Nix and writes each call's arguments down, a call a line, but for the two that every call begins with.
first=$1 second=$2
shift 2
printf '%s' "$*" | tr '\n' ' ' >>"$COUNTED_CALLS"
echo >>"$COUNTED_CALLS"
exec "$COUNTED_NIX" "$first" "$second" "$@"
