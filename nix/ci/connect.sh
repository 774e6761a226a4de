#!/bin/sh
# Pins the server's host key, puts the ssh key in place, and finds out before anything is built whether the cache
# takes uploads from this runner.
set -eu
umask 077
: "${NIX_CACHE_SERVER:?}" "${NIX_CACHE_SSH_PORT:?}" "${NIX_CACHE_HOST_KEY:?}"
work=${RUNNER_TEMP:?}/nix-cache
rm -rf "$work"
mkdir -p "$work"

printf 'nix-cache %s\n' "$NIX_CACHE_HOST_KEY" >"$work/known_hosts"
{
    echo 'Host nix-cache'
    echo "  HostName $NIX_CACHE_SERVER"
    echo "  Port $NIX_CACHE_SSH_PORT"
    echo '  User nix-push'
    echo '  HostKeyAlias nix-cache'
    echo "  UserKnownHostsFile $work/known_hosts"
    echo '  GlobalKnownHostsFile /dev/null'
    echo '  StrictHostKeyChecking yes'
    echo '  BatchMode yes'
    echo '  ConnectTimeout 10'
    echo '  ServerAliveInterval 15'
    echo '  ServerAliveCountMax 4'
    echo '  IdentitiesOnly yes'
    echo '  IdentityAgent none'
    # From a runner to a server at home the line is slower than the compression.
    echo '  Compression yes'
} >"$work/ssh_config"

# Empty with Tailscale SSH, where the node's tag is the identity.
if [ -n "${NIX_CACHE_SSH_KEY:-}" ]; then
    printf '%s\n' "$NIX_CACHE_SSH_KEY" >"$work/identity"
    chmod 0400 "$work/identity"
    echo "  IdentityFile $work/identity" >>"$work/ssh_config"
fi
unset NIX_CACHE_SSH_KEY
echo "NIX_SSHOPTS=-F $work/ssh_config" >>"${GITHUB_ENV:?}"

# Of Tailscale SSH's rules one may wait for a person, for as long as half an hour. macOS has no timeout(1).
limited() {
    "$@" &
    call=$!
    (
        /bin/sleep 30
        kill "$call"
    ) 2>/dev/null &
    guard=$!
    wait "$call" && code=0 || code=$?
    kill "$guard" 2>/dev/null || :
    return "$code"
}

# Ends the step with a title and what to do, after what ssh said itself.
with_words() {
    cat "$work/status.err" >&2
    echo "::error title=$1::$2"
    exit 1
}

attempt=1
until limited ssh -F "$work/ssh_config" nix-cache status </dev/null >"$work/status.json" 2>"$work/status.err"; do
    case $(cat "$work/status.err") in
    *'Host key verification failed'* | *'HOST IDENTIFICATION HAS CHANGED'*)
        echo "::error title=Wrong host key::$NIX_CACHE_SERVER does not have the host key in NIX_CACHE_HOST_KEY. Check server.hostKey, then run pulumi up."
        exit 1
        ;;
    *'failed to look up local user'*)
        with_words "No such account" "$NIX_CACHE_SERVER has no account nix-push. Run pulumi up, which deploys the server's module."
        ;;
    # Tailscale SSH's own words, before it closes the connection.
    *'tailscale: '*)
        with_words "Refused by the tailnet" "Tailscale SSH on $NIX_CACHE_SERVER does not let this runner in. Run pulumi up, which adds CI's ssh rule; npm run doctor shows what the policy lacks."
        ;;
    *'requires an additional check'*)
        with_words "A person is asked for" "A rule with action check in the tailnet's policy comes before CI's on $NIX_CACHE_SERVER. Put it after, or take nix-push out of it."
        ;;
    *'Permission denied'*)
        echo "::error title=Refused::$NIX_CACHE_SERVER does not know this runner. Run pulumi up, which registers the CI builder's keys."
        exit 1
        ;;
    esac
    if [ "$attempt" -ge 8 ]; then
        with_words "No connection" "$NIX_CACHE_SERVER port $NIX_CACHE_SSH_PORT was not reached in $attempt attempts. Is the server up, and does the tailnet policy let CI's tag reach it?"
    fi
    attempt=$((attempt + 1))
    sleep 5
done
echo "connected to $NIX_CACHE_SERVER"
