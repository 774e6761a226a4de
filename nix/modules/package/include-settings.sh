#!/bin/sh
# Has Determinate Nix read /etc/nix/nix-binary-cache.conf: one line in nix.custom.conf, which is the user's. Called by
# nix-darwin's activation as root, each time; a failure is said and does not stop the activation. The daemon reads its
# settings when it starts, so it is started anew when they are not those that it was last started for. POSIX sh.
# usage: include-settings.sh [generated]
#   generated: Determinate's nix-darwin module writes nix.custom.conf, our settings among it; only the daemon needs to know
folder=${NIX_CONF_DIR:-/etc/nix}
state=${NIX_BINARY_CACHE_STATE:-/var/lib/nix-binary-cache}
settings=$folder/nix-binary-cache.conf
custom=$folder/nix.custom.conf
line='!include nix-binary-cache.conf'

include() {
    grep -qsxF "$line" "$custom" && return
    # A link leads to what another program generates; what is put in its place would be lost or in its way.
    [ ! -L "$custom" ] || return 1
    { with_line_ends && printf '%s\n' "$line"; } >"$custom.new" && chmod 644 "$custom.new" && mv -f "$custom.new" "$custom"
}

with_line_ends() {
    [ -s "$custom" ] || return 0
    cat "$custom" || return 1
    [ -z "$(tail -c 1 "$custom")" ] || echo
}

# Builds that run go on: each has a process of its own.
restart_when_changed() {
    cmp -s "$settings" "$state/settings-in-use.conf" && return
    launchctl kickstart -k system/systems.determinate.nix-daemon 2>/dev/null ||
        launchctl kickstart -k system/org.nixos.nix-daemon 2>/dev/null ||
        echo "nix-binary-cache: no Nix daemon was restarted; new settings count after its next start" >&2
    { mkdir -p "$state" && cp "$settings" "$state/settings-in-use.conf"; } ||
        echo "nix-binary-cache: see above; so the Nix daemon is started anew at the next activation, too" >&2
}

if [ "${1-}" = generated ]; then
    settings=$custom
    restart_when_changed
elif include; then
    restart_when_changed
else
    echo "nix-binary-cache: $custom can't be written; put this line into it: $line" >&2
fi
