# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What replaces the value of a secret in steps: its versions by their labels, and steps that can be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .calls import Calls, Patience, Repeat
from .faults import ResourceError, error_code

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

# Labels of the versions of a secret: the one that clients read, and the one that a rotation is bringing in.
CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
MISSING = ("ResourceNotFoundException",)
# So long it is waited before looking whether a change was made of which no answer came.
SEEN_AFTER = 10.0


class SecretVersions(Calls):
    """A secret and its versions by their labels. The values are read one by one, and shown nowhere."""

    service = "secretsmanager"

    def __init__(self, module: AnsibleAWSModule, secret_id: str):
        super().__init__(module)
        self.secret_id = secret_id
        self.title = f"secret {secret_id!r}"

    def listed(self, deprecated: bool = False) -> list[dict]:
        """The versions that have a label; with deprecated also those without, until Secrets Manager removes them."""
        request: dict[str, Any] = {"SecretId": self.secret_id}
        request |= {"IncludeDeprecated": True, "MaxResults": 100} if deprecated else {}
        answer = self.read("ListSecretVersionIds", request, MISSING) or {}
        found = answer.get("Versions", [])
        while deprecated and answer.get("NextToken"):
            answer = self.read("ListSecretVersionIds", {**request, "NextToken": answer["NextToken"]}, MISSING) or {}
            found = [*found, *answer.get("Versions", [])]
        return found

    def versions(self) -> dict[str, dict]:
        """The versions that have a label, by it."""
        return {label: version for version in self.listed() for label in version.get("VersionStages", [])}

    def current(self) -> dict:
        """The version that clients read."""
        versions = self.versions()
        if CURRENT not in versions:
            raise ResourceError(
                f"The {self.title} has no value. Make it first: agent_platform.aws.secretsmanager_secret."
            )
        return versions[CURRENT]

    def value(self, version_id: str) -> str:
        """The value of a version; empty where there is none any more."""
        request = {"SecretId": self.secret_id, "VersionId": version_id}
        answer = self.read("GetSecretValue", request, MISSING, f"read the value of {self.title}")
        value = (answer or {}).get("SecretString", "")
        if value:
            self.module.no_log_values.add(value)
        return value

    def generated(self, length: int) -> str:
        """Letters and digits that Secrets Manager makes up."""
        rules = {"PasswordLength": length, "ExcludePunctuation": True, "RequireEachIncludedType": True}
        value = self.read("GetRandomPassword", rules, doing=f"generate a value of {self.title}")["RandomPassword"]
        self.module.no_log_values.add(value)
        return value

    def put(self, label: str, version_id: str, value: str, what: str) -> None:
        """Put in a version with that label, unless there is one of that id already. what: the words for it."""
        request: dict[str, Any] = {
            "SecretId": self.secret_id,
            "SecretString": value,
            "VersionStages": [label],
            "ClientRequestToken": version_id,
        }
        try:
            self.write("PutSecretValue", request, f"put {what} in {self.title}")
        except ResourceError as error:
            # A reply was lost, or another run was first.
            if error_code(error.cause) != "ResourceExistsException":
                raise

    def move(self, label: str, to: str | None, versions: Mapping[str, Mapping]) -> None:
        """Put a label on a version, from where it is; on none, it is removed."""
        request = {"SecretId": self.secret_id, "VersionStage": label}
        request |= {"MoveToVersionId": to} if to else {}
        holder = versions.get(label, {}).get("VersionId")
        request |= {"RemoveFromVersionId": holder} if holder else {}
        if to != holder:
            self.write("UpdateSecretVersionStage", request, f"move the label {label} of {self.title}")


class Stepwise:
    """Steps that each decide anew by what there is, and so can be taken again after any failure."""

    options: Mapping[str, Any]
    patience: Patience
    changed: bool

    def begin(self) -> dict:
        """Let in with what is new, beside what is old, and tell it."""
        raise NotImplementedError

    def finish(self) -> dict:
        """Let in with what is new alone."""
        raise NotImplementedError

    def run(self) -> dict:
        """Take the step that the module was called for. Returns the module's result."""
        step: Callable[[], dict] = {"begin": self.begin, "finish": self.finish}[self.options["step"]]
        while True:
            try:
                return step()
            except Repeat as repeat:
                self.patience.pause(repeat)
                if repeat.may_be_done:
                    self.changed = True
                    time.sleep(SEEN_AFTER)
