# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Amazon RDS modules have in common: tags by ARN, and groups of parameters of a cluster or an instance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .declarations import Addition, Setting, Tagging
from .faults import ResourceError
from .resource import Resource
from .values import listed

# How many parameters one call takes.
AT_ONCE = 20
# Parameters of which AWS wants some in one call. They are few enough for the first one.
TOGETHER = frozenset(
    {
        "aurora_enhanced_binlog",
        "binlog_backup",
        "binlog_format",
        "binlog_replication_globaldb",
        "character_set_server",
        "collation_server",
        "enforce_gtid_consistency",
        "gtid-mode",
        "password_encryption",
        "rds.accepted_password_auth_method",
        "rds.change_data_capture_streaming",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
    }
)


def rds_tagging(arn: str) -> Tagging:
    """How RDS changes tags: by the ARN, which stands in that member of the description."""
    return Tagging(
        "AddTagsToResource",
        "RemoveTagsFromResource",
        by={"ResourceName": arn},
        read="TagList",
        style="list",
        tags_member="Tags",
        keys_member="TagKeys",
    )


def listed_tags(arn: str) -> Addition:
    """The tags of what RDS describes without them."""
    return Addition("ListTagsForResource", "TagList", "TagList", by={"ResourceName": arn}, empty=[])


class RdsResource(Resource):
    """Something of RDS."""

    service = "rds"
    capital_members = True


# ---- Parameters


def lower(name: str) -> str:
    """RDS keeps names of groups in lower case."""
    return name.lower()


def as_texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The values as RDS takes them: what YAML reads as true is 1, and what has no value isn't declared."""
    return {
        str(name).lower(): str(int(value)) if isinstance(value, bool) else str(value)
        for name, value in parameters.items()
        if value is not None
    }


def same_value(current: str | None, desired: str | None) -> bool:
    """Whether two values mean the same: spaces after the commas of a list have no meaning."""
    if current is None or desired is None:
        return current == desired
    return re.split(r"\s*,\s*", current.strip()) == re.split(r"\s*,\s*", desired.strip())


def same_parameters(current: Mapping[str, str], desired: Mapping[str, str]) -> bool:
    return current.keys() == desired.keys() and all(same_value(current[name], desired[name]) for name in desired)


def parameter_texts(parameters: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    # A parameter without a value of its own has none in the description.
    return {item["ParameterName"]: item["ParameterValue"] for item in parameters if "ParameterValue" in item}


def parameter_list(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]


def portions(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in the portions that one call takes, those that must go together in one."""
    ordered = sorted(names, key=lambda name: (name not in TOGETHER, name))
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


PARAMETERS = Setting(
    "parameters",
    None,
    read="Parameters",
    update="parameters",
    update_members=("Parameters",),
    same=same_parameters,
    verbatim=True,
    given=as_texts,
    absent={},
    encode=parameter_list,
    decode=parameter_texts,
)


class ParameterGroup(RdsResource):
    """A group of parameters. Subclasses name the calls, which are the same for clusters and for instances.

    RDS tells what someone has set (its Source is user) apart from what the engine or RDS has as a default. One that is
    set to its default doesn't count as set. So defaults are read where a declared parameter isn't set as declared.
    """

    result = "parameter_group"
    needed = ("family",)
    parameters_of: str  # the operation that lists the group's parameters
    defaults_of: str  # the one that lists those of the family
    reset: str  # the one that sets parameters back
    settings = (
        Setting("family", "DBParameterGroupFamily"),
        Setting("description", "Description"),
        PARAMETERS,
    )
    passing = {
        # A change of a moment ago is still on its way; what has used the group is just gone or changing to another one.
        "InvalidDBParameterGroupState": ("has pending changes", "are still members of this parameter group"),
    }
    hints = {
        "InvalidDBParameterGroupState": {
            "are still members of this parameter group": "Give what uses it another group first, or remove that."
        },
        "DBParameterGroupQuotaExceeded": {
            "": "Remove parameter groups that are unused, or ask for a higher quota in Service Quotas."
        },
    }
    renewal = "A group of another family needs another name: make it, give it to the database, then remove the old one."

    def prepare(self):
        self.options["name"] = lower(self.options["name"])
        # The base knows a list by an option of that name.
        self.purge = self.options.pop("purge_parameters")
        self.known = {}  # what RDS says of the parameters that the group may have, by their names

    # ---- Reading

    def complete(self, description):
        declared = self.options["parameters"]
        if self.options["state"] == "absent" or declared is None:
            return description
        found = self.listed(self.parameters_of, {**self.named(), "Source": "user"})
        if found is None:
            return None  # removed since it was described
        others = {}
        if any(not same_value(found.get(name, {}).get("ParameterValue"), value) for name, value in declared.items()):
            wanted = [{"Name": "parameter-name", "Values": sorted(declared)}]
            self.known = self.listed(self.parameters_of, {**self.named(), "Filters": wanted}) or {}
            others = {name: self.known[name] for name in declared if name in self.known}
        if not self.purge:
            found = {name: parameter for name, parameter in found.items() if name in declared}
        return {**description, "Parameters": list({**others, **found}.values())}

    def listed(self, operation, request):
        """Parameters by their names, or None where there is no such group."""
        answer = self.read(operation, request, self.describe.missing, f"read the parameters of {self.title}")
        if answer is None:
            return None
        parameters = answer.get("EngineDefaults", answer).get("Parameters", [])
        return {parameter["ParameterName"]: parameter for parameter in parameters}

    # ---- Requests

    def create_request(self):
        return {"Description": self.options["name"], **super().create_request()}

    def update_parameters(self, changes, current):
        change = changes["parameters"]
        have, want = change.current, change.desired
        for names in portions(name for name in want if not same_value(have.get(name), want[name])):
            parameters = [{**self.named_parameter(name), "ParameterValue": want[name]} for name in names]
            request = {**self.named(), "Parameters": parameters}
            self.write(self.updates["parameters"].operation, request, f"set {listed(names)} of {self.title}")
        for names in portions(name for name in have if name not in want):
            parameters = [self.named_parameter(name, current) for name in names]
            # By default RDS sets back all of the group.
            request = {**self.named(), "Parameters": parameters, "ResetAllParameters": False}
            self.write(self.reset, request, f"set back {listed(names)} of {self.title}")

    def named_parameter(self, name, current=None):
        """A parameter with when it takes effect: a static one only after a restart."""
        of_group = {item["ParameterName"]: item for item in (current or {}).get("Parameters", [])}
        kind = {**self.known.get(name, {}), **of_group.get(name, {})}.get("ApplyType")
        method = "immediate" if kind == "dynamic" else "pending-reboot"
        return {"ParameterName": name, "ApplyMethod": method}

    # ---- Refusals

    def refuse(self, current, changes):
        wanted = self.options["parameters"]
        if wanted and current is None and self.options["family"]:
            request = {"DBParameterGroupFamily": self.options["family"]}
            self.known = self.listed(self.defaults_of, request) or {}
        elif "parameters" not in changes:
            return
        # What RDS doesn't tell is left to its own refusal.
        for name in wanted if self.known else ():
            parameter = self.known.get(name)
            if parameter is None:
                family = self.options["family"] or current["DBParameterGroupFamily"]
                raise ResourceError(
                    f"{self.title} can't have the parameter {name}: the family {family} has none of that name."
                )
            fixed = not parameter.get("IsModifiable", True)
            if fixed and not same_value(parameter.get("ParameterValue"), wanted[name]):
                raise ResourceError(
                    f"{self.title} can't have {name} = {wanted[name]}: AWS allows no change of this parameter, "
                    f"which is {parameter.get('ParameterValue', 'not set')}. Leave it out."
                )
