#!/bin/sh
# Everything that can be known without running the program: types, lint, layout, shell and Nix. CI runs it first.
set -eu
cd "$(dirname "$0")/.."

failed=""

step() {
    name=$1
    shift
    begun=$(date +%s)
    if "$@"; then
        printf 'ok      %-12s %3d s\n' "$name" $(($(date +%s) - begun))
    else
        printf 'FAILED  %-12s run again alone: %s\n' "$name" "$*"
        failed="$failed $name"
    fi
}

# The shell checker is one program in every distribution; root installs it, anybody else is told.
have_shellcheck() {
    command -v shellcheck >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && {
        { apt-get install -qq -y shellcheck || { apt-get update -qq && apt-get install -qq -y shellcheck; }; } >/dev/null 2>&1 && return
    }
    echo "shellcheck: not found. Install it with your package manager, then run this again." >&2
    return 1
}

shell_programs() {
    git ls-files --cached --others --exclude-standard | while IFS= read -r file; do
        [ -f "$file" ] || continue
        case $file in
        *.sh | .ci/run) printf '%s\n' "$file" ;;
        *.*) ;;
        *) ! head -c 32 "$file" | grep -Eq '^#!.*sh$' || printf '%s\n' "$file" ;;
        esac
    done
}

check_shell() {
    have_shellcheck && shell_programs | xargs shellcheck
}

step types node node_modules/typescript/bin/tsc --noEmit -p .
step lint node node_modules/eslint/bin/eslint.js --max-warnings 0 .
step layout node node_modules/prettier/bin/prettier.cjs --check --log-level warn .
step schema node scripts/config-schema.ts --check
step shell check_shell
step nix sh scripts/check-nix.sh
[ -z "$failed" ] || {
    echo "check: failed:$failed"
    exit 1
}
