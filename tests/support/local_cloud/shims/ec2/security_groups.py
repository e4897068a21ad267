# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Security groups: rule descriptions, refusal to delete what is in use, the default group as AWS makes it.

ministack doesn't know UpdateSecurityGroupRuleDescriptionsIngress and -Egress, deletes a group that other groups refer
to, and makes a VPC's default group without the rule by which its members reach each other. It keeps a permission with
several ranges as one rule, finds a rule again only when it's sent in exactly the same words (with or without the
owner of a group), takes a rule twice, and no prefix list. On AWS, and here, each range is a rule of its own, groups
always have an owner, a second authorization is a duplicate, and describe calls gather the rules by protocol and ports.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from ...wire import AWSError, Response
from .. import elbv2
from ..patching import QueryShims
from .instances import interfaces
from .records import security_group_of, select, vpc_of
from .vpc_endpoints import live_endpoints

_RANGES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
    "UserIdGroupPairs": "GroupId",
}
_FILTERS = {
    "description": "Description",
    "egress.ip-permission.group-id": "_egress_peers",
    "ip-permission.group-id": "_ingress_peers",
    "group-id": "GroupId",
    "group-name": "GroupName",
    "owner-id": "OwnerId",
    "vpc-id": "VpcId",
}
_sent_permissions = ec2._parse_ip_permissions


def install(shims: QueryShims) -> None:
    ec2._parse_ip_permissions = _rules
    ec2._rules_match = _is_same_rule
    shims.replace("DescribeSecurityGroups", _describe)
    shims.replace("UpdateSecurityGroupRuleDescriptionsIngress", lambda request: _describe_rules(request, egress=False))
    shims.replace("UpdateSecurityGroupRuleDescriptionsEgress", lambda request: _describe_rules(request, egress=True))
    shims.guard("DeleteSecurityGroup", _refuse_group_in_use)
    shims.guard("CreateSecurityGroup", lambda request: vpc_of(request.get("VpcId")) and None)
    for egress, direction in ((False, "Ingress"), (True, "Egress")):
        shims.guard(f"AuthorizeSecurityGroup{direction}", functools.partial(_check_new_rules, egress))
        shims.guard(f"RevokeSecurityGroup{direction}", functools.partial(_check_known_rules, egress))
    shims.after("CreateVpc", _complete_default_groups)


def _rules_key(egress: bool) -> str:
    return "IpPermissionsEgress" if egress else "IpPermissions"


def _describe_rules(request: dict[str, Any], egress: bool) -> dict[str, Any]:
    group = security_group_of(request["GroupId"])
    for wanted in request.get("SecurityGroupRuleDescriptions", []):
        rule = next(
            (
                rule
                for rule in group[_rules_key(egress)]
                if ec2._sg_rule_id(group["GroupId"], egress, rule) == wanted["SecurityGroupRuleId"]
            ),
            None,
        )
        if rule is None:
            raise AWSError(
                "InvalidSecurityGroupRuleId.NotFound",
                f"The security group rule ID '{wanted['SecurityGroupRuleId']}' does not exist",
            )
        for _kind, entry in _entries(rule):
            entry["Description"] = wanted.get("Description", "")
    for permission in request.get("IpPermissions", []):
        for kind, wanted_entry in _entries(permission):
            _set_description(group, egress, permission, kind, wanted_entry)
    return {"Return": True}


def _set_description(
    group: dict[str, Any], egress: bool, permission: dict[str, Any], kind: str, wanted: dict[str, Any]
) -> None:
    member = _RANGES[kind]
    for rule in group[_rules_key(egress)]:
        if any(rule.get(part) != permission.get(part) for part in ("IpProtocol", "FromPort", "ToPort")):
            continue
        for entry in rule.get(kind, []):
            if entry.get(member) == wanted.get(member):
                entry["Description"] = wanted.get("Description", "")
                rule.pop("Description", None)
                return
    raise AWSError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.", 400)


def _entries(rule: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in _RANGES:
        for entry in rule.get(kind, []):
            yield kind, entry


def _references(group: Mapping[str, Any]) -> set[str]:
    return {
        pair["GroupId"]
        for key in ("IpPermissions", "IpPermissionsEgress")
        for rule in group[key]
        for pair in rule.get("UserIdGroupPairs", [])
        if pair.get("GroupId")
    }


def _refuse_group_in_use(request: dict[str, Any]) -> None:
    group_id = request.get("GroupId")
    referring = any(
        group_id in _references(group) for other, group in ec2._security_groups.items() if other != group_id
    )
    used = any(group_id in endpoint["_group_ids"] for endpoint in live_endpoints())
    used |= any(group["GroupId"] == group_id for interface in interfaces() for group in interface["Groups"])
    used |= group_id in elbv2.groups_in_use()
    if referring or used:
        raise AWSError("DependencyViolation", f"resource {group_id} has a dependent object")


def _rules(params: Any, prefix: str) -> list[dict[str, Any]]:
    """The permissions of a request, one for each range, with the owner of each group."""
    permissions = _sent_permissions(params, prefix)
    for number, permission in enumerate(permissions, 1):
        permission["PrefixListIds"] = list(_prefix_lists(params, f"{prefix}.{number}.PrefixListIds"))
    return [rule for permission in permissions for rule in _single_rules(permission)]


def _prefix_lists(params: Any, prefix: str) -> Iterator[dict[str, str]]:
    for number in itertools.count(1):
        sent = {name: ec2._p(params, f"{prefix}.{number}.{name}") for name in ("PrefixListId", "Description")}
        if not sent["PrefixListId"]:
            return
        yield {name: value for name, value in sent.items() if value}


def _single_rules(permission: Mapping[str, Any]) -> list[dict[str, Any]]:
    rules = []
    for kind, entry in _entries(permission):
        rule: dict[str, Any] = {name: value for name, value in permission.items() if name not in _RANGES}
        rule |= {name: [] for name in _RANGES}
        rule[kind] = [{"UserId": get_account_id(), **entry} if kind == "UserIdGroupPairs" else dict(entry)]
        rules.append(rule)
    return rules


def _identity(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    targets = sorted((kind, entry.get(_RANGES[kind], "")) for kind, entry in _entries(rule))
    protocol = str(rule.get("IpProtocol", "-1"))
    # All protocols means all ports, whether they are sent or not.
    ports = (None, None) if protocol == "-1" else (rule.get("FromPort"), rule.get("ToPort"))
    return (protocol, *ports, *targets)


def _is_same_rule(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return _identity(first) == _identity(second)


def _check_new_rules(egress: bool, request: dict[str, Any]) -> None:
    group = security_group_of(request["GroupId"])
    present = [_identity(rule) for rule in group[_rules_key(egress)]]
    for rule in [rule for permission in request.get("IpPermissions", []) for rule in _single_rules(permission)]:
        for pair in rule["UserIdGroupPairs"]:
            if pair.get("GroupId"):
                security_group_of(pair["GroupId"])
        if _identity(rule) in present:
            raise AWSError("InvalidPermission.Duplicate", f'the specified rule "{_words(rule)}, ALLOW" already exists')
        present.append(_identity(rule))


def _check_known_rules(egress: bool, request: dict[str, Any]) -> None:
    group = security_group_of(request["GroupId"])
    present = [_identity(rule) for rule in group[_rules_key(egress)]]
    for rule in [rule for permission in request.get("IpPermissions", []) for rule in _single_rules(permission)]:
        if _identity(rule) not in present:
            raise AWSError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")


def _words(rule: Mapping[str, Any]) -> str:
    ((kind, entry),) = _entries(rule)
    ports = f", from port: {rule['FromPort']}, to port: {rule['ToPort']}" if "FromPort" in rule else ""
    return f"peer: {entry.get(_RANGES[kind])}, {str(rule['IpProtocol']).upper()}{ports}"


def _peers(group: Mapping[str, Any], egress: bool) -> list[str]:
    """The ids of the groups that the rules of a group name."""
    rules = group[_rules_key(egress)]
    return [pair["GroupId"] for rule in rules for pair in rule.get("UserIdGroupPairs", []) if "GroupId" in pair]


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    wanted = list(request.get("GroupIds", []))
    for group_id in wanted:
        if ec2._is_malformed_security_group_id(group_id):
            raise AWSError("InvalidGroupId.Malformed", f'Invalid id: "{group_id}"')
    names = {group["GroupName"]: group["GroupId"] for group in ec2._security_groups.values()}
    for name in request.get("GroupNames", []):
        if name not in names:
            raise AWSError("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
        wanted.append(names[name])
    records = [
        {**group, "_ingress_peers": _peers(group, egress=False), "_egress_peers": _peers(group, egress=True)}
        for group in ec2._security_groups.values()
    ]
    groups = select(records, "GroupId", wanted, request.get("Filters"), _FILTERS, "InvalidGroup.NotFound")
    return {
        "SecurityGroups": [
            {
                **group,
                "IpPermissions": _gathered(group["IpPermissions"]),
                "IpPermissionsEgress": _gathered(group["IpPermissionsEgress"]),
                "SecurityGroupArn": (
                    f"arn:aws:ec2:{get_region()}:{get_account_id()}:security-group/{group['GroupId']}"
                ),
            }
            for group in groups
        ]
    }


def _gathered(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rules of the same protocol and ports as one permission."""
    permissions: dict[tuple[Any, ...], dict[str, Any]] = {}
    for rule in rules:
        key = (str(rule.get("IpProtocol", "-1")), rule.get("FromPort"), rule.get("ToPort"))
        permission = permissions.setdefault(
            key,
            {name: rule.get(name) for name in ("IpProtocol", "FromPort", "ToPort")} | {name: [] for name in _RANGES},
        )
        for kind, entry in _entries(rule):
            permission[kind].append(entry)
    return list(permissions.values())


def _complete_default_groups(_request: dict[str, Any], _response: Response) -> None:
    for vpc in ec2._vpcs.values():
        group = ec2._security_groups.get(vpc["DefaultSecurityGroupId"])
        if group is None or vpc.get("_default_group_complete"):
            continue
        vpc["_default_group_complete"] = True
        group["IpPermissions"].append(
            {
                "IpProtocol": "-1",
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
                "UserIdGroupPairs": [{"GroupId": group["GroupId"], "UserId": get_account_id()}],
            }
        )
