# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the bastion_instance component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from .. import instance_types
from ..fault import Fault, fault
from ..internet import WHY
from ..models import named_model_faults
from ..names import Name, fixed_names
from ..permissions import access_policy_faults, database_user_faults, group_faults, statement_faults
from ..quotas import Need, instance_needs
from ..ranges import Range

IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
PARAMETER = re.compile(r"/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
# Parts of a parameter's path that say: whatever is newest.
MOVING = frozenset({"current", "latest", "recommended"})
RANGES = {
    # Ubuntu's image takes 8 GiB; with the tools and a few container images the platform asks for more. gp3 ends at
    # 64 TiB.
    "bastion_instance_volume_size_gib": Range(20, 65536, "GiB"),
    "bastion_instance_secret_recovery_days": Range(7, 30, "days", besides=(0,)),
}


def image_rule(image: str) -> str | None:
    if IMAGE_ID.fullmatch(image):
        return None
    if not PARAMETER.fullmatch(image):
        return "is neither the id of an image (ami-...) nor the path of a Systems Manager parameter (/aws/service/...)"
    moving = next((part for part in image.split("/") if part in MOVING), None)
    if moving:
        return (
            f"moves on by itself ({moving}), so a later run would find another image than the instance has:"
            " name one release"
        )
    return None


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    image = values.get("bastion_instance_image")
    rule = image_rule(image) if image is not None else None
    if rule:
        yield fault("bastion_instance_image", image, rule)
    kind = values.get("bastion_instance_type")
    if kind is not None:
        yield from _type_faults(kind, image or "")
    user = "bastion_instance_database_user"
    yield from database_user_faults(user, values.get(user))
    models = "bastion_instance_models"
    yield from named_model_faults(models, values.get(models) or [], values)
    yield from statement_faults("bastion_instance_statements", values.get("bastion_instance_statements") or [])
    groups = "bastion_instance_cluster_groups"
    yield from group_faults(groups, values.get(groups) or [])
    for index, policy in enumerate(values.get("bastion_instance_cluster_policies") or []):
        yield from access_policy_faults(f"bastion_instance_cluster_policies[{index}]", policy)


def internet_faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    """Package sources and the makers' sites of tools."""
    variable = "bastion_instance_configured"
    if values.get(variable):
        rule = f"takes packages and tools of the internet, {WHY}: make it false, with an image that has what is needed"
        yield fault(variable, True, rule)


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix, account = values.get("platform_prefix"), values.get("platform_account_id")
    yield from fixed_names(prefix, iam_role=["bastion"], secret=["bastion-code-server"])
    # The profile has the role's name.
    yield from (role._replace(kind="instance_profile") for role in fixed_names(prefix, iam_role=["bastion"]))
    yield from fixed_names(account and prefix, s3_bucket=[f"bastion-transfer-{account}"])


def needs(values: Mapping[str, t.Any], _platform: Mapping[str, t.Any]) -> Iterator[Need]:
    kind = values.get("bastion_instance_type")
    yield from instance_needs([kind] if kind else [], 1, "bastion_instance_type")


def _type_faults(kind: str, image: str) -> Iterator[Fault]:
    if not instance_types.NAME.fullmatch(kind):
        yield fault("bastion_instance_type", kind, "is not an EC2 instance type, such as t3.large")
        return
    architecture = instance_types.architecture(kind)
    # Canonical's parameters name the architecture; an id tells nothing.
    named = {"amd64": "x86_64", "arm64": "arm64"}
    for part in image.split("/"):
        if part in named and named[part] != architecture:
            yield fault("bastion_instance_type", kind, f"is {architecture}, and bastion_instance_image is {part}")


def change_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What AWS can't make of the instance that exists, unless the run may replace or restart it."""
    found = platform.get("bastion_instance") or {}
    if not found.get("instance_id") or values.get("bastion_instance_replace"):
        return
    image = values.get("bastion_instance_image")
    if image is not None and IMAGE_ID.fullmatch(image) and image != found["image_id"]:
        yield fault(
            "bastion_instance_image",
            image,
            f"is not the image of {found['instance_id']}, which is {found['image_id']}: to launch it anew, without what"
            " is on its volume, add -e '{\"bastion_instance_replace\": true}'",
        )
    kind = values.get("bastion_instance_type")
    if kind is not None and kind != found["instance_type"] and not values.get("bastion_instance_restart"):
        yield fault(
            "bastion_instance_type",
            kind,
            f"is not the type of {found['instance_id']}, which is {found['instance_type']}: to stop and start it for"
            " that, add -e '{\"bastion_instance_restart\": true}'",
        )
