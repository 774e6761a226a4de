#!/bin/sh
# A double of nix-eval-jobs: the same arguments, the same lines, by one evaluation an output with the real Nix. It knows
# no lock but the flake's own. BROKEN_AFTER=N: it dies after N lines.
printf 'nix-eval-jobs %s\n' "$(printf '%s' "$*" | tr '\n' ' ')" >>"$COUNTED_CALLS"
while [ $# -gt 1 ]; do
    case $1 in
    --select) select=$2 && shift 2 ;;
    --apply) apply=$2 && shift 2 ;;
    --gc-roots-dir) roots=$2 && shift 2 ;;
    --workers | --max-memory-size) shift 2 ;;
    --flake) shift ;;
    *) echo "error: unrecognised flag '$1'" >&2 && exit 1 ;;
    esac
done
[ -d "$roots" ] || exit 1
evaluate() {
    "$COUNTED_NIX" --extra-experimental-features 'nix-command flakes' eval --json --expr "$1" 2>/dev/null
}
root="(($select) (builtins.getFlake \"$1\"))"
lines=0
for key in $(evaluate "builtins.attrNames $root" | tr -d '[]"' | tr ',' ' '); do
    [ "$lines" != "${BROKEN_AFTER:-}" ] || exit 1
    if value=$(evaluate "($apply) $root.\"$key\""); then
        printf '{"attr":"%s","attrPath":["%s"],"extraValue":%s}\n' "$key" "$key" "$value"
    else
        printf '{"attr":"%s","attrPath":["%s"],"error":"error: not today"}\n' "$key" "$key"
    fi
    lines=$((lines + 1))
done
