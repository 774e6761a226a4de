#!/bin/sh
# cachectl with the Node that it was packaged with.
exec "@node@" --disable-warning=ExperimentalWarning "@library@/cachectl/main.ts" "$@"
