#!/bin/sh
# Puts the hook, the uploader and their settings in place on this builder, or takes them away. Runs on the builder as
# root, from the folder that install-over-ssh.sh sent. POSIX sh, as macOS and Debian have it.
# Prints the builder's public halves as one line of JSON; everything else goes to standard error.
# usage: install.sh install|remove
set -eu
PATH=/nix/var/nix/profiles/default/bin:/run/current-system/sw/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
export PATH

payload=$(cd "$(dirname "$0")" && pwd)
library=/usr/local/lib/nix-binary-cache
state=/var/lib/nix-binary-cache
label=org.nix-binary-cache.upload
system="" nix_installer=""
# shellcheck source=/dev/null
. "$payload/target.conf"

main() {
    [ "$(id -u)" -eq 0 ] || fail "found user $(id -un); must be root. Set builders[].user to root."
    case $1 in
    install)
        settings_can_be_ours
        put_files
        make_queue
        include_settings
        "$library/cachectl/cachectl" keys init >"$payload/keys.json"
        start_service
        restart_daemon
        # Tells the server which keys this machine trusts from now on; one that is away hears it another time.
        "$library/cachectl/cachectl" doctor cache-info >/dev/null 2>&1 || true
        tr -d '\n' <"$payload/keys.json"
        echo
        ;;
    remove) remove_all >&2 ;;
    *) fail "unknown action '$1'" ;;
    esac
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# The library is swapped in as a whole; the two files outside it by rename.
put_files() {
    umask 022
    mkdir -p "$(dirname "$library")" /usr/local/bin /etc/nix "$state"
    rm -rf "$library.new" "$library.old"
    mkdir "$library.new"
    cp -R "$payload/cachectl" "$payload/hook" "$payload/services" "$library.new/"
    chmod -R u=rwX,go=rX "$library.new"
    chmod 755 "$library.new"
    [ ! -d "$library" ] || mv "$library" "$library.old"
    mv "$library.new" "$library"
    rm -rf "$library.old"
    ln -sfn "$library/cachectl/cachectl" /usr/local/bin/cachectl
    place "$payload/hook/upload-hook.sh" /etc/nix/upload-to-cache.sh 755
    place "$payload/nix-binary-cache.conf" /etc/nix/nix-binary-cache.conf 644
    place "$payload/config.json" "$state/config.json" 644
}

# The hook makes these too; they are made here so that launchd and systemd have something to watch.
make_queue() {
    mkdir -p "$state/queue/tmp" "$state/queue/new" "$state/queue/waiting" "$state/queue/rejected" \
        /nix/var/nix/gcroots/nix-binary-cache/queue
}

place() {
    cp "$1" "$2.new"
    chmod "$3" "$2.new"
    mv -f "$2.new" "$2"
}

# Determinate Nix writes nix.conf anew and reads nix.custom.conf; every other Nix leaves nix.conf to its owner.
settings_file() {
    case $nix_installer in
    determinate) echo /etc/nix/nix.custom.conf ;;
    *) echo /etc/nix/nix.conf ;;
    esac
}

is_included() {
    grep -qs '^!include nix-binary-cache.conf$' "$1"
}

# A link is somebody else's to write: nix-darwin's, NixOS's, a folder of dotfiles. Replaced, it would be a file that
# nix-darwin then refuses to activate over. Where the line stands in it already, there is nothing to write.
settings_can_be_ours() {
    file=$(settings_file)
    [ ! -L "$file" ] || is_included "$file" ||
        fail "$file is a link to $(readlink "$file"), so it is not written here. Where nix-darwin or NixOS makes it, set" \
            "builders[].install to module and import the module; else put the line '!include nix-binary-cache.conf' in it."
}

include_settings() {
    file=$(settings_file)
    is_included "$file" && return
    {
        cat "$file" 2>/dev/null || true
        # A last line without an end would take ours into it.
        [ -z "$(tail -c 1 "$file" 2>/dev/null)" ] || echo
        printf '!include nix-binary-cache.conf\n'
    } >"$file.new"
    chmod 644 "$file.new"
    mv -f "$file.new" "$file"
}

start_service() {
    case $system in
    *-darwin)
        plist=/Library/LaunchDaemons/$label.plist
        place "$library/services/$label.plist" "$plist" 644
        launchctl bootout "system/$label" 2>/dev/null || true
        launchctl bootstrap system "$plist" >&2
        ;;
    *)
        for unit in "$library"/services/nix-binary-cache-upload.*; do
            place "$unit" "/etc/systemd/system/$(basename "$unit")" 644
        done
        systemctl daemon-reload >&2
        systemctl enable --now nix-binary-cache-upload.path nix-binary-cache-upload.timer >&2
        ;;
    esac
}

# nix.conf is read when the daemon starts. Builds that run go on: each has a process of its own.
restart_daemon() {
    case $system in
    *-darwin)
        for daemon in org.nixos.nix-daemon systems.determinate.nix-daemon; do
            launchctl kickstart -k "system/$daemon" 2>/dev/null && return
        done
        echo "install.sh: no Nix daemon was restarted; new settings count after the next start" >&2
        ;;
    *) systemctl restart nix-daemon >&2 ;;
    esac
}

# What waits in the queue and the keys stay: they are the builder's own.
remove_all() {
    file=$(settings_file)
    if [ -L "$file" ] && is_included "$file"; then
        echo "install.sh: take the line '!include nix-binary-cache.conf' out of $file yourself: it is a link" >&2
    elif is_included "$file"; then
        grep -v '^!include nix-binary-cache.conf$' "$file" >"$file.new" || true
        chmod 644 "$file.new"
        mv -f "$file.new" "$file"
    fi
    case $system in
    *-darwin)
        launchctl bootout "system/$label" 2>/dev/null || true
        rm -f "/Library/LaunchDaemons/$label.plist"
        ;;
    *)
        systemctl disable --now nix-binary-cache-upload.path nix-binary-cache-upload.timer || true
        rm -f /etc/systemd/system/nix-binary-cache-upload.*
        systemctl daemon-reload
        ;;
    esac
    restart_daemon
    rm -rf "$library" /usr/local/bin/cachectl /etc/nix/upload-to-cache.sh /etc/nix/nix-binary-cache.conf
}

main "$@"
