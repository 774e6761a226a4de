#!/bin/sh
# The login shell of the account that takes uploads: whatever is asked for, the receiver answers it.
# Of the environment only what tells who calls and what is asked for: a policy's `acceptEnv`, or sshd's AcceptEnv, may let
# the caller set the rest, Node's own options and PATH among it.
path=/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/bin:/bin
exec /usr/bin/env -i PATH="$path" \
    ${SSH_CLIENT+"SSH_CLIENT=$SSH_CLIENT"} \
    ${SSH_USER_AUTH+"SSH_USER_AUTH=$SSH_USER_AUTH"} \
    ${SSH_ORIGINAL_COMMAND+"SSH_ORIGINAL_COMMAND=$SSH_ORIGINAL_COMMAND"} \
    "@out@/bin/cachectl" receive "$@"
