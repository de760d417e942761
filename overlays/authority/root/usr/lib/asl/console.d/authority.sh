# shellcheck shell=bash
# The authority's tools are on the operator's path.
PATH=$PATH:/asl-auth-host/tools
# There is no network to ask for a newer version.
SOPS_DISABLE_VERSION_CHECK=1
# Where the authority reads what the operator hands in, and puts what it makes.
HOME=/run/asl/desk
export PATH SOPS_DISABLE_VERSION_CHECK HOME
