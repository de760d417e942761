#!/bin/bash
# make-dam.sh DOMAIN FILE: write the next DAM of a domain as text, to be edited; sign_dam.sh signs it.
#
# Everything is done by `asl-auth-host dam new`, from the DAM that is in force in the store.
set -eu

if [ "$#" -lt 2 ] || [ "${1#-}" != "$1" ]; then
    echo "usage: make-dam.sh DOMAIN FILE [options of asl-auth-host dam new]" >&2
    exit 2
fi
domain=$1
file=$2
shift 2
exec asl-auth-host dam new --domain "$domain" --output "$file" "$@"
