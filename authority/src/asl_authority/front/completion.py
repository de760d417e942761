"""Shell completion, written from the same description as the help."""

from __future__ import annotations

from asl_authority import contract
from asl_authority.front.parser import make_parser, option_words

_BASH = """\
# bash completion for {names}
_asl_auth_host() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} verb= w
    for w in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        case $w in {verbs_pattern}) verb=$w; break ;; esac
    done
    COMPREPLY=()
    if [ "$before" = --root ]; then
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
    fi
    case $verb in
{cases}        *) mapfile -t COMPREPLY < <(compgen -W '{verbs} {options}' -- "$word") ;;
    esac
}}
complete -F _asl_auth_host {names}
"""


def bash_completion() -> str:
    """A bash script that completes verbs, options and directories."""
    parser, by_name = make_parser(contract.PROGRAM)
    cases = "".join(
        f"        {name}) mapfile -t COMPREPLY < <(compgen -W '{' '.join(option_words(verb))}' -- \"$word\") ;;\n"
        for name, verb in by_name.items()
    )
    return _BASH.format(
        names=" ".join(contract.PROGRAM_NAMES),
        verbs=" ".join(by_name),
        verbs_pattern=" | ".join(by_name),
        options=" ".join(option_words(parser)),
        cases=cases,
    )
