# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The secrets of a Cognito app client, and which of them a version of a secret in Secrets Manager tells.

A client has at most two secrets, each with an id, and any of them gets a token. Cognito tells the value of one only
where it has generated it: when the secret is made, and, of the client's first one, with the client. So the id of the
version that tells a secret is derived of the secret's id and of what stands beside it in the version: no value must be
read to see that the current version is right.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .calls import Calls
from .cognito import NOT_FOUND
from .faults import ResourceError
from .finding import LOST_AFTER

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

# How many secrets a client has at most.
MOST = 2
# The client's first secret is made with it; in so many seconds its two dates lie.
TOGETHER = 60.0


def version_of(key: str, credentials: Mapping[str, str]) -> str:
    """The id of the version that tells a secret of a client. key: the id of that secret."""
    parts = (key, credentials["client_id"], credentials["token_url"], credentials["scopes"])
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\n".join(parts)))


def proposal_beside(key: str) -> str:
    """The id of the version with the value that is to become a second secret beside this one."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"beside {key}"))


def as_text(credentials: Mapping[str, str], secret: str) -> str:
    """What a version tells."""
    members = ("client_id", "client_secret", "token_url", "scopes")
    return json.dumps({member: secret if member == "client_secret" else credentials[member] for member in members})


def parsed(text: str) -> dict[str, str] | None:
    """What a version tells; None where it isn't what as_text() makes."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    members = {"client_id", "client_secret", "token_url", "scopes"}
    right = isinstance(found, dict) and set(found) == members and all(isinstance(item, str) for item in found.values())
    return found if right else None


class ClientSecrets(Calls):
    """The secrets of one app client."""

    service = "cognito-idp"

    def __init__(self, module: AnsibleAWSModule, user_pool_id: str, client_id: str):
        super().__init__(module)
        self.client_id = client_id
        self.target = {"UserPoolId": user_pool_id, "ClientId": client_id}
        self.title = f"app client {client_id!r} of user pool {user_pool_id!r}"

    def hide(self, secret: str) -> str:
        """Have Ansible take it out of everything that the module says."""
        self.module.no_log_values.add(secret)
        return secret

    def listed(self) -> list[dict]:
        """Ids and dates of the secrets, the oldest first."""
        found = None
        # A client that was made a moment ago may not be known everywhere yet.
        for found in self.looks(self._listed, LOST_AFTER, pause=1.0, longest=5.0):
            if found is not None:
                return sorted(found, key=lambda key: (key["ClientSecretCreateDate"], key["ClientSecretId"]))
        raise ResourceError(f"There is no {self.title}. Make it first.")

    def _listed(self) -> list[dict] | None:
        answer = self.read("ListUserPoolClientSecrets", self.target, NOT_FOUND)
        return None if answer is None else answer.get("ClientSecrets", [])

    def ids(self) -> list[str]:
        """Ids of the secrets, the oldest first."""
        return [key["ClientSecretId"] for key in self.listed()]

    def first(self, keys: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """The secret that was made with the client by its id, if the client still has it and Cognito tells it."""
        answer = self.read("DescribeUserPoolClient", self.target, NOT_FOUND)
        client = (answer or {}).get("UserPoolClient", {})
        if not client.get("ClientSecret"):
            return {}
        secret = self.hide(client["ClientSecret"])
        oldest = next(iter(keys), None)
        if oldest is None:
            return {}
        apart = oldest["ClientSecretCreateDate"] - client["CreationDate"]
        return {oldest["ClientSecretId"]: secret} if abs(apart.total_seconds()) <= TOGETHER else {}

    def add(self, secret: str | None = None) -> dict:
        """Give the client one secret more: this one, or one that Cognito generates and tells in its answer."""
        request = {**self.target, **({"ClientSecret": secret} if secret else {})}
        answer = self.write("AddUserPoolClientSecret", request, f"add a secret to {self.title}")
        descriptor = answer["ClientSecretDescriptor"]
        if descriptor.get("ClientSecretValue"):
            self.hide(descriptor["ClientSecretValue"])
        return descriptor

    def remove(self, key: str) -> None:
        """Take a secret from the client."""
        request = {**self.target, "ClientSecretId": key}
        self.write("DeleteUserPoolClientSecret", request, f"remove the secret {key} of {self.title}", NOT_FOUND)
