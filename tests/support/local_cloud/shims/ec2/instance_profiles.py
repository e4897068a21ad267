# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instance profiles of instances, by the rules of AWS.

ministack launches instances with profiles that don't exist, replaces the profile of a stopped instance, keeps the id of
an association when its profile is replaced, and ends an association at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ministack.services import ec2, iam

from ...wire import AWSError, matches_filters, now
from .. import timing
from ..patching import QueryShims
from .records import new_id

_FILTERS = {"association-id": "AssociationId", "instance-id": "InstanceId", "state": "State"}


def install(shims: QueryShims) -> None:
    shims.replace("AssociateIamInstanceProfile", _associate)
    shims.replace("DescribeIamInstanceProfileAssociations", _describe)
    shims.replace("DisassociateIamInstanceProfile", _disassociate)
    shims.replace("ReplaceIamInstanceProfileAssociation", _replace)


def profile_of(specification: dict[str, Any] | None) -> dict[str, str] | None:
    """What EC2 shows of the profile that a request names; None if it names none."""
    if not specification:
        return None
    name, arn = specification.get("Name", ""), specification.get("Arn", "")
    profile = iam._lookup_instance_profile(name=name, arn=arn)
    if profile is None:
        member, words = ("name", "name") if name else ("arn", "ARN")
        raise AWSError(
            "InvalidParameterValue",
            f"Value ({name or arn}) for parameter iamInstanceProfile.{member} is invalid. "
            f"Invalid IAM Instance Profile {words}",
        )
    return {"Arn": profile["Arn"], "Id": profile["InstanceProfileId"]}


def associations() -> Iterator[dict[str, Any]]:
    """The associations that exist now."""
    for identifier, association in list(ec2._iam_instance_profile_associations.items()):
        if timing.is_due(association) or association["InstanceId"] not in ec2._instances:
            ec2._iam_instance_profile_associations.pop(identifier, None)
        else:
            yield association


def associate(instance: dict[str, Any], profile: dict[str, str] | None) -> dict[str, Any] | None:
    if profile is None:
        return None
    association = {
        "AssociationId": new_id("iip-assoc"),
        "InstanceId": instance["InstanceId"],
        "IamInstanceProfile": profile,
        "State": "associated",
        "Timestamp": now(),
    }
    ec2._iam_instance_profile_associations[association["AssociationId"]] = association
    instance["IamInstanceProfile"] = profile
    return association


def let_go(instance_id: str) -> None:
    """What becomes of the profile of an instance that is terminated."""
    for association in associations():
        if association["InstanceId"] == instance_id:
            ec2._iam_instance_profile_associations.pop(association["AssociationId"], None)


def _instance(instance_id: str) -> dict[str, Any]:
    instance = ec2._instances.get(instance_id)
    if instance is None:
        raise AWSError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
    return instance


def _association(identifier: str) -> dict[str, Any]:
    for association in associations():
        if association["AssociationId"] == identifier:
            return association
    raise AWSError("InvalidAssociationID.NotFound", f"An invalid association-id of '{identifier}' was given")


def _associate(request: dict[str, Any]) -> dict[str, Any]:
    instance = _instance(request["InstanceId"])
    profile = profile_of(request["IamInstanceProfile"])
    if any(association["InstanceId"] == instance["InstanceId"] for association in associations()):
        raise AWSError("IncorrectState", f"There is an existing association for instance {instance['InstanceId']}")
    association = associate(instance, profile)
    return {"IamInstanceProfileAssociation": {**(association or {}), "State": "associating"}}


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("AssociationIds")
    return {
        "IamInstanceProfileAssociations": [
            association
            for association in associations()
            if (not wanted or association["AssociationId"] in wanted)
            and matches_filters(association, request.get("Filters", []), _FILTERS, {})
        ]
    }


def _disassociate(request: dict[str, Any]) -> dict[str, Any]:
    association = _association(request["AssociationId"])
    association["State"] = "disassociating"
    timing.start(association)
    _instance(association["InstanceId"])["IamInstanceProfile"] = None
    return {"IamInstanceProfileAssociation": association}


def _replace(request: dict[str, Any]) -> dict[str, Any]:
    association = _association(request["AssociationId"])
    instance = _instance(association["InstanceId"])
    profile = profile_of(request["IamInstanceProfile"])
    if association["State"] != "associated" or instance["State"]["Name"] != "running":
        raise AWSError(
            "IncorrectState", f"The association {association['AssociationId']} is not the active association"
        )
    ec2._iam_instance_profile_associations.pop(association["AssociationId"])
    renewed = associate(instance, profile)
    return {"IamInstanceProfileAssociation": {**(renewed or {}), "State": "associating"}}
