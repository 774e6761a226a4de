#!/bin/sh
# A double of Nix 2.18 before the real one: it knows neither `config show` nor `flake update --flake`, but what came before.
shift 2
case $* in
"config "*) echo "error: 'config' is not a recognised command" >&2 && exit 1 ;;
"flake update --flake "*) echo "error: unrecognised flag '--flake'" >&2 && exit 1 ;;
"show-config "*) shift && set -- config show "$@" ;;
"flake update "*) shift 2 && set -- flake update --flake "$@" ;;
esac
exec "$REAL_NIX" --extra-experimental-features 'nix-command flakes' "$@"
