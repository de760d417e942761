"""What a test does when something that it needs is not there."""

from __future__ import annotations

import os

import pytest


def lacking(what: str) -> None:
    """Skip at home, fail where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
