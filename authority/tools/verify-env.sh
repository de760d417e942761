#!/bin/bash
# verify-env.sh [CLAIM]: make the environment claim of this start, or hold an earlier one against this machine.
#
# Without CLAIM everything is done by `asl-auth-host claim` (its options may follow: --manifest FILE, --nonce N),
# with it by `asl-auth-host verify-env`.
set -eu

case ${1-} in
-h | --help)
    echo "usage: verify-env.sh [options of asl-auth-host claim]" >&2
    echo "       verify-env.sh CLAIM [options of asl-auth-host verify-env]" >&2
    exit 2
    ;;
'' | -*) exec asl-auth-host claim "$@" ;;
*) exec asl-auth-host verify-env "$@" ;;
esac
