# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Aurora clusters and their instances have in common: states, changes that wait for a window or a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .declarations import Change
from .finding import VISIBLE_AFTER
from .rds import RdsResource
from .values import get_path, placeholder

# What a database is busy with. RDS lists no names of states in its API; one that isn't known here counts as ready.
BUSY = frozenset(
    {
        "backing-up",
        "backtracking",
        "configuring-activity-stream",
        "configuring-associated-roles",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "converting-to-vpc",
        "creating",
        "failing-over",
        "maintenance",
        "migrating",
        "modifying",
        "moving-to-vpc",
        "preparing-data-migration",
        "promoting",
        "rebooting",
        "recovering",
        "renaming",
        "resetting-master-credentials",
        "scaling-compute",
        "scaling-storage",
        "starting",
        "stopping",
        "storage-config-upgrade",
        "storage-initialization",
        "update-iam-db-auth",
        "upgrading",
    }
)
READY = frozenset({"available", "storage-optimization"})
DELETING = frozenset({"deleting", "delete-precheck"})
KEY = "Let RDS use its KMS key again (enabled, grants in place); RDS goes on by itself, or restore the last backup."
FAILED = {
    "cloning-failed": "Remove it and clone again.",
    "failed": "It can't be used any more: restore from a backup or a snapshot.",
    "inaccessible-encryption-credentials": KEY,
    "inaccessible-encryption-credentials-recoverable": f"{KEY} Start it then, and run again.",
    "incompatible-create": "Mend the cause, remove it and run again.",
    "incompatible-network": "Mend the subnets and security groups that it names, and run again.",
    "incompatible-option-group": "Undo the last change of its options, and run again.",
    "incompatible-restore": "Restore with other settings, or from another moment.",
    "insufficient-capacity": "AWS has no capacity of this class in the zone now: take another class or zone.",
    "migration-failed": "Remove it and migrate again.",
    "restore-error": "Restore from another snapshot or moment.",
    "stopped": "Start it (aws rds start-db-cluster), and run again.",
}
DEGRADED = {
    "incompatible-parameters": "Undo the last change of the parameters of its groups, and restart it.",
    "storage-full": "Give it more storage, or delete data.",
}

# What is under way keeps RDS from taking a change; it ends by itself.
UNDER_WAY = (
    "not currently in the available state",
    "not in available state",
    "is not available",
    "is in creating state",
    "is in modifying state",
    "is in upgrading state",
    "is in backing-up state",
    "is in configuring",
    "is in renaming state",
    "is in failing-over state",
    "expected it to be one of available",
)
# A role or a group of a moment ago that RDS doesn't know yet.
NOT_YET = {
    "InvalidParameterValue": (
        "IAM role ARN value is invalid or does not include the required permissions",
        "create service linked role",
    ),
    "DBSubnetGroupNotFoundFault": ("",),
}


def lower(name: str) -> str:
    """RDS keeps identifiers and days in lower case."""
    return name.lower()


def major(version: str) -> str:
    return version.split(".")[0]


class Database(RdsResource):
    """A cluster, or an instance.

    Without apply_immediately RDS keeps what would interrupt it until the maintenance window, and says what it keeps in
    PendingModifiedValues: that is as declared, then, and told of.
    """

    pending_members: Mapping[str, str] = {}  # option -> member of PendingModifiedValues
    update_call: str

    def prepare(self) -> None:
        self.options["name"] = lower(self.options["name"])
        self.waiting: dict[str, Any] = {}

    def changes(self, current: Mapping) -> dict[str, Change]:
        found = super().changes(current)
        self.waiting = {}
        if not self.options["apply_immediately"]:
            for option, change in list(found.items()):
                kept = get_path(current, f"PendingModifiedValues.{self.pending_members.get(option)}")
                if kept is not None and change.setting.satisfied(kept, change.desired):
                    self.waiting[option] = found.pop(option).desired
        return found

    def update_request(self, name: str, changes: Mapping[str, Change], current: dict) -> dict:
        request = super().update_request(name, changes, current)
        if self.updates[name].operation == self.update_call:
            request["ApplyImmediately"] = self.options["apply_immediately"]
        return request

    def run(self) -> dict:
        result = super().run()
        if self.options["state"] == "present":
            if self.waiting:
                window = result[self.result].get("preferred_maintenance_window")
                waits = ", ".join(f"{option} ({value})" for option, value in self.waiting.items())
                self.module.warn(
                    f"{self.title}: {waits} takes effect in the maintenance window ({window}, UTC). "
                    "apply_immediately: true does it now."
                )
            self.tell_of_restarts(result[self.result])
        return result

    def tell_of_restarts(self, shown: Mapping) -> None:
        """Warn of what takes effect with the next restart only."""

    def stays(self, changes: Mapping[str, Change], option: str) -> bool:
        """Whether an option that can't be compared yet or hasn't changed needs no rule."""
        return option not in changes or placeholder(changes[option].desired)

    def settled(self) -> dict | None:
        """The database once what is under way has ended."""
        return self.wait_until(lambda now: now is None or self.state_of(now) not in self.states.pending, "available")

    def until_shown(self, update: str, current: dict) -> dict:
        """Wait until a change is there: RDS shows for some seconds after it has accepted one what was before."""
        if self.options["wait"] and self.changed_by(update, self.changes(current)):
            for look in self.looks(self.at_rest, VISIBLE_AFTER, pause=1.0, longest=5.0):
                current = look
                if not self.changed_by(update, self.changes(current)):
                    break
        return current

    def at_rest(self) -> dict:
        return self.settle(self.seen(self.find()), acted=True)
