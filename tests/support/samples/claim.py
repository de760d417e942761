"""Samples of environment claims: one that is VERIFIED, one of a genesis, and what is wrong with others."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from asl_authority.values.claim import Claim, Reference, TestResult
from asl_authority.values.environment import (
    Environment,
    Fact,
    Interface,
    LayerSeal,
    Mount,
    Register,
    Status,
    Tool,
)
from asl_authority.values.head import Head
from support.published import Bad, Good, Vectors, changed
from support.samples.snapshot import BLOCKS, DOMAIN, EMPTY

VERIFIED, MEASURED, DECLARED, ABSENT = Status.VERIFIED, Status.MEASURED, Status.DECLARED, Status.ABSENT


def digest(text: str) -> str:
    """A digest of something that a text stands for."""
    return hashlib.sha256(text.encode()).hexdigest()


ENVIRONMENT = Environment(
    image_id=Fact(VERIFIED, digest("SHA256SUMS")),
    medium=Fact(VERIFIED, digest("iso")),
    layers=tuple(LayerSeal(name, digest(name), digest(name), VERIFIED) for name in ("base", "overlay", "tools")),
    kernel_release=Fact(MEASURED, "6.12.57+deb13-amd64"),
    kernel_cmdline=Fact(VERIFIED, "asl.image=00 asl.layer=base,00 console=ttyS0,115200n8 quiet"),
    kernel=Fact(VERIFIED, digest("kernel")),
    initrd=Fact(VERIFIED, digest("initrd")),
    secure_boot=Fact(MEASURED, False),
    tpm=Fact(MEASURED, (Register(0, digest("pcr 0")), Register(7, digest("pcr 7")))),
    entropy=Fact(DECLARED, ("dice", "kernel")),
    interfaces=Fact(MEASURED, (Interface("lo", "down"),)),
    swap=Fact(MEASURED, ()),
    mounts=Fact(
        MEASURED,
        (
            Mount("/", "overlay", ("nodev", "ro")),
            Mount("/asl-auth-host", "ext4", ("nodev", "noexec", "nosuid", "rw")),
        ),
    ),
    tools=Fact(
        VERIFIED,
        (
            Tool("/asl-auth-host/tools/sops", digest("sops"), "3.11.0"),
            Tool("/usr/bin/age", digest("age"), "1.2.1"),
        ),
    ),
    config=Fact(ABSENT),
)
SELF_TEST = tuple(TestResult(check, True) for check in ("ED25519", "SCRYPT", "SHA256"))
CLAIM = Claim(
    host_id="host",
    domain_id=DOMAIN,
    logseq=7,
    head=Head(7, digest("a tree")),
    store_checksum=BLOCKS.checksum,
    session_id="5e" * 16,
    environment=ENVIRONMENT,
    self_test=SELF_TEST,
    reference=Reference(digest("manifest"), tuple(sorted((digest("builder 1"), digest("builder 2")))), 2),
    nonce="ab" * 16,
    previous=digest("the claim before"),
)
# What nobody could verify: no manifest came, and the store is empty.
GENESIS = replace(
    CLAIM,
    domain_id="host",
    logseq=0,
    head=Head(0, hashlib.sha256(b"").hexdigest()),
    store_checksum=EMPTY.checksum,
    environment=replace(
        ENVIRONMENT,
        image_id=Fact(MEASURED, digest("SHA256SUMS")),
        medium=Fact(ABSENT),
        layers=(LayerSeal("base", digest("base"), None, MEASURED),),
        kernel_cmdline=Fact(MEASURED, "quiet"),
        kernel=Fact(ABSENT),
        initrd=Fact(ABSENT),
        tools=Fact(MEASURED, ()),
    ),
    reference=None,
    nonce=None,
    previous=None,
)


def vectors() -> Vectors:
    """The published ones."""
    good, read = CLAIM.to_bytes(), "claim.read_claim"
    fact = "environment__{}__{}".format

    def bad(name: str, check_id: str, **members: object) -> Bad:
        return Bad(name, read, changed(good, **members), check_id)

    two = [{"name": "lo", "state": "down"}, {"name": "eth0", "state": "up"}]
    return Vectors(
        "ENC-ASL-AUTH-HOST/1, environment claims",
        good=[
            Good("verified", read, good, {"snapshot_id": CLAIM.snapshot_id, "verdict": CLAIM.verdict}),
            Good("of a genesis", read, GENESIS.to_bytes(), {"snapshot_id": GENESIS.snapshot_id}),
        ],
        bad=[
            bad("a time", "CLAIM-SCHEMA", time="2026-01-01"),
            bad("no session", "CLAIM-SCHEMA", session_id=None),
            bad("no interfaces", "CLAIM-SCHEMA", environment__interfaces=None),
            bad("an unknown status", "CLAIM-SCHEMA", **{fact("swap", "status"): "seen"}),
            bad("a path that is none", "CLAIM-SCHEMA", environment__tools__value__0__path="sops"),
            bad("a self-test out of order", "CLAIM-SCHEMA", self_test=[{"check": c, "ok": True} for c in "BA"]),
            bad("absent with a value", "CLAIM-STATUS", **{fact("swap", "status"): "absent"}),
            bad("measured without a value", "CLAIM-STATUS", **{fact("swap", "value"): None}),
            bad("a layer verified without recomputing", "CLAIM-LAYERS", environment__layers__0__recomputed=None),
            bad("a layer verified with another hash", "CLAIM-LAYERS", environment__layers__0__recomputed="0" * 64),
            bad("a layer that is absent", "CLAIM-LAYERS", environment__layers__0__status="absent"),
            bad("interfaces out of order", "CLAIM-SETS", environment__interfaces__value=two),
            bad("a register twice", "CLAIM-SETS", environment__tpm__value=[{"index": 0, "sha256": "0" * 64}] * 2),
            bad("verified against nothing", "CLAIM-REFERENCE", reference=None),
            bad("verified against too few builders", "CLAIM-REFERENCE", reference__threshold=3),
            bad("a verdict that does not follow", "CLAIM-VERDICT", verdict="UNVERIFIED"),
            bad("a failed self-test and a good verdict", "CLAIM-VERDICT", self_test__0__ok=False),
            bad("another snapshot's name", "CLAIM-NAMED", snapshot_id="0" * 64),
            bad("another state of the log", "CLAIM-NAMED", log__root="0" * 64),
        ],
    )
