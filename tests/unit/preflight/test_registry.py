# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for repositories of images."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names

from .declared import fault_lines, removal_fault_lines, values

PREFIX = "agent-platform-dev"
GATEWAY = {"name": "llm-gateway", "namespace": "gateways", "service_accounts": ["llm-gateway"]}
RULES = "registry_lifecycle_rules"


def lines(**given):
    return fault_lines("registry", {"platform_prefix": PREFIX, "platform_gateways": [GATEWAY], **given})


def rule(priority=1, *, action=None, **selection):
    chosen = {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5, **selection}
    return {
        "rulePriority": priority,
        "selection": {key: value for key, value in chosen.items() if value is not None},
        "action": action or {"type": "expire"},
    }


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert (
        lines(
            registry_repositories=[{"name": "agents/support-agent"}, {"name": "tools__x.y_z", "state": "absent"}],
            registry_tag_mutability="IMMUTABLE_WITH_EXCLUSION",
            registry_tag_exclusions=["branch-*", "*-dev-*"],
            registry_lifecycle_rules=[
                rule(1, tagStatus="tagged", tagPatternList=["a*b*c*d*"]),
                rule(2, tagStatus="tagged", tagPrefixList=["v"], countType="sinceImagePushed", countUnit="days"),
                rule(3, countType="sinceImagePulled", countUnit="days", action=ARCHIVE),
                rule(4, storageClass="archive", countType="sinceImageTransitioned", countUnit="days"),
                rule(90, tagStatus="any"),
            ],
        )
        == []
    )


ARCHIVE = {"type": "transition", "targetStorageClass": "archive"}


@pytest.mark.parametrize("name", ["Agents", "a//b", "a--b-", "-a", "a b", "a:b", "a..b", "x" * 238])
def test_names_of_repositories(name):
    (line,) = lines(registry_repositories=[{"name": name}])
    assert line.startswith("registry_repositories[0].name: ")
    assert "is not up to 237 lower-case letters and digits in parts" in line


def test_names_that_occur_twice():
    (line,) = lines(registry_repositories=[{"name": "a"}, {"name": "a"}])
    assert line == "registry_repositories[].name: 'a' occurs more than once"
    (line,) = lines(registry_repositories=[{"name": "llm-gateway"}])
    assert line == (
        "registry_repositories[0].name: 'llm-gateway' is the name of a gateway, whose repository follows from"
        " platform_gateways"
    )


@pytest.mark.parametrize(
    ("mutability", "exclusions", "line"),
    [
        ("IMMUTABLE", ["a*"], ": ['a*'] has no meaning with registry_tag_mutability IMMUTABLE: make that"),
        ("MUTABLE_WITH_EXCLUSION", [], ": [] names no tag, which registry_tag_mutability MUTABLE_WITH_EXCLUSION needs"),
        ("IMMUTABLE_WITH_EXCLUSION", list("abcdef"), ": 6 are too many: ECR allows 5"),
        ("IMMUTABLE_WITH_EXCLUSION", ["a", "a"], ": 'a' occurs more than once"),
        ("IMMUTABLE_WITH_EXCLUSION", ["a*b*c*"], "[0]: 'a*b*c*' is not a pattern of tags"),
        ("IMMUTABLE_WITH_EXCLUSION", ["a/b"], "[0]: 'a/b' is not a pattern of tags"),
        ("IMMUTABLE_WITH_EXCLUSION", [""], "[0]: '' is not a pattern of tags"),
        ("IMMUTABLE_WITH_EXCLUSION", ["x" * 129], "is not a pattern of tags"),
    ],
)
def test_exclusions(mutability, exclusions, line):
    (found,) = lines(registry_tag_mutability=mutability, registry_tag_exclusions=exclusions)
    assert found.startswith("registry_tag_exclusions")
    assert line in found


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        ([rule(0)], "[0].rulePriority: 0 is not 1 or more as the priority of a rule"),
        ([rule(1), rule(1, tagStatus="any")], "[].rulePriority: 1 occurs more than once"),
        ([rule(1, tagStatus="any"), rule(2)], "[0].rulePriority: 1 is not the highest, which is 2: a rule for any"),
        ([rule(1), rule(2)], "[1].selection.tagStatus: 'untagged' is that of another rule: one may select untagged"),
        ([rule(tagStatus="tagged")], "[0].selection.tagStatus: 'tagged' needs one of tagPatternList and tagPrefixList"),
        (
            [rule(tagStatus="tagged", tagPatternList=["a"], tagPrefixList=["b"])],
            "[0].selection.tagStatus: 'tagged' needs one of tagPatternList and tagPrefixList, not both",
        ),
        ([rule(tagPrefixList=["v"])], "[0].selection.tagPrefixList: ['v'] has no meaning with tagStatus untagged"),
        (
            [rule(tagStatus="tagged", tagPatternList=["*a*b*c*d*"])],
            "[0].selection.tagPatternList: '*a*b*c*d*' has more",
        ),
        ([rule(countNumber=0)], "[0].selection.countNumber: 0 is not 1 or more"),
        ([rule(countUnit="days")], "[0].selection.countUnit: has no meaning with countType imageCountMoreThan"),
        (
            [rule(countType="sinceImagePushed")],
            "[0].selection.countUnit: is missing: countType sinceImagePushed counts",
        ),
        ([rule(storageClass="archive")], "[0].selection.storageClass: 'archive' is not standard, the only one with"),
        (
            [rule(countType="sinceImageTransitioned", countUnit="days")],
            "[0].selection.storageClass: 'standard' is not archive, the only one with",
        ),
        ([rule(action={"type": "transition"})], "[0].action.targetStorageClass: is missing: where to?"),
        (
            [rule(action={"type": "expire", "targetStorageClass": "archive"})],
            "[0].action.targetStorageClass: 'archive' has no meaning with type expire",
        ),
        (
            [rule(countType="sinceImageTransitioned", countUnit="days", storageClass="archive", action=ARCHIVE)],
            "[0].action.type: 'transition' is not for images that are archived already",
        ),
    ],
)
def test_lifecycle_rules(rules, line):
    (found,) = lines(registry_lifecycle_rules=rules)
    assert found.startswith(f"{RULES}{line}")


def test_a_policy_has_an_end():
    many = [rule(number, tagStatus="tagged", tagPrefixList=[f"v{number}"]) for number in range(1, 52)]
    assert lines(registry_lifecycle_rules=many) == [f"{RULES}: 51 are too many: ECR allows 50 in a policy"]
    long = [rule(number, tagStatus="tagged", tagPrefixList=["v" * 999]) for number in range(1, 32)]
    (line,) = lines(registry_lifecycle_rules=long)
    assert line.startswith(f"{RULES}: have together 3")
    assert line.endswith("characters, ECR takes 30,720")


def test_names_in_aws():
    given = {"platform_prefix": PREFIX, "platform_gateways": [GATEWAY], "registry_repositories": [{"name": "agents"}]}
    assert [(name.kind, name.name) for name in component_names("registry", values("registry", **given))] == [
        ("ecr_repository", f"{PREFIX}/llm-gateway"),
        ("ecr_repository", f"{PREFIX}/agents"),
    ]


def test_images_keep_a_repository_from_being_removed():
    found = {"registry": {"holding_images": [f"{PREFIX}/llm-gateway"]}}
    (line,) = removal_fault_lines("registry", {"registry_remove_images": False}, found)
    assert line.startswith(
        "registry_remove_images: false keeps registry from being removed, because there are images in"
        f" {PREFIX}/llm-gateway: "
    )
    assert removal_fault_lines("registry", {"registry_remove_images": True}, found) == []
    assert removal_fault_lines("registry", {}, {"registry": {"holding_images": []}}) == []
