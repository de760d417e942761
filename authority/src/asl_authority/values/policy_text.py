"""A policy as a person edits it: YAML with comments in, the one canonical object out."""

from __future__ import annotations

from asl_authority.errors import Malformed
from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.policy import KIND, DomainPolicy, read_policy

# What a careful person starts from: nobody may do anything that is not said here.
TEMPLATE = """\
# The policy of a domain (ASL/POLICY-HASH/1). Every line is needed. What counts is not this text but the hash that
# `policy hash` prints: the DAM, the certificate and /etc/asl-auth-host/policy.hash all name it.
version: 1                          # counts the policies of this domain

publication_policy:
  require_signature: true           # nothing is published unsigned
  allowed_roles: [publish]          # who may: produce, execute, publish, federate, audit; [] is nobody
  snapshot_required: true           # only what a snapshot pins

execution_policy:
  per_signature_required: true      # receipts count only when they are signed
  allowed_roles: [execute]
  deterministic_only: true

federation_policy:
  export_published_only: true
  require_snapshot: true
  trusted_domains: []               # ids of domains whose exports are believed, sorted

retention_policy:
  gc_unpublished_allowed: false     # may what was never published be thrown away?
  min_snapshot_retention: 2         # how many snapshots are always kept

visibility_policy:
  internal_hidden: true
  published_read_only: true

reserved0: 0
"""


def read_policy_text(data: bytes) -> DomainPolicy:
    """The policy in an edited text, or in the JSON view itself. Raises Malformed."""
    if data.startswith(b"{"):
        return read_policy(data)
    from asl_authority.values.strict_yaml import read_yaml  # who reads JSON does not pay for it

    value = read_yaml(data)
    if "type" in value:
        raise Malformed("policy.type: is not written in the text", check_id="POLICY-SCHEMA")
    try:
        return read_policy(canonical_bytes({"type": KIND.type, **value}))
    except ValueError as error:
        raise Malformed(f"policy: {error}", check_id="POLICY-SCHEMA") from None
