# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module in this process, against an account of the emulator, that is killed before or after one of its writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .playbook import REGION, DirectAccount

Moment = tuple[int, str]  # which write, and whether "before" it was sent or "after" it was answered


class Killed(BaseException):
    """The end of a process: nothing catches it."""


class KillableModule:
    """Looks like an AnsibleAWSModule."""

    def __init__(self, account: DirectAccount, params: Mapping[str, Any], killed_at: Moment | None = None):
        self.account, self.params, self.killed_at, self.writes = account, dict(params), killed_at, 0
        self.check_mode = self._diff = False
        self.region = REGION
        self.no_log_values: set[str] = set()
        self.warnings: list[str] = []

    def client(self, service: str, config: Any = None) -> Any:
        client = self.account.client(service)
        if config and config.retries["total_max_attempts"] == 1:
            return _Writer(client, self)
        return client

    def warn(self, message: str) -> None:
        self.warnings.append(message)


class _Writer:
    def __init__(self, client: Any, module: KillableModule):
        self.client, self.module = client, module

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            self.module.writes += 1
            if self.module.killed_at == (self.module.writes, "before"):
                raise Killed
            answer = getattr(self.client, operation)(**request)
            if self.module.killed_at == (self.module.writes, "after"):
                raise Killed
            return answer

        return call
