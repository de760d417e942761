"""Where packages come from: what a person says, else the Debian mirrors of the host's apt."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_image.errors import ConfigError, Refused
from asl_image.network import Network, transport_settings
from asl_image.origins import Origins, Wishes, find_origins

DEB822 = """\
# a comment
Types: deb
URIs: http://mirror.invalid/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: https://mirror.invalid/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://off.invalid/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] http://mirror.invalid/debian bookworm main
deb http://mirror.invalid/debian-security bookworm-security main
deb-src http://sources.invalid/debian bookworm main
deb http://other.invalid/packages nodistro main
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def find(etc: Path, *wishes: Wishes) -> Origins:
    return find_origins(wishes, etc, etc.parent / "lists")


def test_the_hosts_own_mirrors_are_taken_from_deb822_sources(etc: Path) -> None:
    (etc / "sources.list.d/debian.sources").write_text(DEB822)

    assert find(etc) == Origins(("http://mirror.invalid/debian",), ("https://mirror.invalid/debian-security",))


def test_the_hosts_own_mirrors_are_taken_from_one_line_sources(etc: Path) -> None:
    (etc / "sources.list").write_text(ONE_LINE)

    assert find(etc) == Origins(("http://mirror.invalid/debian",), ("http://mirror.invalid/debian-security",))


def test_a_source_that_is_switched_off_does_not_count(etc: Path) -> None:
    (etc / "sources.list.d/debian.sources").write_text(DEB822.replace("Types:", "Enabled: no\nTypes:"))

    with pytest.raises(Refused, match="knows no Debian mirror"):
        find(etc)


def test_a_release_file_that_says_another_origin_wins_over_the_name_of_the_suite(etc: Path) -> None:
    (etc / "sources.list").write_text(ONE_LINE.replace("nodistro", "stable"))
    lists = etc.parent / "lists"
    lists.mkdir()
    (lists / "other.invalid_packages_dists_stable_InRelease").write_text("Origin: Somebody\nSuite: stable\n")

    assert find(etc).debian == ("http://mirror.invalid/debian",)


def test_a_list_of_mirrors_is_read(etc: Path) -> None:
    (etc / "mirrors").write_text("http://a.invalid/debian\tpriority:1\nhttp://b.invalid/debian\n")
    (etc / "sources.list").write_text(
        ONE_LINE.replace("http://mirror.invalid/debian b", f"mirror+file://{etc}/mirrors b")
    )

    assert find(etc).debian == ("http://a.invalid/debian", "http://b.invalid/debian")


def test_a_host_that_knows_no_debian_is_refused_with_the_way_out(etc: Path) -> None:
    (etc / "sources.list").write_text("deb http://mirror.invalid/ubuntu noble main\n")

    with pytest.raises(Refused, match="knows no Debian mirror") as caught:
        find(etc)
    assert "--mirror" in str(caught.value.hint)


def test_the_first_wish_that_names_a_mirror_wins_over_the_others_and_the_host(etc: Path) -> None:
    (etc / "sources.list").write_text(ONE_LINE)
    environment = Wishes.from_environment({"ASL_IMAGE_MIRROR": "http://e.invalid/{archive}", "ASL_IMAGE_SNAPSHOT": ""})

    assert find(etc, Wishes(), environment).security == ("http://e.invalid/debian-security",)
    option = Wishes(mirror="http://a.invalid/debian", security_mirror="/srv/security/")
    assert find(etc, option, environment) == Origins(("http://a.invalid/debian",), ("file:///srv/security",))


def test_a_snapshot_service_may_serve_expired_lists(etc: Path) -> None:
    found = find(etc, Wishes(snapshot="https://snap.invalid/{archive}/20260912T000000Z/"))

    assert found.debian == ("https://snap.invalid/debian/20260912T000000Z",)
    assert found.expired


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        (Wishes(mirror="http://a.invalid/debian"), "only one archive"),
        (Wishes(security_mirror="http://a.invalid/debian"), "only one archive"),
        (Wishes(snapshot="https://snap.invalid/"), "holds {archive}"),
        (Wishes(snapshot="https://snap.invalid/{archive}", mirror="http://a.invalid"), "not both"),
        (Wishes(mirror="ftp://a.invalid/{archive}"), "not a mirror"),
        (Wishes(mirror="a.invalid/{archive}"), "not a mirror"),
        (Wishes(mirror="http:///{archive}"), "not a mirror"),
        (Wishes(mirror="http://a.invalid/{archive} [trusted=yes]"), "no blanks or brackets"),
    ],
)
def test_a_mirror_that_can_not_be_used_is_refused(etc: Path, wishes: Wishes, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        find(etc, wishes)


def test_only_settings_of_transport_are_taken_from_the_hosts_apt() -> None:
    dump = (
        'Acquire "";\nAcquire::http::Proxy "http://p.invalid:3128/";\nAcquire::http::Proxy::near.invalid "DIRECT";\n'
        'APT::Update::Post-Invoke:: "rm -rf /";\nAPT::Default-Release "sid";\nAcquire::Check-Valid-Until "false";\n'
    )

    assert transport_settings(dump) == (
        ("Acquire::http::Proxy", "http://p.invalid:3128/"),
        ("Acquire::http::Proxy::near.invalid", "DIRECT"),
        ("Acquire::Check-Valid-Until", "false"),
    )


def test_the_proxy_is_the_one_that_apt_would_take() -> None:
    settings = (("Acquire::http::Proxy", "http://p.invalid:1/"), ("Acquire::http::Proxy::near.invalid", "DIRECT"))
    network = Network(settings, {"https_proxy": "http://e.invalid:2/", "no_proxy": "localhost,.lan.invalid"})

    assert network.proxy_for("http://a.invalid/x") == "http://p.invalid:1/"
    assert network.proxy_for("http://near.invalid/x") is None
    assert network.proxy_for("https://a.invalid/x") == "http://e.invalid:2/"
    assert network.proxy_for("https://a.lan.invalid/x") is None
