# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the variables of the registry component."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.module_utils.names import LIMITS

from ..fault import Fault, fault
from ..formats import repeated, repeated_names
from ..names import Name, named_entries
from ..ranges import Range

REPOSITORY = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
EXCLUSION = re.compile(r"[0-9A-Za-z._*-]{1,128}")
MOST_EXCLUSIONS = 5
WILDCARDS_OF_EXCLUSION = 2
WILDCARDS_OF_PATTERN = 4
# Characters of the whole policy, and how many rules there may be in it.
LONGEST_POLICY = 30_720
MOST_RULES = 50
TAG_LISTS = ("tagPatternList", "tagPrefixList")
# By what is counted, the images of which class may be meant.
CLASSES = {
    "imageCountMoreThan": "standard",
    "sinceImagePushed": "standard",
    "sinceImagePulled": "standard",
    "sinceImageTransitioned": "archive",
}

RANGES = {
    "registry_lifecycle_rules[].rulePriority": Range(1, of="as the priority of a rule"),
}


def faults(values: Mapping[str, t.Any], _others: Mapping[str, Mapping]) -> Iterator[Fault]:
    gateways, more = values.get("platform_gateways") or [], values.get("registry_repositories") or []
    yield from repeated_names("registry_repositories", more)
    taken = {gateway.get("name") for gateway in gateways}
    for index, repository in enumerate(more):
        name = repository.get("name")
        if name is None:
            continue
        path = f"registry_repositories[{index}].name"
        longest = LIMITS["ecr_repository"] - len(values.get("platform_prefix") or "") - 1
        if not REPOSITORY.fullmatch(name) or len(name) > longest:
            yield fault(
                path,
                name,
                f"is not up to {longest} lower-case letters and digits in parts, with '.', '_', '__', '-' or '/'"
                " between them",
            )
        elif name in taken:
            yield fault(path, name, "is the name of a gateway, whose repository follows from platform_gateways")
    yield from _exclusion_faults(values)
    yield from _rules_faults(values.get("registry_lifecycle_rules") or [])


def _exclusion_faults(values: Mapping[str, t.Any]) -> Iterator[Fault]:
    variable, mutability = "registry_tag_exclusions", values.get("registry_tag_mutability")
    exclusions = values.get(variable) or []
    excluding = bool(mutability and mutability.endswith("_WITH_EXCLUSION"))
    if mutability and excluding != bool(exclusions):
        rule = f"names no tag, which registry_tag_mutability {mutability} needs"
        if exclusions:
            rule = f"has no meaning with registry_tag_mutability {mutability}: make that {mutability}_WITH_EXCLUSION"
        yield fault(variable, exclusions, rule)
    if len(exclusions) > MOST_EXCLUSIONS:
        yield Fault(variable, f"{len(exclusions)} are too many: ECR allows {MOST_EXCLUSIONS}")
    for index, pattern in enumerate(exclusions):
        if not EXCLUSION.fullmatch(pattern) or pattern.count("*") > WILDCARDS_OF_EXCLUSION:
            yield fault(
                f"{variable}[{index}]",
                pattern,
                "is not a pattern of tags: 1 to 128 letters, digits and characters of . _ - with up to"
                f" {WILDCARDS_OF_EXCLUSION} *",
            )
    for pattern in repeated(exclusions):
        yield fault(variable, pattern, "occurs more than once")


def _rules_faults(rules: list[Mapping]) -> Iterator[Fault]:
    variable = "registry_lifecycle_rules"
    yield from repeated_names(variable, rules, "rulePriority")
    if len(rules) > MOST_RULES:
        yield Fault(variable, f"{len(rules)} are too many: ECR allows {MOST_RULES} in a policy")
    length = len(json.dumps({"rules": rules}))
    if length > LONGEST_POLICY:
        yield Fault(variable, f"have together {length:,} characters, ECR takes {LONGEST_POLICY:,}")
    last = max((rule.get("rulePriority") or 0 for rule in rules), default=0)
    met: set[tuple] = set()
    for index, rule in enumerate(rules):
        path, selection = f"{variable}[{index}]", rule.get("selection") or {}
        yield from _selection_faults(f"{path}.selection", selection)
        yield from _action_faults(path, rule)
        status, storage = selection.get("tagStatus"), selection.get("storageClass") or "standard"
        if status == "any" and (rule.get("rulePriority") or 0) < last:
            yield fault(
                f"{path}.rulePriority",
                rule["rulePriority"],
                f"is not the highest, which is {last}: a rule for any image comes last",
            )
        if status in ("any", "untagged"):
            if (status, storage) in met:
                images = "any image" if status == "any" else "untagged images"
                yield fault(f"{path}.selection.tagStatus", status, f"is that of another rule: one may select {images}")
            met.add((status, storage))


def _selection_faults(path: str, selection: Mapping[str, t.Any]) -> Iterator[Fault]:
    status, count = selection.get("tagStatus"), selection.get("countType")
    given = [name for name in TAG_LISTS if selection.get(name)]
    if status == "tagged" and len(given) != 1:
        rule = "needs one of tagPatternList and tagPrefixList" + (", not both" if given else "")
        yield fault(f"{path}.tagStatus", status, rule)
    for name in given if status in ("any", "untagged") else ():
        yield fault(f"{path}.{name}", selection[name], f"has no meaning with tagStatus {status}")
    for pattern in selection.get("tagPatternList") or []:
        if pattern.count("*") > WILDCARDS_OF_PATTERN:
            yield fault(f"{path}.tagPatternList", pattern, f"has more than {WILDCARDS_OF_PATTERN} *")
    if (selection.get("countNumber") or 1) < 1 or selection.get("countNumber") == 0:
        yield fault(f"{path}.countNumber", selection["countNumber"], "is not 1 or more")
    if count and (count != "imageCountMoreThan") != bool(selection.get("countUnit")):
        rule = f"is missing: countType {count} counts days"
        if selection.get("countUnit"):
            rule = f"has no meaning with countType {count}"
        yield Fault(f"{path}.countUnit", rule)
    storage = selection.get("storageClass") or "standard"
    if count and storage != CLASSES[count]:
        yield fault(f"{path}.storageClass", storage, f"is not {CLASSES[count]}, the only one with countType {count}")


def _action_faults(path: str, rule: Mapping[str, t.Any]) -> Iterator[Fault]:
    action = rule.get("action") or {}
    kind, target = action.get("type"), action.get("targetStorageClass")
    if kind == "transition" and not target:
        yield Fault(f"{path}.action.targetStorageClass", "is missing: where to? archive is the only one")
    if kind == "expire" and target:
        yield fault(f"{path}.action.targetStorageClass", target, "has no meaning with type expire")
    if kind == "transition" and (rule.get("selection") or {}).get("storageClass") == "archive":
        yield fault(f"{path}.action.type", kind, "is not for images that are archived already")


def names(values: Mapping[str, t.Any]) -> Iterator[Name]:
    prefix = values.get("platform_prefix")
    for variable in ("platform_gateways", "registry_repositories"):
        yield from named_entries(prefix, variable, values.get(variable) or [], "ecr_repository")


def removal_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """ECR deletes no repository with images in it unless it is told to."""
    holding = (platform.get("registry") or {}).get("holding_images")
    if holding and not values.get("registry_remove_images"):
        yield fault(
            "registry_remove_images",
            False,
            f"keeps registry from being removed, because there are images in {', '.join(holding)}: delete those that"
            " are not needed, or add -e '{\"registry_remove_images\": true}', which removes them all",
        )
