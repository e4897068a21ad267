# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records, identifiers and tags that the EC2 shims share."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from ministack.services import ec2

from ...wire import AWSError, matches_filters


def new_id(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(9)[:17]}"


def tag_list(resource_id: str) -> list[dict[str, str]]:
    return list(ec2._tags.get(resource_id, []))


def tag_dict(resource_id: str) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tag_list(resource_id)}


def store_tags(request: Mapping[str, Any], resource_type: str, resource_id: str) -> None:
    """Keep the tags that a create call carries for the resource itself."""
    for specification in request.get("TagSpecifications", []):
        if specification.get("ResourceType") == resource_type and specification.get("Tags"):
            ec2._tags[resource_id] = [
                {"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in specification["Tags"]
            ]


def select(
    records: Iterable[Mapping[str, Any]],
    id_member: str,
    wanted_ids: list[str] | None,
    filters: list[Mapping[str, Any]] | None,
    members: Mapping[str, str],
    not_found: str,
) -> list[dict[str, Any]]:
    """The records of a describe call with their tags. not_found is the error code for an id that isn't there."""
    by_id = {record[id_member]: record for record in records}
    for wanted in wanted_ids or []:
        if wanted not in by_id:
            raise AWSError(not_found, f"The ID '{wanted}' does not exist")
    chosen = [by_id[wanted] for wanted in wanted_ids] if wanted_ids else list(by_id.values())
    return [
        {**record, "Tags": tag_list(record[id_member])}
        for record in chosen
        if matches_filters(record, filters or [], members, tag_dict(record[id_member]))
    ]


def vpc_of(vpc_id: str | None) -> dict[str, Any]:
    vpc = ec2._vpcs.get(vpc_id or ec2._DEFAULT_VPC_ID)
    if vpc is None:
        raise AWSError("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
    return vpc


def subnet_of(subnet_id: str) -> dict[str, Any]:
    subnet = ec2._subnets.get(subnet_id)
    if subnet is None:
        raise AWSError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
    return subnet


def security_group_of(group_id: str) -> dict[str, Any]:
    group = ec2._security_groups.get(group_id)
    if group is None:
        raise AWSError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
    return group


def dependency_violation(kind: str, resource_id: str) -> AWSError:
    return AWSError("DependencyViolation", f"The {kind} '{resource_id}' has dependencies and cannot be deleted.")
