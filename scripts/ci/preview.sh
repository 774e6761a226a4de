#!/bin/sh
# Runs `pulumi preview` for a workflow, and writes what it said as Markdown. Ends as the preview ended.
# usage: preview.sh STACK FILE [ARGUMENT...]     (arguments are the preview's own, such as --expect-no-changes)
set -eu

main() {
    stack=${1:?"usage: preview.sh STACK FILE [ARGUMENT...]"} file=${2:?"usage: preview.sh STACK FILE [ARGUMENT...]"}
    shift 2
    said=$(mktemp)
    trap 'rm -f "$said"' EXIT
    status=0
    pulumi preview --stack "$stack" --diff --non-interactive --color never "$@" >"$said" 2>&1 || status=$?
    cat "$said"
    page >"$file"
    exit "$status"
}

# GitHub refuses a comment of more than 65,536 characters. The end is what matters: it holds the sum and the errors.
page() {
    case $status in
    0) title="Preview of the stack \`$stack\`" ;;
    *) title="Preview of the stack \`$stack\`: failed, or not as expected (exit status $status)" ;;
    esac
    printf '### %s\n\n' "$title"
    [ "$(wc -c <"$said")" -le 60000 ] || printf 'Only the end is shown; all of it stands in the log of the job.\n\n'
    # A fence of its own length, so that nothing in the text can end it.
    printf '``````text\n'
    tail -c 60000 "$said"
    printf '\n``````\n'
}

main "$@"
