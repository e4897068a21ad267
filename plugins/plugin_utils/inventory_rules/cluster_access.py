# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the way to the cluster's API, and whether whoever runs this is let in there.

Nobody is let in by having made the cluster. What EKS would say of it only when all else is built is said before.
"""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.principals import (
    ADMINISTRATOR,
    entry_lines,
    same_principal,
)

from .fault import Fault, fault
from .formats import PRINCIPAL_ARN

Values = Mapping[str, t.Any]
VARIABLE = "platform_cluster_access"
SWITCH = "eks_deployer_access"
ENTRIES = "eks_access_entries"


def way_faults(access: str | None, eks: Values, components: Collection[str]) -> Iterator[Fault]:
    """What keeps a tunnel through the bastion from leading to the API. components: those of the inventory."""
    if access != "tunnel":
        return
    if "bastion_instance" not in components:
        rule = "goes through the bastion, and the inventory has no host bastion_instance"
        yield fault(VARIABLE, access, f"{rule}: add it, or set {VARIABLE} to direct")
    if eks.get("eks_endpoint_private_access") is False:
        rule = "goes through the VPC, in which the API has no address while eks_endpoint_private_access is false"
        yield fault(VARIABLE, access, f"{rule}: set that to true, or {VARIABLE} to direct")


class Deployer:
    """Who runs this, and what the inventory and the cluster have for him. building: whether eks is part of the run."""

    def __init__(self, eks: Values, found: Values, building: bool):
        self.arn: str = found["principal_arn"]
        self.rights: str | None = found["rights"]
        self.building = building
        self.switch = bool(eks.get(SWITCH))
        self.may_be_mapped = eks.get("eks_authentication_mode") == "API_AND_CONFIG_MAP"
        entries = list(enumerate(eks.get(ENTRIES) or []))
        named = [(index, entry) for index, entry in entries if same_principal(entry.get("principal_arn", ""), self.arn)]
        self.index, self.entry = named[0] if named else (None, {})
        self.declared = bool(named) and self.entry.get("state") != "absent"

    @property
    def declared_administrator(self) -> bool:
        return self.declared and any(
            policy.get("policy") == ADMINISTRATOR and policy.get("scope", "cluster") == "cluster"
            for policy in self.entry.get("policies") or []
        )

    @property
    def has_groups(self) -> bool:
        """RBAC of the cluster's own may give them all that is needed, which can't be seen from outside."""
        return bool(self.entry.get("kubernetes_groups")) if self.declared else self.rights == "groups"

    def contradiction(self) -> Fault | None:
        if not self.switch or self.index is None or self.declared_administrator:
            return None
        if not self.declared:
            return fault(SWITCH, True, f"lets in {self.arn}, whose entry {ENTRIES}[{self.index}] takes away: drop one")
        return fault(
            SWITCH,
            True,
            f"makes {self.arn} an administrator, and {ENTRIES}[{self.index}] doesn't: drop the switch, or add"
            f" {{policy: {ADMINISTRATOR}}} to its policies",
        )

    def lack(self) -> Fault | None:
        """Why the API won't let this run do what it has to, and what to write."""
        runs_as = f"this run is {self.arn}, and"
        if self.building and self.index is not None and not self.declared:
            return Fault(
                ENTRIES, f"{runs_as} its entry {ENTRIES}[{self.index}] is taken away by this run: leave it there"
            )
        if self.building and self.declared and not self.declared_administrator:
            return fault(
                f"{ENTRIES}[{self.index}].policies",
                self.entry.get("policies") or [],
                f"is too little: {runs_as} needs all rights in the cluster; add {{policy: {ADMINISTRATOR}}}",
            )
        if (self.building and (self.declared_administrator or self.switch)) or self.rights in ("administrator", None):
            return None
        if self.declared_administrator or self.switch:
            return Fault(ENTRIES, f"{runs_as} its entry isn't in the cluster yet: run site.yml --limit eks first")
        add = f"set {SWITCH}: true"
        if PRINCIPAL_ARN.fullmatch(self.arn):
            add = f"add {entry_lines(self.arn)}, or {add}"
        if not self.building:
            add += ", and run site.yml --limit eks"
        has = "has no access entry" if self.rights == "none" else "has too few rights"
        return Fault(ENTRIES, f"{runs_as} {has} in the cluster, which nobody has by having made it: {add}")


def access_faults(eks: Values, found: Values, building: bool) -> Iterator[Fault]:
    """What keeps the run out of the cluster. found: what platform_info tells of
    the deployer. building: whether eks is part of the run."""
    if not found.get("principal_arn"):
        return
    deployer = Deployer(eks, found, building)
    contradiction = deployer.contradiction()
    if contradiction:
        yield contradiction
    elif not deployer.has_groups and not deployer.may_be_mapped and (lack := deployer.lack()):
        yield lack


def access_warnings(eks: Values, found: Values, building: bool) -> Iterator[Fault]:
    """The same where it can't be told from outside, because of groups of Kubernetes or the aws-auth ConfigMap."""
    if not found.get("principal_arn"):
        return
    deployer = Deployer(eks, found, building)
    if not deployer.contradiction() and (deployer.has_groups or deployer.may_be_mapped) and (lack := deployer.lack()):
        yield lack._replace(text=f"{lack.text}; only RBAC or the aws-auth ConfigMap in the cluster may say otherwise")


def removal_access_faults(eks: Values, found: Values, building: bool) -> Iterator[Fault]:
    """The same for a run that takes away what is in the cluster, which as a whole may go without anybody looking in."""
    for lack in access_faults(eks, found, building):
        text = f"{lack.text}. Or leave what is in the cluster to its removal: -e {VARIABLE}=none"
        yield lack._replace(text=text)
