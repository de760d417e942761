#!/bin/bash
# sign_dam.sh DOMAIN FILE: have the domain's root key sign an edited DAM, and bring it into force.
#
# Everything is done by `asl-auth-host dam rotate`: it shows the difference to the DAM in force and asks for two
# words of its digest, checks every rule with a throw-away key first, and leaves a receipt.
set -eu

if [ "$#" -lt 2 ] || [ "${1#-}" != "$1" ]; then
    echo "usage: sign_dam.sh DOMAIN FILE [options of asl-auth-host dam rotate]" >&2
    exit 2
fi
exec asl-auth-host dam rotate "$@"
