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

attempt=1
until ssh -F "$work/ssh_config" nix-cache status </dev/null >"$work/status.json" 2>"$work/status.err"; do
    case $(cat "$work/status.err") in
    *'Host key verification failed'* | *'HOST IDENTIFICATION HAS CHANGED'*)
        echo "::error title=Wrong host key::$NIX_CACHE_SERVER does not have the host key in NIX_CACHE_HOST_KEY. Check server.hostKey, then run pulumi up."
        exit 1
        ;;
    *'Permission denied'*)
        echo "::error title=Refused::$NIX_CACHE_SERVER does not know this runner. Run pulumi up, which registers the CI builder's keys."
        exit 1
        ;;
    esac
    if [ "$attempt" -ge 8 ]; then
        cat "$work/status.err" >&2
        echo "::error title=No connection::$NIX_CACHE_SERVER port $NIX_CACHE_SSH_PORT was not reached in $attempt attempts. Is the server up, and does the tailnet policy let CI's tag reach it?"
        exit 1
    fi
    attempt=$((attempt + 1))
    sleep 5
done
echo "connected to $NIX_CACHE_SERVER"
