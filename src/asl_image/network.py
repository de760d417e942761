"""What reaching the network takes on this host: apt's transport settings, and the environment that carries proxies.

Read once at the front and handed down; below it nobody looks at the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from asl_image.errors import AslImageError
from asl_image.runner import Command, Runs

# Of the caller's environment only this reaches apt and pip.
PASSED_ON = re.compile(
    r"(?i:https?_proxy|no_proxy|all_proxy)|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|PIP_\w+|HOME|XDG_CONFIG_(?:HOME|DIRS)"
)
# Of the host's apt configuration only how to get at files, never hooks, preferences or what to install.
TRANSPORT = re.compile(
    r"^Acquire::(?:(?:http|https|ftp)(?:::|$)|Retries$|Check-Valid-Until$|Check-Date$|Max-FutureTime$|ForceIPv[46]$|By-Hash$)"
    r"|^Dir::Etc::netrc"
)
APT_SETTING = re.compile(r'^(?P<key>[^\s"]+) "(?P<value>[^"]*)";$')


@dataclass(frozen=True)
class Network:
    """Settings of apt by key, in order (`Acquire::http::Proxy`), and environment variables by name."""

    apt: tuple[tuple[str, str], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def proxies(self) -> dict[str, str]:
        """The environment's proxy variables alone."""
        return {name: value for name, value in self.environment.items() if name.lower().endswith("_proxy")}

    def proxy_for(self, uri: str) -> str | None:
        """The proxy that apt would choose: that of the host, of the scheme, of the environment, or None."""
        parts = urlsplit(uri)
        settings = dict(self.apt)
        scheme, host = parts.scheme, parts.hostname or ""
        for key in (f"Acquire::{scheme}::Proxy::{host}", f"Acquire::{scheme}::Proxy"):
            if value := settings.get(key):
                return None if value == "DIRECT" else value
        if unproxied(host, self.environment.get("no_proxy") or self.environment.get("NO_PROXY") or ""):
            return None
        return self.environment.get(f"{scheme}_proxy") or self.environment.get("all_proxy") or None


def unproxied(host: str, no_proxy: str) -> bool:
    """True when the environment's no_proxy names the host or a domain of it."""
    names = [name.strip().lstrip(".") for name in no_proxy.split(",") if name.strip()]
    return any(name == "*" or host == name or host.endswith(f".{name}") for name in names)


def read_network(runner: Runs, environ: Mapping[str, str]) -> Network:
    """The host's settings. A host without apt has none: fetching from a given mirror works there too."""
    environment = {name: value for name, value in environ.items() if PASSED_ON.fullmatch(name)}
    try:
        dump = runner.read(Command(("apt-config", "dump")))
    except AslImageError:
        dump = ""
    return Network(transport_settings(dump), environment)


def transport_settings(dump: str) -> tuple[tuple[str, str], ...]:
    """The settings in the output of `apt-config dump` that say how files are reached."""
    matches = (APT_SETTING.match(line) for line in dump.splitlines())
    settings = ((match["key"], match["value"]) for match in matches if match)
    return tuple((key, value) for key, value in settings if value and TRANSPORT.match(key))
