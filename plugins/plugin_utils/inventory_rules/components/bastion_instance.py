# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the bastion_instance component."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.names import resource_name

from .. import instance_types
from ..cron import cron_rule
from ..fault import Fault, fault
from ..internet import WHY
from ..models import named_model_faults
from ..names import Name, fixed_names, log_bucket
from ..permissions import access_policy_faults, database_user_faults, group_faults, statement_faults
from ..prerequisites import Prerequisite
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
    # What AWS Backup takes, and no more than a week, which daily backups don't need.
    "bastion_instance_backup_retention_days": Range(1, 36500, "days"),
    "bastion_instance_backup_start_minutes": Range(60, 10080, "minutes"),
    "bastion_instance_backup_completion_minutes": Range(120, 10080, "minutes"),
    # What Session Manager takes.
    "bastion_instance_session_idle_minutes": Range(1, 60, "minutes"),
    "bastion_instance_session_maximum_minutes": Range(1, 1440, "minutes"),
}
# What useradd of Debian and Ubuntu takes, and what must not have a terminal: with root, or the user of the agent, which
# may become root, nothing that is recorded of it need be true.
HOST_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
AS_GOOD_AS_ROOT = frozenset({"root", "ssm-user", "ubuntu"})
LONGEST_PROFILE = 512
# From the last moment at which a backup may begin to that at which it must be complete.
LEAST_MINUTES = 60


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
    variable = "bastion_instance_statements"
    yield from statement_faults(variable, values.get(variable) or [], "bastion_instance")
    groups = "bastion_instance_cluster_groups"
    yield from group_faults(groups, values.get(groups) or [])
    for index, policy in enumerate(values.get("bastion_instance_cluster_policies") or []):
        yield from access_policy_faults(f"bastion_instance_cluster_policies[{index}]", policy)
    yield from _session_faults(values)
    yield from _backup_faults(values)


def _backup_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    schedule = "bastion_instance_backup_schedule"
    rule = cron_rule(values.get(schedule))
    if rule:
        yield fault(schedule, values[schedule], rule)
    start, end = (values.get(f"bastion_instance_backup_{kind}_minutes") for kind in ("start", "completion"))
    if start is not None and end is not None and end < start + LEAST_MINUTES:
        variable = "bastion_instance_backup_completion_minutes"
        rule = f"is less than an hour more than bastion_instance_backup_start_minutes {start}: AWS Backup asks for that"
        yield fault(variable, end, rule)


def _session_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    user = values.get("bastion_instance_session_user")
    if user is not None and not HOST_USER.fullmatch(user):
        rule = "is not a user name: up to 32 lower-case letters, digits, '_' and '-', no digit first"
        yield fault("bastion_instance_session_user", user, rule)
    elif user in AS_GOOD_AS_ROOT:
        rule = "is root or may become it, and so could stop what records it: name the unprivileged user of the bastion"
        yield fault("bastion_instance_session_user", user, rule)
    idle, most = (values.get(f"bastion_instance_session_{kind}_minutes") for kind in ("idle", "maximum"))
    if idle is not None and most is not None and idle > most:
        yield fault(
            "bastion_instance_session_idle_minutes", idle, f"is more than the {most} minutes of a whole session"
        )
    profile = values.get("bastion_instance_session_shell_profile")
    if profile is not None and len(profile) > LONGEST_PROFILE:
        rule = f"has {len(profile)} characters, Session Manager takes {LONGEST_PROFILE}"
        yield fault("bastion_instance_session_shell_profile", f"{profile[:40]}...", rule)


def _recorded(values: Mapping[str, t.Any]) -> bool:
    return values.get("bastion_instance_session_preferences", "none") != "none"


def _image_faults(image: str | None, kind: str | None, platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """What AWS would say of the image only when the instance is launched."""
    told = ((platform.get("offers") or {}).get("bastion_instance") or {}).get("images")
    if image is None or told is None:
        return
    found = told.get(image)
    if found is None:
        what = "an image" if IMAGE_ID.fullmatch(image) else "a parameter with an image"
        rule = f"is not {what} that this account may use in this region: a region has images and releases of its own"
        yield fault("bastion_instance_image", image, rule)
    elif found["state"] != "available":
        yield fault(
            "bastion_instance_image", image, f"is {found['state']}: an instance starts from one that is available"
        )
    elif kind and found["architecture"] != instance_types.architecture(kind):
        rule = f"is an image for {found['architecture']}, which bastion_instance_type {kind} isn't"
        yield fault("bastion_instance_image", image, rule)


def prerequisites(values: Mapping[str, t.Any]) -> Iterator[Prerequisite]:
    if values.get("bastion_instance_configured"):
        yield Prerequisite("session-manager-plugin")
        yield Prerequisite("argon2")


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
    records = ["sessions"] if _recorded(values) else []
    if prefix and records:
        yield from fixed_names(prefix, ssm_document=["session", "session-ansible"])
    records += ["journal", "audit"] if values.get("bastion_instance_log_shipping") else []
    for record in records if prefix else []:
        yield Name("log_group", f"/aws/ec2/{resource_name('bastion', prefix, 'ec2_tag_name')}/{record}")
    yield from log_bucket(values, "bastion")
    if values.get("bastion_instance_backup"):
        yield from fixed_names(prefix, iam_role=["bastion-backup"], backup_vault=["bastion"], backup_plan=["bastion"])


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
    """What AWS can't make of the instance that exists, unless the run may replace or restart it; and what would change
    what is someone else's."""
    found = platform.get("bastion_instance") or {}
    preferences = values.get("bastion_instance_session_preferences")
    if preferences == "account" and found.get("account_preferences") == "others":
        yield fault(
            "bastion_instance_session_preferences",
            preferences,
            "would change what holds for all sessions of the account in the region: there are preferences of Session"
            " Manager (SSM-SessionManagerRunShell) that aren't this platform's. Take document, which leaves them alone,"
            " or remove them (aws ssm delete-document --name SSM-SessionManagerRunShell) if nobody needs them",
        )
    launched = not found.get("instance_id") or values.get("bastion_instance_replace")
    image = values.get("bastion_instance_image")
    if launched:
        yield from _image_faults(image, values.get("bastion_instance_type"), platform)
        return
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
