#!/bin/sh
# One open issue while the stack differs from the world, none while it does not.
# usage: drift-issue.sh success|failure FILE     (GH_TOKEN and GH_REPO in the environment)
set -eu

title="The cache differs from its stack"

main() {
    outcome=${1:?"usage: drift-issue.sh OUTCOME FILE"} file=${2:?"usage: drift-issue.sh OUTCOME FILE"}
    number=$(timeout 60 gh issue list --state open --search "in:title \"$title\"" --json number --jq '.[0].number // empty')
    case $outcome/$number in
    success/) echo "as the stack says" ;;
    success/*) timeout 60 gh issue close "$number" --comment "All is as the stack says again." ;;
    */) timeout 60 gh issue create --title "$title" --body-file "$file" ;;
    *) timeout 60 gh issue comment "$number" --body-file "$file" ;;
    esac
}

main "$@"
