#!/bin/sh
# What a machine's first process does inside its own root: lets go of the host's, and becomes tini with the supervisor.
# usage: first.sh systemd|launchd
set -eu
umount -l /.host
rmdir /.host
exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root \
    /usr/bin/tini -- /usr/local/bin/node --disable-warning=ExperimentalWarning /usr/local/lib/lab/supervisor/main.ts "$1"
