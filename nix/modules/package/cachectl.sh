#!/bin/sh
# cachectl with the Node that it was packaged with.
# A small young generation: measured, an upload of 10,000 entries peaks at 112 MiB instead of 159.
exec "@node@" --disable-warning=ExperimentalWarning --max-semi-space-size=4 "@library@/cachectl/main.ts" "$@"
