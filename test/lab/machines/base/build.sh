#!/bin/sh
# Makes the root that all machines stand on: Debian trixie with what the lab's machines run, and nothing started.
# Runs in a mount and pid namespace of its own, so that whatever it mounts or starts ends with it.
# usage: build.sh TARGET MIRROR NODE PACKAGE...    MIRROR may be empty: debootstrap's own default.
set -eu
target=$1 mirror=$2 node=$3
shift 3

# The machines are thrown away: nothing in them has to survive a power cut.
export DPKG_FORCE=unsafe-io DEBIAN_FRONTEND=noninteractive LC_ALL=C

main() {
    echo "step: downloading and unpacking Debian"
    # Exactly the packages that apt needs here; debootstrap itself cannot order packages that stand on virtual ones.
    debootstrap --variant=minbase --include=ca-certificates trixie "$target" ${mirror:+"$mirror"}
    keep_services_down
    cp -L /etc/resolv.conf "$target/etc/resolv.conf"
    mount -t proc proc "$target/proc"
    echo "step: installing $*"
    chroot "$target" apt-get -qq update
    chroot "$target" apt-get -qq -y --no-install-recommends install "$@"
    chroot "$target" apt-get clean
    rm -rf "$target"/var/lib/apt/lists/* "$target/usr/sbin/policy-rc.d" "$target/etc/resolv.conf"
    umount "$target/proc"
    echo "step: preparing Nix and sshd"
    install -m 755 "$node" "$target/usr/local/bin/node"
    prepare_nix
    prepare_sshd
    prepare_users
}

keep_services_down() {
    printf '#!/bin/sh\nexit 101\n' >"$target/usr/sbin/policy-rc.d"
    chmod 755 "$target/usr/sbin/policy-rc.d"
}

# The multi-user store as Nix's installer makes it: builds run as nixbldN, everybody else asks the daemon.
prepare_nix() {
    chroot "$target" groupadd --system --force nixbld
    for number in 1 2 3 4; do
        chroot "$target" useradd --system --no-create-home --home-dir /var/empty --shell /usr/sbin/nologin \
            --gid nixbld --groups nixbld "nixbld$number"
    done
    state=$target/nix/var/nix
    mkdir -p "$target/nix/store" "$state/daemon-socket" "$state/profiles/per-user" "$state/gcroots/per-user" "$target/etc/nix"
    chroot "$target" chown root:nixbld /nix/store
    chmod 1775 "$target/nix/store"
}

# Host keys are each machine's own. pam_loginuid fails where a machine's root has not all of the host's rights.
prepare_sshd() {
    rm -f "$target"/etc/ssh/ssh_host_*
    sed -i '/pam_loginuid/d' "$target/etc/pam.d/sshd"
    mkdir -p "$target/root/.ssh"
    chmod 700 "$target/root/.ssh"
}

prepare_users() {
    chroot "$target" useradd --create-home --shell /bin/bash alice
}

main "$@"
