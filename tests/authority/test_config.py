"""A configuration is read strictly and whole, and one that lies under another only narrows it."""

from __future__ import annotations

from typing import Any

import pytest

from asl_authority.errors import Malformed
from asl_authority.values.config import Config, DomainType, Operation, StoreType, judge_config, read_config
from asl_authority.values.config_rules import (
    check_mode,
    check_narrows,
    check_operation,
    check_policy_sealed,
    check_pools,
    narrow,
)
from asl_authority.values.modes import LETS, ConfigMode, ProfileMode
from support.domains import POLICY
from support.sealed_machine import CONFIG

WHOLE = """\
host: {name: asl-auth-host-01, version: "0.1", mode: normal, modes: [GENESIS, MAINTENANCE, ADMISSION]}
domains:
  common:
    id: 00000000-0000-0000-0000-000000000001
    type: courtesy
    description: What everybody shares
    path: /asl-auth-host/domains/00000000-0000-0000-0000-000000000001
    snapshot_retention: 30d
    allowed_operations: [read, append, seal]
    courtesy_lease: 2w
  me: {id: me.example, type: authority, allowed_operations: [read, write]}
certificates: {root_offline_path: /mnt/roots, domain_authority_path: /mnt/da, sops_bundle_path: /mnt/b}
policy: {hash_file: /etc/asl-auth-host/policy.hash, description: The host's own}
logging: {path: /var/log/asl-auth-host.log, level: INFO}
store: {type: zfs, pools: [{name: tank, mount_point: /tank}], enable_snapshotting: true, snapshot_prefix: asl-}
hooks: {pre_start: "", post_start: []}
claim: {verified_required: true}
"""
HOST = 'host: {name: x, version: "1", mode: normal}\n'


def config(text: str = "", host: str = HOST) -> Config:
    return read_config(f"{host}{text}".encode())


def domain(**changes: Any) -> str:
    """The text of a domain of which all is said; None takes a member away."""
    members = {
        "id": "d",
        "type": "courtesy",
        "allowed_operations": "[read, append]",
        "courtesy_lease": "10d",
        "snapshot_retention": "10d",
        **changes,
    }
    said = ", ".join(f"{name}: {value}" for name, value in members.items() if value is not None)
    return f"domains: {{d: {{{said}}}}}\n"


def wrong(text: str) -> list[tuple[str, str]]:
    found, findings = judge_config(text.encode())
    assert (found is None) is bool(findings)
    return [(each.check_id, each.detail) for each in findings]


def test_every_member_of_the_paper_is_read() -> None:
    read = read_config(WHOLE.encode())

    assert read.modes == (ProfileMode.GENESIS, ProfileMode.MAINTENANCE, ProfileMode.ADMISSION)
    common = read.domain("00000000-0000-0000-0000-000000000001")
    assert common is not None
    assert (common.name, common.type, common.allowed_operations) == (
        "common",
        DomainType.COURTESY,
        (Operation.READ, Operation.APPEND, Operation.SEAL),
    )
    assert common.courtesy_lease is not None
    assert common.courtesy_lease.seconds == 14 * 24 * 3600
    assert read.store is not None
    assert (read.store.type, read.store.pools[0].mount_point) == (StoreType.ZFS, "/tank")
    assert dict(read.told)["logging.level"] == "INFO"
    assert (read.hash_file, read.verified_required) == ("/etc/asl-auth-host/policy.hash", True)


def test_the_configuration_of_the_image_is_one_and_is_careful() -> None:
    read = read_config(CONFIG)

    assert set(read.modes) == set(ProfileMode)
    assert read.verified_claims is True


@pytest.mark.parametrize("mode", list(ConfigMode))
def test_what_is_not_said_of_modes_follows_from_the_mode(mode: ConfigMode) -> None:
    read = config(host=f'host: {{name: x, version: "1", mode: {mode}}}\n')

    assert read.modes == LETS[mode]
    assert (ProfileMode.GENESIS in read.modes) is (mode is ConfigMode.NORMAL)


@pytest.mark.parametrize(
    ("text", "check_id", "words"),
    [
        ("x: 1\n", "CONFIG-SCHEMA", "1:1: the whole: host is missing"),
        ("host: [x]\n", "CONFIG-SCHEMA", "1:1: host: expected a map"),
        ('host: {name: "", version: "1", mode: normal}\n', "CONFIG-SCHEMA", "host.name: '' is not of the form"),
        ("host: {name: x, version: 1, mode: normal}\n", "CONFIG-SCHEMA", "1:17: host.version: expected a text"),
        ('host: {name: x, version: "1", mode: genesis}\n', "CONFIG-SCHEMA", "host.mode: 'genesis' is none of rescue"),
        ('host: {name: x, version: "1", mode: normal, modes: [genesis]}\n', "CONFIG-SCHEMA", "'genesis' is none of"),
        ('host: {name: x, version: "1", mode: normal, modes: []}\n', "CONFIG-MODES", "starts in MAINTENANCE"),
        (
            'host: {name: x, version: "1", mode: rescue, modes: [RESCUE, RESCUE]}\n',
            "CONFIG-MODES",
            "host.modes: one is named twice",
        ),
        (HOST + "hoks: {}\n", "CONFIG-SCHEMA", "2:1: hoks: unknown member (did you mean hooks?)"),
        (HOST + "zzzzzz: {}\n", "CONFIG-SCHEMA", "zzzzzz: unknown member"),
        (HOST + "hooks: {pre_start: /bin/true}\n", "CONFIG-HOOKS", "2:9: hooks.pre_start: must be empty"),
        (HOST + "hooks: {post_start: [x]}\n", "CONFIG-HOOKS", "nothing that a configuration says is executed"),
        (HOST + domain(courtesy_lease=None), "CONFIG-LEASE", "courtesy_lease is missing"),
        (HOST + domain(type="authority"), "CONFIG-LEASE", "of type authority has none"),
        (HOST + domain(courtesy_lease="0d"), "CONFIG-SCHEMA", "'0d' is no length of time"),
        (HOST + domain(courtesy_lease="30"), "CONFIG-SCHEMA", "no length of time such as 30d"),
        (HOST + domain(id="A/B"), "CONFIG-SCHEMA", "domains.d.id: 'A/B' is not of the form"),
        (HOST + domain(path="/var/lib/asl/d"), "CONFIG-SCHEMA", "on this host it is /asl-auth-host/domains/d"),
        (HOST + domain(allowed_operations="[write]"), "CONFIG-OPERATIONS", "read can't be withheld"),
        (HOST + domain(allowed_operations="read"), "CONFIG-SCHEMA", "expected a list"),
        (HOST + domain(allowed_operations=None), "CONFIG-SCHEMA", "allowed_operations is missing"),
        (
            HOST + "domains:\n  a: {id: d, type: private, allowed_operations: [read]}\n"
            "  b: {id: d, type: private, allowed_operations: [read]}\n",
            "CONFIG-DOMAINS",
            "4:3: domains.b: has the id of a",
        ),
        (HOST + "store: {type: zfs}\n", "CONFIG-POOLS", "pools are missing"),
        (HOST + "store: {type: posix, pools: [{name: a, mount_point: /a}]}\n", "CONFIG-POOLS", "none with posix"),
        (
            HOST + "store: {type: zfs, pools: [{name: a, mount_point: /a}, {name: a, mount_point: /b}]}\n",
            "CONFIG-POOLS",
            "one is named twice",
        ),
        (HOST + "store: {type: zfs, pools: [{name: a, mount: /a}]}\n", "CONFIG-SCHEMA", "pools[0].mount: unknown"),
        (HOST + "store: {enable_snapshotting: \"yes\"}\n", "CONFIG-SCHEMA", "type is missing"),
        (HOST + "logging: {level: TRACE}\n", "CONFIG-SCHEMA", "'TRACE' is none of DEBUG, INFO, WARN, ERROR"),
        (HOST + "certificates: {root_offline_path: mnt}\n", "CONFIG-SCHEMA", "'mnt' is not of the form"),
        (HOST + "policy: {hash_file: /tmp/policy.hash}\n", "CONFIG-SCHEMA", "it is /etc/asl-auth-host/policy.hash"),
        (HOST + "claim: {verified_required: 1}\n", "CONFIG-SCHEMA", "expected true or false"),
        (HOST + "domains: {../x: {id: d, type: private, allowed_operations: [read]}}\n", "CONFIG-SCHEMA", "the name"),
    ],
)  # fmt: skip
def test_what_a_configuration_may_not_be_is_named_with_its_place(text: str, check_id: str, words: str) -> None:
    found = wrong(text)

    assert (check_id, True) in [(each, words in detail) for each, detail in found], found
    with pytest.raises(Malformed) as refused:
        read_config(text.encode())
    assert words in str(refused.value)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_text() -> None:
    found = wrong('host: {name: x, versoin: "1", mode: normal}\npolicy: {hash: x}\nzfs: 1\nhooks: {pre_start: sh}\n')

    assert [detail.split(": ")[0] for _, detail in found] == ["1:1", "1:17", "2:10", "3:1", "4:9"]


def test_more_domains_than_are_read_are_refused() -> None:
    many = "".join(f"  d{n}: {{id: d{n}, type: private, allowed_operations: [read]}}\n" for n in range(257))

    assert "at most 256 are read" in wrong(f"{HOST}domains:\n{many}")[0][1]


SEALED = WHOLE


@pytest.mark.parametrize(
    ("sealed", "volume", "words"),
    [
        (HOST, 'host: {name: y, version: "9", mode: rescue}\n', "host: lets RESCUE run; sealed are MAINTENANCE"),
        (HOST + "claim: {verified_required: true}\n", HOST + "claim: {verified_required: false}\n", "requires it"),
        (HOST, HOST + "claim: {verified_required: false}\n", "claim.verified_required"),
        (HOST + "store: {type: posix}\n", HOST + "store: {type: zfs, pools: [{name: a, mount_point: /a}]}\n", "store"),
        (HOST + domain(), HOST + domain().replace("{d:", "{e:"), "domains.e: is none of the sealed domains (d)"),
        (HOST + domain(), HOST + domain(id="e"), "another domain than the sealed courtesy d"),
        (HOST + domain(), HOST + domain(type="private"), "another domain than the sealed courtesy d"),
        (HOST + domain(), HOST + domain(allowed_operations="[read, gc]"), "gc more than the sealed read, append"),
        (HOST + domain(), HOST + domain(courtesy_lease="11d"), "courtesy_lease: 11d is longer than the sealed 10d"),
        (HOST + domain(), HOST + domain(snapshot_retention="9d"), "retention: 9d is shorter than the sealed 10d"),
    ],
)
def test_each_way_of_allowing_more_is_refused_by_name(sealed: str, volume: str, words: str) -> None:
    one, other = read_config(sealed.encode()), read_config(volume.encode())

    findings = check_narrows(one, other)
    assert [(each.check_id, each.ok) for each in findings] == [("CONFIG-NARROWS", False)]
    assert words in findings[0].detail
    with pytest.raises(Malformed) as refused:
        narrow(one, other)
    assert refused.value.check_id == "CONFIG-NARROWS"


def test_every_way_at_once_is_told() -> None:
    wide = HOST.replace("normal", "admission") + domain(courtesy_lease="3w", allowed_operations="[read, gc]")

    assert len(check_narrows(config(domain()), read_config(wide.encode()))) == 3


@pytest.mark.parametrize(
    "volume",
    [
        HOST,
        HOST.replace("normal}", "normal, modes: [MAINTENANCE]}"),
        HOST + domain(courtesy_lease="9d"),
        HOST + domain(courtesy_lease="240h", snapshot_retention="2w"),
        HOST + domain(allowed_operations="[read]"),
        HOST + domain(snapshot_retention=None),
        HOST + "claim: {verified_required: true}\n",
    ],
)
def test_what_allows_no_more_narrows_and_what_it_leaves_out_stays_as_it_was(volume: str) -> None:
    sealed, other = config(domain()), read_config(volume.encode())
    both = narrow(sealed, other)

    assert [each.ok for each in check_narrows(sealed, other)] == [True]
    assert set(both.modes) <= set(sealed.modes)
    assert both.modes == other.modes
    rules, limit = both.domain("d"), sealed.domain("d")
    assert rules is not None
    assert limit is not None
    assert set(rules.allowed_operations) <= set(limit.allowed_operations)
    assert rules.courtesy_lease is not None
    assert limit.courtesy_lease is not None
    assert rules.courtesy_lease.seconds <= limit.courtesy_lease.seconds
    assert rules.snapshot_retention is not None


def test_leaving_out_what_a_claim_must_be_undoes_nothing_that_is_sealed() -> None:
    lax, strict = config("claim: {verified_required: false}\n"), config("claim: {verified_required: true}\n")

    assert narrow(lax, config()).verified_required is False
    assert narrow(lax, strict).verified_required is True
    assert narrow(strict, config()).verified_required is True


def test_a_sealed_hash_file_and_pools_stay_in_force() -> None:
    both = narrow(read_config(SEALED.encode()), config())

    assert both.hash_file == "/etc/asl-auth-host/policy.hash"
    assert both.store is not None


def test_a_verb_runs_in_one_of_its_modes() -> None:
    read = config()

    assert check_mode(read, "x", (ProfileMode.RESCUE, ProfileMode.MAINTENANCE)).ok
    refused = check_mode(read, "dam sign", (ProfileMode.ADMISSION,))
    assert (refused.check_id, refused.ok) == ("CONFIG-MODE", False)
    assert refused.detail == "dam sign belongs to ADMISSION; allowed: MAINTENANCE, GENESIS"


def test_what_may_be_done_to_a_domain_is_limited_where_it_is_named() -> None:
    read = config(domain())

    assert check_operation(read, "d", Operation.APPEND).ok
    assert check_operation(read, "another", Operation.GC).ok
    refused = check_operation(read, "d", Operation.SEAL)
    assert (refused.check_id, refused.ok) == ("CONFIG-OPERATION", False)


def test_a_pool_that_is_not_mounted_is_named() -> None:
    read = read_config(WHOLE.encode())

    assert check_pools(read, {"/tank"}).ok
    assert check_pools(config(), set()).ok
    refused = check_pools(read, {"/", "/tan"})
    assert (refused.check_id, refused.ok, refused.detail) == (
        "CONFIG-POOL-MOUNTED",
        False,
        "not mounted: tank at /tank",
    )


@pytest.mark.parametrize(
    ("named", "sealed_hash", "ok"),
    [
        (False, None, True),
        (True, POLICY.hash, True),
        (True, "0" * 64, False),
        (True, None, False),
        (False, POLICY.hash, False),
    ],
)
def test_the_sealed_hash_the_configuration_and_the_policy_fit_together(
    named: bool, sealed_hash: str | None, ok: bool
) -> None:
    read = config("policy: {hash_file: /etc/asl-auth-host/policy.hash}\n" if named else "")

    finding = check_policy_sealed(read, sealed_hash, POLICY)
    assert (finding.check_id, finding.ok) == ("POLICY-HASH-SEALED", ok)


def test_a_hash_that_is_sealed_without_a_configuration_is_not_passed_over() -> None:
    assert not check_policy_sealed(None, POLICY.hash, POLICY).ok
    assert check_policy_sealed(None, None, POLICY).ok
