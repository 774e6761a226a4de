#!/bin/sh
# The first process of a machine: mounts its root, then becomes its PID 1. Starts in new mount, pid, uts and ipc
# namespaces and the machine's network namespace, so everything it mounts or starts ends with it.
# usage: boot.sh FOLDER NAME FLAVOUR    FOLDER holds base (link to the read-only root), upper, work, root, hosts; its
# pid file gets the process id that the host knows this process by. FLAVOUR: systemd or launchd.
set -eu
folder=$1 name=$2 flavour=$3
here=$(cd "$(dirname "$0")" && pwd)

main() {
    cd "$folder"
    # /proc is still the host's, so this is the id there.
    read -r pid _ </proc/self/stat
    hostname "$name"
    # Relative paths: a comma or a colon in the project's path would end an option.
    mount -t overlay overlay -o lowerdir=base,upperdir=upper,workdir=work root
    furnish
    mount_kernel_file_systems
    printf '%s' "$pid" >pid.new
    mv pid.new pid
    cd root
    mkdir -p .host
    pivot_root . .host
    exec chroot . /bin/sh /usr/local/lib/lab/supervisor/first.sh "$flavour" </dev/null
}

# The doubles are put in anew at each boot, so that a changed double needs no new machine.
furnish() {
    rm -rf root/usr/local/lib/lab
    mkdir -p root/usr/local/lib/lab root/usr/local/bin
    cp -R "$here/supervisor" "$here/doubles" root/usr/local/lib/lab/
    for double in tailscale $(cat "$here/doubles/$flavour.list"); do
        ln -sfn /usr/local/lib/lab/doubles/run.sh "root/usr/local/bin/$double"
    done
    # What the machine's owner may change since is put in once.
    [ -e furnished ] || cp -R "$here/files/common/." "$here/files/$flavour/." root/
    : >furnished
    printf '%s\n' "$name" >root/etc/hostname
    cp hosts root/etc/hosts
}

mount_kernel_file_systems() {
    mount -t proc proc root/proc
    mount -t tmpfs -o mode=755,nosuid tmpfs root/run
    mkdir -p root/run/lock root/run/lab
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs root/tmp
    mount -t tmpfs -o mode=755,nosuid tmpfs root/dev
    for device in null zero full random urandom tty; do
        touch "root/dev/$device"
        mount --bind "/dev/$device" "root/dev/$device"
    done
    mkdir root/dev/pts root/dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts root/dev/pts
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs root/dev/shm
    ln -s pts/ptmx root/dev/ptmx
    ln -s /proc/self/fd root/dev/fd
    for stream in 0:stdin 1:stdout 2:stderr; do
        ln -s "/proc/self/fd/${stream%%:*}" "root/dev/${stream#*:}"
    done
}

main
