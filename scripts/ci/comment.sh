#!/bin/sh
# Puts a page on a pull request as this workflow's one comment: the next run changes it instead of adding another.
# usage: comment.sh NUMBER FILE     (GH_TOKEN and GH_REPO in the environment)
set -eu

number=${1:?"usage: comment.sh NUMBER FILE"}
file=${2:?"usage: comment.sh NUMBER FILE"}
timeout 60 gh pr comment "$number" --edit-last --create-if-none --body-file "$file"
