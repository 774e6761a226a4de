#!/bin/sh
# The login shell of the account that takes uploads: whatever is asked for, the receiver answers it.
exec "@out@/bin/cachectl" receive "$@"
