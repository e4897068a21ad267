# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controllers in an EKS cluster have made in AWS, known by the tags that they give.

Load balancers come from services and ingresses, with target groups and security groups, volumes from volume claims.
Nobody removes them once the cluster is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

# The whole answer to a call: service, operation, request.
Read = Callable[[str, str, Mapping[str, Any]], "dict | None"]

# Load balancing tells the tags of so many at once.
MOST_WITH_TAGS = 20


@dataclass(frozen=True)
class Kind:
    """A kind of thing that controllers make.

    listed: the call that lists them; path: where they are in its answer. identifier: the member by which calls name
    one. tags: the member that takes several identifiers in DescribeTags; empty where the list has the tags. vpc: the
    member with the id of its VPC. delete: the call that removes one.
    """

    title: str
    service: str
    listed: str
    path: str
    identifier: str
    delete: str
    tags: str = ""
    vpc: str = ""


# In the order in which they can be removed.
KINDS = (
    Kind(
        "load balancer",
        "elbv2",
        "DescribeLoadBalancers",
        "LoadBalancers",
        "LoadBalancerArn",
        "DeleteLoadBalancer",
        tags="ResourceArns",
        vpc="VpcId",
    ),
    Kind(
        "classic load balancer",
        "elb",
        "DescribeLoadBalancers",
        "LoadBalancerDescriptions",
        "LoadBalancerName",
        "DeleteLoadBalancer",
        tags="LoadBalancerNames",
        vpc="VPCId",
    ),
    Kind(
        "target group",
        "elbv2",
        "DescribeTargetGroups",
        "TargetGroups",
        "TargetGroupArn",
        "DeleteTargetGroup",
        tags="ResourceArns",
        vpc="VpcId",
    ),
    Kind(
        "security group",
        "ec2",
        "DescribeSecurityGroups",
        "SecurityGroups",
        "GroupId",
        "DeleteSecurityGroup",
        vpc="VpcId",
    ),
    Kind("volume", "ec2", "DescribeVolumes", "Volumes", "VolumeId", "DeleteVolume"),
)


@dataclass(frozen=True)
class Made:
    """One thing that a controller has made."""

    kind: Kind
    identifier: str
    name: str

    def __str__(self) -> str:
        told = f"{self.kind.title} {self.identifier.rpartition(':')[2]}"
        return f"{told} ({self.name})" if self.name and self.name not in told else told


def marks(cluster: str) -> dict[str, str]:
    """The tags by which a controller says for which cluster something is; one of them is enough."""
    return {
        f"kubernetes.io/cluster/{cluster}": "owned",
        "elbv2.k8s.aws/cluster": cluster,
        "eks:eks-cluster-name": cluster,
        "ebs.csi.aws.com/cluster-name": cluster,
        "KubernetesCluster": cluster,
    }


def is_made_for(cluster: str, tags: Mapping[str, str]) -> bool:
    # EKS's own security group of the cluster goes with it.
    return "aws:eks:cluster-name" not in tags and bool(marks(cluster).items() & tags.items())


def found(read: Read, kind: Kind, cluster: str, vpc_id: str | None = None) -> list[Made]:
    """What there is of one kind for the cluster, in the order of the identifiers. vpc_id: look in that VPC only."""
    request = {"Filters": [{"Name": "tag-key", "Values": list(marks(cluster))}]} if not kind.tags else {}
    things = {
        thing[kind.identifier]: thing
        for thing in (read(kind.service, kind.listed, request) or {}).get(kind.path, [])
        if not vpc_id or not kind.vpc or thing.get(kind.vpc) == vpc_id
    }
    tags = {identifier: thing.get("Tags") for identifier, thing in things.items()}
    if kind.tags:
        tags = dict(_tags(read, kind, sorted(things)))
    known = {identifier: boto3_tag_list_to_ansible_dict(those or []) for identifier, those in sorted(tags.items())}
    return [
        Made(kind, identifier, _name(things[identifier], those))
        for identifier, those in known.items()
        if is_made_for(cluster, those)
    ]


def _tags(read: Read, kind: Kind, identifiers: list[str]) -> Iterator[tuple[str, list]]:
    for start in range(0, len(identifiers), MOST_WITH_TAGS):
        batch = identifiers[start : start + MOST_WITH_TAGS]
        told = read(kind.service, "DescribeTags", {kind.tags: batch})
        # One that has just gone is a refusal for all.
        answers = [told]
        if told is None and len(batch) > 1:
            answers = [read(kind.service, "DescribeTags", {kind.tags: [one]}) for one in batch]
        for answer in answers:
            for item in (answer or {}).get("TagDescriptions", []):
                yield item.get("ResourceArn") or item["LoadBalancerName"], item.get("Tags", [])


def _name(thing: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """What people call it: what asks for it in the cluster, or its own name."""
    names = (
        tags.get("kubernetes.io/created-for/pvc/name"),
        thing.get("LoadBalancerName") or thing.get("TargetGroupName") or thing.get("GroupName"),
        tags.get("Name"),
    )
    return next((name for name in names if name), "")
