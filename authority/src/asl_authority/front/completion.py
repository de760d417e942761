"""Shell completion, written from the same description as the help."""

from __future__ import annotations

from asl_authority import contract
from asl_authority.front.parser import COMMON, GROUPS, VERSION, load_verbs, option_words

_BASH = """\
# bash completion for {names}
_asl_auth_host() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} verb= w
    for w in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        case $w in -*) ;; *) verb="$verb${{verb:+ }}$w" ;; esac
    done
    COMPREPLY=()
    case $before in {paths}) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;; esac
    case $verb in
{cases}        *) mapfile -t COMPREPLY < <(compgen -W '{groups} {options}' -- "$word") ;;
    esac
}}
complete -o filenames -F _asl_auth_host {names}
"""


def bash_completion() -> str:
    """A bash script that completes verbs, options and the names of files."""
    verbs = load_verbs()
    cases = [
        f"        '{verb.name}'*) {_offer(option_words((*verb.arguments, *COMMON)), files=True)} ;;" for verb in verbs
    ]
    for group in GROUPS:
        words = [verb.name.split(" ")[1] for verb in verbs if verb.name.startswith(f"{group} ")]
        cases += [f"        '{group}') {_offer([*words, *option_words(COMMON)])} ;;"] if words else []
    every = (*(argument for verb in verbs for argument in verb.arguments), *COMMON)
    paths = sorted({word for each in every if each.kind == "path" and not each.positional for word in each.words})
    return _BASH.format(
        names=" ".join(contract.PROGRAM_NAMES),
        groups=" ".join(GROUPS),
        options=" ".join(option_words((*COMMON, VERSION))),
        paths=" | ".join(paths),
        cases="".join(f"{case}\n" for case in cases),
    )


def _offer(words: list[str], *, files: bool = False) -> str:
    flags = "-f " if files else ""
    return f"mapfile -t COMPREPLY < <(compgen {flags}-W '{' '.join(words)}' -- \"$word\")"
