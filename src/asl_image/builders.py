"""Who may vouch for an image: builders, each with their public keys, and how many of them it takes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from asl_authority import contract
from asl_image.errors import ConfigError
from asl_image.publickey import PublicKey, from_spki, from_ssh_line
from asl_image.strictmodel import Strict, load_model

BuilderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class BuilderKey(Strict):
    """One public key, in one of two forms."""

    spki: str | None = Field(None, description="As openssl writes it: a PEM, or the base64 inside of it.")
    ssh: str | None = Field(None, description="As ssh-keygen writes it: the line of a .pub file.")

    @model_validator(mode="after")
    def _one_that_can_be_read(self) -> BuilderKey:
        if (self.spki is None) == (self.ssh is None):
            raise ValueError("a key is either spki or ssh")
        self.public  # noqa: B018 - raises ValueError
        return self

    @property
    def public(self) -> PublicKey:
        """The key itself."""
        return from_spki(self.spki) if self.spki is not None else from_ssh_line(self.ssh or "")


class Builder(Strict):
    """One who builds, on a machine of their own; counts once, however many keys they sign with."""

    name: BuilderName
    keys: tuple[BuilderKey, ...] = Field(min_length=1)


class Builders(Strict):
    """A whole builders file."""

    format: Literal["asl-image.builders/1"]
    threshold: int = Field(ge=1, description="How many of the builders must have signed.")
    builders: tuple[Builder, ...] = Field(min_length=1)

    def owner(self, key: PublicKey) -> str | None:
        """The builder whose key this is."""
        return next((each.name for each in self.builders if key in (known.public for known in each.keys)), None)

    def key_named(self, key_id: str) -> PublicKey | None:
        """The key of that id that can sign envelopes."""
        keys = (known.public for each in self.builders for known in each.keys)
        return next((key for key in keys if key.key_id == key_id and key.application is None), None)


def load_builders(path: Path, threshold: int | None = None) -> Builders:
    """The builders in a file, with another threshold if one is given. Raises ConfigError with all that is wrong."""
    builders = load_model(Builders, path)
    if threshold is not None:
        builders = builders.model_copy(update={"threshold": threshold})
    problems = inconsistencies(builders)
    if problems:
        raise ConfigError(f"{path}: no threshold of these builders can be trusted", details=tuple(problems))
    return builders


def inconsistencies(builders: Builders) -> list[str]:
    """What a file can say in good form and still can't mean."""
    names = [each.name for each in builders.builders]
    problems = [f"{name} is named twice" for name in sorted({name for name in names if names.count(name) > 1})]
    if not 1 <= builders.threshold <= len(names):
        problems.append(f"the threshold is {builders.threshold} and there are {len(names)} builders")
    owners: dict[bytes, str] = {}
    for each in builders.builders:
        for key in (known.public for known in each.keys):
            # By the bytes of the key alone: another form, or another application, makes no other signer of it.
            other = owners.setdefault(key.raw, each.name)
            if other != each.name:
                problems.append(f"{other} and {each.name} share the key {key.key_id}")
    return problems


def sealed_text(builders: Builders, name: str) -> tuple[str, tuple[str, ...]]:
    """The builders as an image has them sealed in: canonical JSON (RFC 8785), which its authority reads; and the keys
    that it leaves out, since they sign no envelope. Raises ConfigError when a builder has no other, or a long name."""
    listed, left_out = [], []
    for builder in sorted(builders.builders, key=lambda each: each.name):
        publics = [(known, known.public) for known in builder.keys]
        keys = sorted({base64.b64encode(key.raw).decode() for known, key in publics if known.spki is not None})
        left_out += [f"{builder.name} {key.key_id}" for known, key in publics if known.spki is None]
        if not keys:
            raise ConfigError(
                f"{name}: {builder.name} has no key that signs envelopes",
                hint="`openssl genpkey -algorithm ed25519` makes one; its public half is `spki`",
            )
        listed.append({"keys": keys, "name": builder.name})
    whole = {"builders": listed, "threshold": builders.threshold, "type": contract.BUILDERS_FORMAT}
    return json.dumps(whole, sort_keys=True, separators=(",", ":")), tuple(left_out)
