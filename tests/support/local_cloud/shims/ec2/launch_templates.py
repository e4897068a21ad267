# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launch templates that give back every member they were given.

ministack knows a part of LaunchTemplateData by heart and drops the rest: the KMS key of a volume, market options,
instance requirements. Here the members come from botocore's model: what RequestLaunchTemplateData carries is what
ResponseLaunchTemplateData shows, except that AWS adds the State of the metadata options.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import ec2

from ...wire import AWSError, matches_filters, now
from ..patching import QueryShims
from .records import new_id, store_tags, tag_dict, tag_list

_FILTERS = {"launch-template-name": "LaunchTemplateName", "create-time": "CreateTime"}
_VERSION_FILTERS = {"is-default-version": "DefaultVersion", "create-time": "CreateTime"}


def install(shims: QueryShims) -> None:
    shims.replace("CreateLaunchTemplate", _create)
    shims.replace("CreateLaunchTemplateVersion", _create_version)
    shims.replace("DescribeLaunchTemplates", _describe)
    shims.replace("DescribeLaunchTemplateVersions", _describe_versions)
    shims.replace("ModifyLaunchTemplate", _modify)
    shims.replace("DeleteLaunchTemplate", _delete)
    shims.replace("DeleteLaunchTemplateVersions", _delete_versions)


def find_template(template_id: str | None, name: str | None) -> dict[str, Any]:
    if bool(template_id) == bool(name):
        raise AWSError(
            "InvalidParameterCombination",
            "Specify either the launch template ID or the launch template name, not both.",
        )
    if template_id:
        template = ec2._launch_templates.get(template_id)
        if template is None:
            raise AWSError(
                "InvalidLaunchTemplateId.NotFound",
                f"The specified launch template, with template ID {template_id}, does not exist.",
            )
        return template
    for template in ec2._launch_templates.values():
        if template["LaunchTemplateName"] == name:
            return template
    raise AWSError(
        "InvalidLaunchTemplateName.NotFoundException",
        f"The specified launch template, with template name {name}, does not exist.",
    )


def find_version(template: dict[str, Any], wanted: str) -> dict[str, Any]:
    number = {
        "$Latest": str(template["LatestVersionNumber"]),
        "$Default": str(template["DefaultVersionNumber"]),
    }.get(wanted, wanted)
    for version in template["Versions"]:
        if str(version["VersionNumber"]) == number:
            return version
    raise AWSError(
        "InvalidLaunchTemplateId.VersionNotFound",
        f"Could not find version {wanted} of the launch template with ID {template['LaunchTemplateId']}.",
    )


def _create(request: dict[str, Any]) -> dict[str, Any]:
    name = request["LaunchTemplateName"]
    if any(template["LaunchTemplateName"] == name for template in ec2._launch_templates.values()):
        raise AWSError("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
    template: dict[str, Any] = {
        "LaunchTemplateId": new_id("lt"),
        "LaunchTemplateName": name,
        "CreateTime": now(),
        "CreatedBy": f"arn:aws:iam::{get_account_id()}:root",
        "DefaultVersionNumber": 1,
        "LatestVersionNumber": 0,
        "Versions": [],
    }
    _add_version(template, request, request.get("LaunchTemplateData", {}))
    ec2._launch_templates[template["LaunchTemplateId"]] = template
    store_tags(request, "launch-template", template["LaunchTemplateId"])
    return {"LaunchTemplate": _shown(template)}


def _create_version(request: dict[str, Any]) -> dict[str, Any]:
    template = find_template(request.get("LaunchTemplateId"), request.get("LaunchTemplateName"))
    data = request.get("LaunchTemplateData", {})
    if request.get("SourceVersion"):
        data = {**find_version(template, request["SourceVersion"])["LaunchTemplateData"], **data}
    version = _add_version(template, request, data)
    return {"LaunchTemplateVersion": _shown_version(template, version)}


def _add_version(template: dict[str, Any], request: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    if not data:
        raise AWSError("MissingParameter", "The request must contain the parameter LaunchTemplateData")
    template["LatestVersionNumber"] += 1
    version = {
        "LaunchTemplateId": template["LaunchTemplateId"],
        "LaunchTemplateName": template["LaunchTemplateName"],
        "VersionNumber": template["LatestVersionNumber"],
        "VersionDescription": request.get("VersionDescription"),
        "CreateTime": now(),
        "CreatedBy": template["CreatedBy"],
        "LaunchTemplateData": copy.deepcopy(data),
    }
    template["Versions"].append(version)
    return version


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    templates: Iterable[dict[str, Any]] = ec2._launch_templates.values()
    if request.get("LaunchTemplateIds"):
        templates = [find_template(template_id, None) for template_id in request["LaunchTemplateIds"]]
    if request.get("LaunchTemplateNames"):
        templates = [find_template(None, name) for name in request["LaunchTemplateNames"]]
    return {
        "LaunchTemplates": [
            _shown(template)
            for template in templates
            if matches_filters(template, request.get("Filters", []), _FILTERS, tag_dict(template["LaunchTemplateId"]))
        ]
    }


def _describe_versions(request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("Versions")
    if request.get("LaunchTemplateId") or request.get("LaunchTemplateName"):
        template = find_template(request.get("LaunchTemplateId"), request.get("LaunchTemplateName"))
        if wanted:
            pairs = [(template, find_version(template, version)) for version in wanted]
        else:
            pairs = [(template, version) for version in reversed(template["Versions"])]
    else:
        if not wanted:
            raise AWSError("MissingParameter", "Specify a launch template, or the versions $Latest or $Default.")
        pairs = [
            (template, find_version(template, version))
            for template in ec2._launch_templates.values()
            for version in wanted
        ]
    low, high = int(request.get("MinVersion", 0)), int(request.get("MaxVersion", 2**31))
    shown = [_shown_version(template, version) for template, version in pairs]
    return {
        "LaunchTemplateVersions": [
            version
            for version in shown
            if low <= version["VersionNumber"] <= high
            and matches_filters(version, request.get("Filters", []), _VERSION_FILTERS, {})
        ]
    }


def _modify(request: dict[str, Any]) -> dict[str, Any]:
    template = find_template(request.get("LaunchTemplateId"), request.get("LaunchTemplateName"))
    if request.get("DefaultVersion"):
        template["DefaultVersionNumber"] = find_version(template, request["DefaultVersion"])["VersionNumber"]
    return {"LaunchTemplate": _shown(template)}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    template = find_template(request.get("LaunchTemplateId"), request.get("LaunchTemplateName"))
    shown = _shown(template)
    ec2._launch_templates.pop(template["LaunchTemplateId"])
    ec2._tags.pop(template["LaunchTemplateId"], None)
    return {"LaunchTemplate": shown}


def _delete_versions(request: dict[str, Any]) -> dict[str, Any]:
    template = find_template(request.get("LaunchTemplateId"), request.get("LaunchTemplateName"))
    deleted, refused = [], []
    for wanted in request["Versions"]:
        entry = {
            "LaunchTemplateId": template["LaunchTemplateId"],
            "LaunchTemplateName": template["LaunchTemplateName"],
            "VersionNumber": int(wanted),
        }
        numbers = [version["VersionNumber"] for version in template["Versions"]]
        if int(wanted) == template["DefaultVersionNumber"]:
            error = {"Code": "unexpectedError", "Message": "The default version can't be deleted."}
            refused.append({**entry, "ResponseError": error})
        elif int(wanted) not in numbers:
            error = {"Code": "launchTemplateVersionDoesNotExist", "Message": f"Version {wanted} does not exist."}
            refused.append({**entry, "ResponseError": error})
        else:
            template["Versions"] = [one for one in template["Versions"] if one["VersionNumber"] != int(wanted)]
            deleted.append(entry)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": deleted,
        "UnsuccessfullyDeletedLaunchTemplateVersions": refused,
    }


def _shown(template: dict[str, Any]) -> dict[str, Any]:
    return {**template, "Tags": tag_list(template["LaunchTemplateId"])}


def _shown_version(template: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(version["LaunchTemplateData"])
    if "MetadataOptions" in data:
        data["MetadataOptions"]["State"] = "pending"
    is_default = version["VersionNumber"] == template["DefaultVersionNumber"]
    return {**version, "LaunchTemplateData": data, "DefaultVersion": is_default}
