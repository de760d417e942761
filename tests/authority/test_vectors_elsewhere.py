"""The published vectors by the word of programs that are not ours: openssl for signatures, sha256sum for digests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from asl_authority.values.dsse import check_signatures, read_envelope
from asl_authority.values.ed25519 import PublicKey, SecretKey
from support.published import FOLDER, published, samples

SIGNED = [name for name, made in samples() if any("envelope" in each.says for each in made.good)]


def kept(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("name", SIGNED)
def test_every_envelope_verifies_with_the_keys_that_are_named_and_by_openssl(name: str, tmp_path: Path) -> None:
    whole = kept(name)
    keys = {each: SecretKey(bytes.fromhex(key["private_key_never_use"])).public for each, key in whole["keys"].items()}
    assert {each: (key.text, key.key_id) for each, key in keys.items()} == {
        each: (key["public_key"], key["key_id"]) for each, key in whole["keys"].items()
    }
    for case in whole["good"]:
        if "signers" not in case:
            continue
        envelope = read_envelope(case["envelope"].encode(), case["payload_type"])
        signers = {keys[each].key_id: keys[each] for each in case["signers"]}
        assert envelope.payload == case["text"].encode()
        assert all(each.ok for each in check_signatures(envelope, signers, len(signers)))
        for each in envelope.signatures:
            openssl_verifies(tmp_path, signers[each.key_id], envelope.message(), each.sig)


def openssl_verifies(folder: Path, key: PublicKey, message: bytes, sig: bytes) -> None:
    for name, data in (("key", key.spki), ("message", message), ("sig", sig)):
        (folder / name).write_bytes(data)
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin"]
    subprocess.run([*argv, "-in", "message", "-sigfile", "sig"], cwd=folder, check=True, capture_output=True)


def test_sha256sum_agrees_with_every_digest(tmp_path: Path) -> None:
    lines = []
    for number, case in enumerate(published()[0]):
        (tmp_path / str(number)).write_bytes(case.data)
        lines.append(f"{case.says['sha256']}  {number}\n")

    subprocess.run(["sha256sum", "--check", "--strict"], input="".join(lines).encode(), cwd=tmp_path, check=True)
