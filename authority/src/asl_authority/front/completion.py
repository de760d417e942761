"""Shell completion, written from the same description as the help."""

from __future__ import annotations

from collections.abc import Iterable

from asl_authority import contract
from asl_authority.front.parser import ALONE, COMMON, GROUPS, load_verbs, option_words
from asl_authority.front.verb import Argument

# A table of what may stand after each verb, and the few rules by which it is read. What stands before a verb and takes
# a value is passed over with that, so that `--root DIR` does not hide the verb. Bash has split `--kind=log` in three.
_BASH = r"""# bash completion for {names}
_asl_auth_host() {{
    local IFS=$' \t\n' word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} at each verb=''
    local options='' choices='' paths='' directories='' values='' names=''
    [[ $word == = ]] && word=''
    [[ $before == = ]] && before=${{COMP_WORDS[COMP_CWORD - 2]}}
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${{COMP_WORDS[at]}} in
            {valued})
                ((at++))
                [[ ${{COMP_WORDS[at]}} == = ]] && ((at++))
                ;;
            -*) ;;
            *) break ;;
        esac
    done
    ((at < COMP_CWORD)) && verb=${{COMP_WORDS[at]}}
    case $verb in
        '' | {alone}) ;;
        *) ((at + 1 < COMP_CWORD)) && verb+=" ${{COMP_WORDS[at + 1]}}" ;;
    esac
    case $verb in
{cases}    esac
    COMPREPLY=()
    for each in $values; do
        [[ $each == "$before" ]] && return
    done
    for each in $choices; do
        if [[ ${{each%%:*}} == "$before" ]]; then
            each=${{each#*:}}
            mapfile -t COMPREPLY < <(compgen -W "${{each//,/ }}" -- "$word")
            return
        fi
    done
    for each in $paths; do
        [[ $each == "$before" ]] && options='' names=-f
    done
    for each in $directories; do
        [[ $each == "$before" ]] && options='' names=-d
    done
    [[ $options && $word == -* ]] && names=''
    # shellcheck disable=SC2086 # without names it is no word
    mapfile -t COMPREPLY < <(compgen $names -W "$options" -- "$word")
    if [[ $names ]]; then
        compopt -o filenames 2>/dev/null
        # A name that needs quotes is readline's own matter.
        ((${{#COMPREPLY[@]}})) || compopt -o default 2>/dev/null
    fi
}}
complete -F _asl_auth_host {names}
"""


def bash_completion() -> str:
    """A bash script that completes verbs, options, what an option chooses from, and the names of files."""
    verbs = load_verbs()
    alone = [verb.name for verb in verbs if " " not in verb.name]
    cases = [_case("", (*COMMON, *ALONE), list(GROUPS))]
    for group in GROUPS:
        words = [verb.name.split(" ")[1] for verb in verbs if verb.name.startswith(f"{group} ")]
        cases += [_case(group, (), words)] if words else []
    cases += [_case(verb.name, (*verb.arguments, *COMMON), []) for verb in verbs]
    return _BASH.format(
        names=" ".join(contract.PROGRAM_NAMES),
        valued=" | ".join(option_words(each for each in (*COMMON, *ALONE) if each.kind != "flag")),
        alone=" | ".join(alone),
        cases="".join(f"{case}\n" for case in cases),
    )


def _case(verb: str, arguments: Iterable[Argument], words: list[str]) -> str:
    """What may stand after a verb: the line of the table that sets it."""
    arguments = tuple(arguments)
    valued = [each for each in arguments if each.kind != "flag" and not each.positional]
    paths = [each for each in valued if each.kind == "path"]
    table = {
        "options": [*words, *option_words(arguments)],
        "choices": [f"{word}:{','.join(each.choices)}" for each in valued if each.choices for word in each.words],
        "paths": option_words(each for each in paths if each.metavar != "DIR"),
        "directories": option_words(each for each in paths if each.metavar == "DIR"),
        "values": option_words(each for each in valued if each.kind != "path" and not each.choices),
    }
    line = " ".join(f"{name}='{' '.join(found)}'" for name, found in table.items() if found)
    return f"        '{verb}') {line}{_names(arguments)} ;;"


def _names(arguments: Iterable[Argument]) -> str:
    """Whether the words after a verb are names of files, of directories, or neither."""
    places = {each.metavar for each in arguments if each.positional and each.kind == "path"}
    return "" if not places else " names=-d" if places == {"DIR"} else " names=-f"
