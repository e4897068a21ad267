# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host, its declaration, and the port of code-server forwarded to this machine."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
import testinfra
from testinfra.host import Host

from tests.support import bastion_host


@pytest.fixture(scope="session")
def host() -> Host:
    """By the engine's own command: testinfra would go through Ansible for each question, which takes a second."""
    chosen = bastion_host.chosen()
    return testinfra.get_host(f"{chosen['engine']}://{chosen['container']}")


@pytest.fixture(scope="session")
def declared() -> dict[str, t.Any]:
    return bastion_host.declared()


@pytest.fixture(scope="session")
def code_server(declared: dict[str, t.Any]) -> Iterator[str]:
    """The address of code-server through a forwarded port."""
    with bastion_host.PortForward(declared["bastion_code_server_port"]) as forward:
        yield f"http://127.0.0.1:{forward.port}"
