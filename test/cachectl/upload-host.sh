#!/bin/sh
# One machine of a pair, for tests of the uploader: this machine's programs, with an /etc, a /nix, a /var and a /run of
# its own. Runs in mount and process namespaces of its own, as process 1, until it is killed: everything on it goes then,
# and its disk stays.
# usage: upload-host.sh ROOT LIBRARY NODE
#   LIBRARY  the folder that holds cachectl, hook and services
set -eu
root=$1 library=$2 node=$3

main() {
    mkdir -p "$root"
    mount --bind "$root" "$root"
    for place in /bin /sbin /lib /lib32 /lib64 /usr /dev; do bind_place "$place"; done
    mkdir -p "$root/proc" "$root/run/sshd" "$root/tmp" "$root/nix/store" "$root/var/lib" "$root/root"
    chmod 1777 "$root/tmp"
    mount -t proc proc "$root/proc"
    install_library
    [ -d "$root/etc" ] || make_etc
    # Ends when standard input does: with whoever started it. Not chroot: Nix starts ssh in the mount namespace as it was, whose root would be the outer one.
    mkdir -p "$root/outer"
    cd "$root"
    pivot_root . outer
    exec chroot . /bin/sh -c 'umount -l /outer && echo ready && exec cat'
}

bind_place() {
    if [ -L "$1" ]; then
        [ -L "$root$1" ] || cp -P "$1" "$root$1"
    elif [ -d "$1" ]; then
        mkdir -p "$root$1"
        mount --rbind "$1" "$root$1"
    fi
}

# As components/upload-hook/install.sh lays it out.
install_library() {
    mount -t tmpfs -o mode=755 local "$root/usr/local"
    mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/nix-binary-cache"
    for part in cachectl hook services; do cp -R "$library/$part" "$root/usr/local/lib/nix-binary-cache/"; done
    chmod -R u=rwX,go=rX "$root/usr/local/lib"
    chmod 755 "$root/usr/local/lib/nix-binary-cache/cachectl/cachectl"
    : >"$root/usr/local/bin/node"
    mount --bind "$node" "$root/usr/local/bin/node"
    ln -s /usr/local/lib/nix-binary-cache/cachectl/cachectl "$root/usr/local/bin/cachectl"
    cp "$(dirname "$0")/upload-systemctl-double.sh" "$root/usr/local/bin/systemctl"
    printf '#!/bin/sh\nexec /usr/local/bin/cachectl receive "$@"\n' >"$root/usr/local/bin/nix-push-shell"
    chmod 755 "$root/usr/local/bin/systemctl" "$root/usr/local/bin/nix-push-shell"
}

make_etc() {
    mkdir -p "$root/etc/nix" "$root/etc/ssh" "$root/var/empty"
    for file in ld.so.cache ld.so.conf nsswitch.conf hosts ssl alternatives; do
        [ ! -e "/etc/$file" ] || cp -RL "/etc/$file" "$root/etc/$file" 2>/dev/null || true
    done
    printf '%s\n' root:x:0:0::/root:/bin/sh nix-push:x:900:900::/var/empty:/usr/local/bin/nix-push-shell \
        sshd:x:901:65534::/run/sshd:/usr/sbin/nologin nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin >"$root/etc/passwd"
    printf '%s\n' root:x:0: nix-push:x:900: nogroup:x:65534: >"$root/etc/group"
    # No password, and not locked: sshd turns a locked account away.
    printf '%s\n' 'root:*:19000::::::' 'nix-push:*:19000::::::' >"$root/etc/shadow"
    chmod 600 "$root/etc/shadow"
    # Builds as root and without a sandbox: this machine may itself be a container.
    printf '%s\n' 'build-users-group =' 'sandbox = false' 'substituters =' 'trusted-users = root' \
        'experimental-features = nix-command' '!include /var/lib/nix-binary-cache/trusted-keys.conf' >"$root/etc/nix/nix.conf"
}

main
