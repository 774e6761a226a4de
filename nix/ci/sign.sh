#!/bin/sh
# Signs what this job built. The key exists as a file for this step only, after every build is over.
set -eu
umask 077
: "${NIX_CACHE_SIGNING_KEY:?the repository has no secret of this name; run pulumi up}"
work=${RUNNER_TEMP:?}/nix-cache

key=$(mktemp "$work/signing-key.XXXXXX")
trap 'rm -f "$key"' EXIT
trap 'exit 1' HUP INT TERM
printf '%s' "$NIX_CACHE_SIGNING_KEY" >"$key"
unset NIX_CACHE_SIGNING_KEY

if [ -s "$work/built" ]; then
    xargs -n 200 nix store sign --key-file "$key" <"$work/built"
fi
echo "signed $(wc -l <"$work/built" | tr -d ' ') paths"
