# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Amazon EKS modules have in common: updates that outlast the call, health issues, the cluster they need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .faults import ResourceError
from .resource import Resource

# The tag that tells the components of one platform apart.
COMPONENT_TAG = "Component"

NOT_FOUND = ("ResourceNotFoundException",)
TOKEN = "clientRequestToken"

# What helps against the codes that EKS gives in health issues and failed updates.
REMEDIES = {
    "AccessDenied": "Check the permissions of the role and its access entry.",
    "AsgInstanceLaunchFailures": "Look at the activity of the Auto Scaling group; other instance types may be had.",
    "ConfigurationConflict": "Set resolve_conflicts to OVERWRITE, or to PRESERVE for an update.",
    "IamNodeRoleNotFound": "Create the node role again under the same name.",
    "InsufficientFreeAddresses": "Free addresses in the subnets.",
    "InsufficientNumberOfReplicas": "Check that there are enough nodes on which its pods may run.",
    "InstanceLimitExceeded": "Ask for a higher quota of instances in Service Quotas.",
    "IpNotAvailable": "Free addresses in the subnets.",
    "NodeCreationFailure": "Check the node role, the route to the control plane and the launch template.",
    "OperationNotPermitted": "Give the cluster's role the policy AmazonEKSClusterPolicy.",
    "PodEvictionFailure": "Loosen the pod disruption budget that holds the pods, or set force to true.",
}


class EksResource(Resource):
    """A cluster or something in it. Changes are asynchronous: each update call returns an id to follow."""

    service = "eks"
    update_names: Mapping[str, str] = {}  # member of DescribeUpdate -> option
    # Now and then EKS says it so.
    absent = {"ClientException": ("No cluster found",)}
    # Another change is under way, or what was asked is there already (a reply was lost): look again.
    passing = {
        "ResourceInUseException": ("in progress", "currently", "not in Active State", "not in ACTIVE state"),
        "InvalidRequestException": ("in progress", "currently being", "not in ACTIVE state"),
        "InvalidParameterException": ("already at the desired configuration", "No changes needed"),
    }

    under_way: str | None = None  # ID of the update that the last call has started

    # ---- Updates

    def before_update(self, name, current):
        # EKS takes one change at a time: without wait only the last one is left to itself.
        self.finish_update()

    def updated(self, name, response):
        self.under_way = (response.get("update") or {}).get("id")
        if self.options["wait"]:
            self.finish_update()

    def before_delete(self, current):
        super().before_delete(current)
        self.finish_update()

    def finish_update(self) -> None:
        """Wait for the update that an earlier call has started."""
        if not self.under_way:
            return
        update_id, self.under_way = self.under_way, None
        request, doing = self.named(self.update_names), f"follow the update of {self.title}"

        def update() -> Mapping:
            response = self.read("DescribeUpdate", {**request, "updateId": update_id}, NOT_FOUND, doing)
            return (response or {}).get("update", {})

        seen: Mapping = {}
        for seen in self.looks(update, self.wait_timeout, pause=min(1.0, self.poll), longest=self.poll):
            if seen.get("status") == "Successful":
                return
            if seen.get("status") in ("Failed", "Cancelled"):
                raise ResourceError(self._update_failed(seen))
        kind, status = seen.get("type", "update"), seen.get("status", "not visible")
        raise ResourceError(
            f"The {kind} of {self.title} is still {status} after {self.wait_timeout} s. "
            "Run again to go on waiting, or raise the timeout."
        )

    def _update_failed(self, update: Mapping) -> str:
        errors = [
            {
                "code": error.get("errorCode"),
                "message": error.get("errorMessage"),
                "resourceIds": error.get("resourceIds"),
            }
            for error in update.get("errors") or []
        ]
        end = "was cancelled" if update["status"] == "Cancelled" else "failed"
        reason = (update.get("cancellation") or {}).get("reason")
        told = explained(errors) or reason or "EKS gives no reason."
        return f"The {update.get('type', 'update')} of {self.title} {end}. {told}"

    def settle(self, current, acted=False):
        # Without wait nobody has looked whether the change has reached the state yet.
        return super().settle(current, acted and self.options["wait"])

    # ---- Words

    def reasons(self, current):
        return explained((current.get("health") or {}).get("issues") or [])

    # ---- Whose it is

    def in_our_place(self, current):
        """What lies in a cluster of ours does. Components share the cluster."""
        if "cluster_name" not in self.options:
            return False
        around = (self.cluster() or {}).get("tags") or {}
        owner = self.options["owned_by"]
        return all(around.get(key) == str(value) for key, value in owner.items() if key != COMPONENT_TAG)

    # ---- The cluster

    def cluster(self) -> dict | None:
        """The cluster that the resource belongs to."""
        name = self.options["cluster_name"]
        response = self.read("DescribeCluster", {"name": name}, NOT_FOUND, f"read EKS cluster {name!r}")
        return response["cluster"] if response else None

    def usable_cluster(self) -> dict:
        """The cluster, waited for if it is being made or changed. An error names what to run when there is none."""
        name = self.options["cluster_name"]
        status = None
        for cluster in self.looks(self.cluster, self.wait_timeout, pause=self.poll, longest=self.poll):
            if cluster is None:
                raise self.no_cluster()
            status = cluster.get("status")
            if status in ("FAILED", "DELETING"):
                raise ResourceError(
                    f"EKS cluster {name!r} is {status}, so {self.title} can't be made. "
                    "Bring the cluster into being first: agent_platform.aws.eks_cluster with state: present."
                )
            if status not in ("CREATING", "PENDING", "UPDATING") or not self.options["wait"]:
                return cluster
        raise ResourceError(
            f"EKS cluster {name!r} is still {status} after {self.wait_timeout} s, "
            f"so {self.title} can't be made. Run again to go on waiting, or raise the timeout."
        )

    def no_cluster(self) -> ResourceError:
        return ResourceError(
            f"EKS cluster {self.options['cluster_name']!r} doesn't exist in region {self.module.region}, "
            f"so {self.title} can't be made. Check cluster_name and the region, or create the cluster first: "
            "agent_platform.aws.eks_cluster."
        )


def explained(issues: Iterable[Mapping]) -> str:
    """Health issues or errors as sentences: code, message, what they concern, and what helps."""
    texts = []
    for issue in issues:
        resources = ", ".join(issue.get("resourceIds") or [])
        text = f"{issue.get('code')}: {(issue.get('message') or 'no message').rstrip('. ')}"
        text += f" ({resources})." if resources else "."
        remedy = REMEDIES.get(issue.get("code") or "")
        texts.append(f"{text} {remedy}" if remedy else text)
    return " ".join(texts)


def minor_version(text: str, what: str) -> tuple[int, int]:
    """The two numbers of a Kubernetes version."""
    match = re.fullmatch(r"(\d+)\.(\d{2,})", text)
    if not match:
        raise ResourceError(
            f'{what} must be a Kubernetes minor version in quotes, such as "1.34", not {text!r}: '
            "without quotes YAML reads 1.30 as the number 1.3."
        )
    return int(match[1]), int(match[2])
