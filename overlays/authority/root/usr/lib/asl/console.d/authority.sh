# shellcheck shell=bash
# The authority's tools are on the operator's path.
PATH=$PATH:/asl-auth-host/tools
# There is no network to ask for a newer version.
SOPS_DISABLE_VERSION_CHECK=1
# Where the authority reads what the operator hands in, and puts what it makes.
HOME=/run/asl/desk
# What may stand after them is told by the program itself, at the first Tab and not before the prompt.
_asl_completion() {
    local script
    script=$(asl-auth-host --completion bash 2>/dev/null) && [ -n "$script" ] || return 1
    eval "$script"
    return 124 # bash asks once more, and now the program's own answers
}
complete -F _asl_completion asl-auth-host asl-admin
export PATH SOPS_DISABLE_VERSION_CHECK HOME
