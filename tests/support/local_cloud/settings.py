# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which emulators make up the local AWS, where they listen, and where their files are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parents[3]

# The account that the emulators report is the access key id, when that has twelve digits.
ACCOUNT_ID = "123456789012"
REGION = "us-west-2"
# Such a key has no secret of its own; tokens for a cluster are signed with one of these, or they can't be checked.
SECRET_ACCESS_KEYS = ("not-a-secret-the-embedded-emulator-takes-any-value", "local")
# The public hosted zone of each account; inventories/local has certificates for names in it.
HOSTED_ZONE = "agents.example.com"

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SettingsError(Exception):
    """A wrong value in the environment, in one line for the user."""


@dataclass(frozen=True)
class Emulator:
    """One emulator process. A service that a second one should serve gets an entry here and an AWS_ENDPOINT_URL_X."""

    name: str
    # Environment variable with its address, and the address without it.
    endpoint_variable: str
    default_endpoint: str
    # Python module that runs it in the foreground.
    module: str
    health_path: str
    environment: Mapping[str, str] = field(default_factory=dict)


EMULATORS = (
    Emulator(
        name="ministack",
        endpoint_variable="AWS_ENDPOINT_URL",
        default_endpoint="http://127.0.0.1:4566",
        module="tests.support.local_cloud.server",
        health_path="/_ministack/health",
        environment={
            # Without these two it opens ports on all addresses: 4566 and, for MQTT, 8883.
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "0",
            "S3_PERSIST": "0",
        },
    ),
)


@dataclass(frozen=True)
class Instance:
    """An emulator at one port of this checkout."""

    emulator: Emulator
    port: int
    base: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def label(self) -> str:
        return f"{self.emulator.name}-{self.port}"

    @property
    def state(self) -> Path:
        """Everything that the running process writes, but for its log."""
        return self.base / self.label

    @property
    def kubernetes(self) -> Path:
        """Where the clusters' control planes are, if they have any; there as long as the emulator is."""
        return self.state / "kubernetes"

    @property
    def pid_file(self) -> Path:
        return self.base / f"{self.label}.pid"

    @property
    def log(self) -> Path:
        return self.base / f"{self.label}.log"


def base_folder(environment: Mapping[str, str] = os.environ) -> Path:
    return Path(environment.get("LOCAL_CLOUD_DIR") or CHECKOUT / "build" / "local_cloud").resolve()


def instances(environment: Mapping[str, str] = os.environ) -> list[Instance]:
    """The emulators that this environment asks for."""
    return [Instance(emulator, _port(emulator, environment), base_folder(environment)) for emulator in EMULATORS]


def _port(emulator: Emulator, environment: Mapping[str, str]) -> int:
    variable = emulator.endpoint_variable
    value = environment.get(variable) or emulator.default_endpoint
    try:
        address = urlsplit(value)
        port = address.port or 0
    except ValueError:
        address, port = urlsplit(""), 0
    if address.scheme != "http" or not port or address.path.strip("/"):
        raise SettingsError(f"{variable}={value} isn't an address like {emulator.default_endpoint}.")
    if address.hostname not in _LOOPBACK:
        raise SettingsError(
            f"{variable}={value} isn't on this machine: the local AWS listens on 127.0.0.1 only. "
            f"Set {variable}={emulator.default_endpoint}, or unset it."
        )
    return port
