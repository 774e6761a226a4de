#!/bin/sh
# A double of launchctl for modules-package.test.ts: remembers how it was called, and succeeds.
printf '%s\n' "$*" >>"$LAUNCHCTL_LOG"
