#!/bin/sh
# Installs (or removes) the post-build hook and its uploader on a builder that Pulumi reaches. Runs where Pulumi runs.
# Prints the builder's public halves as JSON, or {"pending": REASON} when the machine is asleep: that is no failure.
# usage: install-over-ssh.sh install|remove
# environment: TARGET_NAME TARGET_ADDRESS TARGET_PORT TARGET_USER TARGET_HOST_KEY TARGET_SYSTEM NIX_INSTALLER
#              NIX_CONF BUILDER_CONFIG (texts of files), DEPLOY_KEY (private key; empty: the ssh agent's)
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
nix_folder=$(cd "$here/../../nix" && pwd)

main() {
    action=$1
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 143' INT TERM
    printf 'target %s\n' "$TARGET_HOST_KEY" >"$scratch/known_hosts"
    [ -z "${DEPLOY_KEY:-}" ] || printf '%s\n' "$DEPLOY_KEY" >"$scratch/identity"
    status=0
    unset DEPLOY_KEY
    awake || return 0
    collect_payload
    tar -C "$scratch/payload" -czf "$scratch/payload.tar.gz" .
    # shellcheck disable=SC2016  # expanded on the builder, not here
    remote 'umask 077; d=$(mktemp -d) && trap "rm -rf \"$d\"" EXIT && tar -C "$d" -xzf - && sh "$d/install.sh" '"$action" \
        <"$scratch/payload.tar.gz" >"$scratch/answer" || status=$?
    if [ "$status" -eq 255 ]; then
        # ssh's own status: the connection is gone. If the machine is too, it fell asleep; what it has is whole.
        awake || return 0
    fi
    cat "$scratch/answer"
    exit "$status"
}

# Only a machine that does not answer is pending. One that answers with a wrong key or refuses us is a failure.
awake() {
    code=0
    remote true </dev/null 2>"$scratch/err" || code=$?
    [ "$code" -eq 0 ] && return
    if grep -Eq 'timed out|No route to host|Connection refused|Network is unreachable|Host is down' "$scratch/err"; then
        echo "upload-hook: $TARGET_NAME ($TARGET_ADDRESS) does not answer; $(when_asleep)" >&2
        printf '{"pending":"unreachable"}\n'
        return 1
    fi
    echo "upload-hook: $TARGET_NAME ($TARGET_USER@$TARGET_ADDRESS, port $TARGET_PORT): $(tail -n 3 "$scratch/err")" >&2
    exit 1
}

when_asleep() {
    case $action in
    remove) echo "the hook stays there until cachectl's files are removed by hand: see README.md." ;;
    *) echo "the next pulumi up installs the hook there." ;;
    esac
}

remote() {
    set -- -F none -T -p "$TARGET_PORT" -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=10 \
        -o StrictHostKeyChecking=yes -o HostKeyAlias=target -o HostKeyAlgorithms=ssh-ed25519 \
        -o "UserKnownHostsFile=$scratch/known_hosts" -o GlobalKnownHostsFile=/dev/null "$TARGET_USER@$TARGET_ADDRESS" "$@"
    [ ! -f "$scratch/identity" ] || set -- -i "$scratch/identity" -o IdentitiesOnly=yes -o IdentityAgent=none "$@"
    ssh "$@"
}

collect_payload() {
    mkdir -p "$scratch/payload"
    cp -R "$nix_folder/cachectl" "$nix_folder/hook" "$nix_folder/services" "$here/install.sh" "$scratch/payload/"
    printf '%s' "${NIX_CONF:-}" >"$scratch/payload/nix-binary-cache.conf"
    printf '%s' "${BUILDER_CONFIG:-}" >"$scratch/payload/config.json"
    {
        printf 'system=%s\n' "$TARGET_SYSTEM"
        printf 'nix_installer=%s\n' "$NIX_INSTALLER"
    } >"$scratch/payload/target.conf"
}

main "$@"
