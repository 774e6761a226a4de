#!/bin/sh
# Stands before Nix: right after each evaluation, when nothing holds yet what it gave, garbage is collected.
"$COUNTED_NIX" "$@" || exit
case " $* " in
*" eval "*drvPath*) nix-store --gc >>"$COUNTED_CALLS" 2>&1 ;;
esac
