# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Amazon ElastiCache modules have in common: tags, the life of a replication group, its AUTH token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from .declarations import Addition, Describe, States, tag_list
from .faults import ResourceError
from .finding import Finding
from .resource import Resource
from .secret_rotation import PENDING, SecretVersions
from .values import get_path

# ElastiCache refuses a change, and to read tags, of a group that is being changed.
BUSY = "InvalidReplicationGroupState"
GROUP_MISSING = ("ReplicationGroupNotFoundFault",)
AVAILABLE = "available"

# Printable, 16 to 128 characters, and of the others than letters and digits these only.
TOKEN = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")

# Label of the version of a secret whose token the group has and is still to be made the only one.
OWED = "agent-platform-only"


class CacheResource(Resource):
    """A resource of ElastiCache, tagged by its ARN."""

    service = "elasticache"
    capital_members = True
    tagging = tag_list("AddTagsToResource", "RemoveTagsFromResource", by={"ResourceName": "ARN"})

    def prepare(self) -> None:
        # ElastiCache stores names so.
        self.options["name"] = self.options["name"].lower()


def tags_addition(*missing: str) -> Addition:
    """The tags, which no describe call of ElastiCache tells. missing: codes that say that they can't be read now."""
    return Addition("ListTagsForResource", "TagList", "Tags", by={"ResourceName": "ARN"}, missing=missing)


class CacheGroup(Finding):
    """A replication group, looked for and waited for. Its option name has the identifier."""

    service = "elasticache"
    kind = "replication group"
    names: Mapping[str, str] = {"ReplicationGroupId": "name"}
    describe = Describe("DescribeReplicationGroups", "ReplicationGroups", missing=GROUP_MISSING, many=True)
    states = States(
        "Status",
        ready=frozenset({AVAILABLE}),
        pending=frozenset({"creating", "modifying", "snapshotting"}),
        deleting=frozenset({"deleting"}),
        failed={"create-failed": "Mend the cause, which the events of ElastiCache tell, and run again."},
        remade=frozenset({"create-failed"}),
    )
    timeout = 1800
    # A cluster in it may still be busy when the group isn't any more.
    passing = {BUSY: ("",), "InvalidCacheClusterState": ("",)}

    def is_busy(self, group: Mapping) -> bool:
        """Whether something of it is being changed, its token among it."""
        token = get_path(group, "PendingModifiedValues.AuthTokenStatus")
        return self.state_of(group) in self.states.pending or token is not None

    def wait_available(self) -> dict:
        """The group, once nothing of it is being changed."""
        found = self.wait_until(lambda now: now is None or not self.is_busy(now), AVAILABLE)
        if found is None or self.state_of(found) != AVAILABLE:
            raise ResourceError(f"{self.title} is {self.state_of(found) or 'gone'}, and was to be changed. Run again.")
        return found

    def send_token(self, strategy: str, token: str) -> dict:
        """ROTATE lets in with this token beside the newest one so far; SET, only after that, with this one alone."""
        # Ansible takes it out of everything that the module says, even should AWS repeat it in a refusal.
        self.module.no_log_values.add(token)
        request = {
            "ReplicationGroupId": self.options["name"],
            "AuthToken": token,
            "AuthTokenUpdateStrategy": strategy,
            "ApplyImmediately": True,
        }
        self.write("ModifyReplicationGroup", request, f"{strategy.lower()} the AUTH token of {self.title}")
        return self.wait_available()


def token_is_older(group: Mapping, version: Mapping) -> bool:
    """Whether the group has had no token since this version of the secret was made: so it can't have the version's.

    ElastiCache tells no token, but when it got the last one. Times are those of AWS; equal ones mean after.
    """
    since: datetime | None = group.get("AuthTokenLastModifiedDate") or group.get("ReplicationGroupCreateTime")
    return not group.get("AuthTokenEnabled") or (since is not None and since < version["CreatedDate"])


class TokenSecret(SecretVersions):
    """The secret of a token."""

    def value(self, version_id: str) -> str:
        """The token of a version. An error if ElastiCache would refuse it; nothing shows it."""
        value = super().value(version_id)
        if not TOKEN.fullmatch(value):
            raise ResourceError(
                f"The value of {self.title} is no AUTH token: ElastiCache takes 16 to 128 letters, digits and "
                "! & # $ ^ < > -. Put another one in, or delete the secret and run again for a generated one."
            )
        return value

    def propose(self, length: int, version_id: str) -> None:
        """Put a generated token in, which nobody reads yet, unless there is that version already."""
        self.put(PENDING, version_id, self.generated(length), "a new token")
