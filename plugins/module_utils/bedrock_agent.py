# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What knowledge bases of Amazon Bedrock and what is in them have in common: ids in place of names, jobs."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from typing import Any

from .calls import Calls
from .resource import Resource
from .values import get_path, placeholder, set_path

SERVICE = "bedrock-agent"
NOT_FOUND = ("ResourceNotFoundException",)
# Of jobs that aren't over. A data source has one of them at most.
RUNNING = frozenset({"IN_PROGRESS", "STARTING", "STOPPING"})
# A role, or what it may do, isn't known everywhere yet. The texts are those that AWS's own providers wait out, too.
ROLE_NOT_KNOWN = ("cannot assume role", "unable to assume the given role")


class BedrockAgentCalls(Calls):
    """Calls of the service."""

    service = SERVICE

    def jobs(self, place: Mapping[str, str]) -> list[dict]:
        """The jobs that fill a data source, the last one first."""
        answer = self.read("ListIngestionJobs", place, NOT_FOUND) or {}
        return sorted(answer.get("ingestionJobSummaries", []), key=lambda job: job["startedAt"], reverse=True)


class BedrockAgentResource(BedrockAgentCalls, Resource):
    """A resource that is found by its name among all of its kind, and changed by its id."""

    resent: tuple[str, ...] = ()  # members of the description that an update must say again

    def prepare(self) -> None:
        # AWS takes no token of less than 33 characters.
        self.token = str(uuid.uuid4())

    def find(self) -> dict | None:
        # What lies in a knowledge base that a dry run only predicts isn't there, either.
        return None if any(placeholder(value) for value in self.named(self.describe.names).values()) else super().find()

    def reasons(self, current: dict) -> str:
        return " ".join(f"{reason.rstrip('.')}." for reason in current.get("failureReasons") or [])

    def update_request(self, name: str, changes: Mapping[str, Any], current: dict) -> dict:
        """The whole of the resource: AWS asks for all that it had when it was made, and resets what isn't sent."""
        kept = {member: copy.deepcopy(current[member]) for member in self.resent if current.get(member)}
        request = {**self.named(), **self.target(self.updates[name], current), **kept}
        for setting in self.settings_of(name):
            value = self.options[setting.option]
            if value in ("", []):
                drop_path(request, setting.path)
            elif value is not None:
                set_path(request, setting.path, self.encoded(setting))
        return request


def drop_path(tree: dict, path: str) -> None:
    """Take away what stands at a dotted path of nested dicts."""
    parent, _dot, last = path.rpartition(".")
    get_path(tree, parent, {}).pop(last, None)
