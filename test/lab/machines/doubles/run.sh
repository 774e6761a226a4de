#!/bin/sh
# Runs the double of the program that it was called as.
name=$(basename "$0")
exec /usr/local/bin/node --disable-warning=ExperimentalWarning "/usr/local/lib/lab/doubles/$name.ts" "$@"
