#!/bin/bash
# add_artifact.sh DOMAIN FILE...: bring files into a domain's store, with a record and a receipt.
#
# Everything is done by `asl-auth-host store put`.
set -eu

if [ "$#" -lt 2 ] || [ "${1#-}" != "$1" ]; then
    echo "usage: add_artifact.sh DOMAIN FILE... [options of asl-auth-host store put]" >&2
    exit 2
fi
domain=$1
shift
exec asl-auth-host store put --domain "$domain" "$@"
