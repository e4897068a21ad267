# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One owner for each name of the platform."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.names import TITLES, name_faults
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import described

from .declared import samples, values

PLATFORM = {"platform_prefix": "agent-platform-dev", "platform_account_id": "123456789012"}


def clashes(**given):
    """What is said of an inventory's names; components without values have only what follows from the platform's."""
    names = {
        component: component_names(component, values(component, **PLATFORM, **given.get(component, {})))
        for component in described()
    }
    return [(first, second, str(clash)) for first, second, clash in name_faults(names)]


def workload(name, **more):
    return {"workload_identity": {"workload_identity_roles": [{"name": name, **more}]}}


def test_by_default_there_is_no_clash():
    names = {component: component_names(component, next(samples(component))) for component in described()}
    assert list(name_faults(names)) == []
    # Those whose names have no limit that they could share with others, or all of whose names are inputs.
    nameless = {component for component, own in names.items() if not own}
    assert nameless == {"certificate", "configuration", "cluster_services", "gateways"}
    # By default vectors lie elsewhere, terminals aren't recorded, and nothing of the bastion is backed up.
    others = {"opensearchserverless_collection", "ssm_document", "backup_plan", "backup_vault"}
    assert {item.kind for own in names.values() for item in own} == set(TITLES) - others


@pytest.mark.parametrize(
    ("name", "owner"),
    [("bastion", "bastion_instance"), ("eks-nodes", "eks"), ("eks-cluster", "eks"), ("flow-logs", "network")],
)
def test_a_workload_named_like_another_components_role(name, owner):
    assert clashes(**workload(name)) == [
        (
            owner,
            "workload_identity",
            f"workload_identity_roles[0].name: makes the IAM role agent-platform-dev-{name}, which is that of {owner}:"
            " each has one owner, so give this one another name",
        )
    ]


def test_iam_does_not_distinguish_by_case():
    ((_first, _second, clash),) = clashes(**workload("Bastion"))
    assert (
        "agent-platform-dev-Bastion, which is that of bastion_instance as agent-platform-dev-bastion, and AWS" in clash
    )
    twice = {"workload_identity": {"workload_identity_roles": [{"name": "agent"}, {"name": "AGENT"}]}}
    ((_first, _second, clash),) = clashes(**twice)
    assert clash.startswith("workload_identity_roles[1].name: makes the IAM role agent-platform-dev-AGENT, which is")


def test_others_do():
    assert clashes(eks={"eks_node_groups": [{"name": "a"}, {"name": "A"}]}) == []


def test_what_is_removed_must_not_be_another_ones():
    ((_first, _second, clash),) = clashes(**workload("eks-nodes", state="absent"))
    assert "removes the IAM role agent-platform-dev-eks-nodes, which is that of eks" in clash


def test_a_role_may_go_over_to_another_entry():
    """As from an add-on that is removed to the one that takes its place."""
    addons = [
        {"name": "old", "state": "absent", "irsa": {"name": "driver"}},
        {"name": "new", "irsa": {"name": "driver"}},
    ]
    assert clashes(eks={"eks_addons": addons}) == []


def test_two_that_are_both_removed():
    addons = [{"name": "old", "state": "absent", "irsa": {"name": "driver"}}]
    assert clashes(eks={"eks_addons": addons}, **workload("driver", state="absent")) == []


def test_add_ons_and_workloads():
    addons = [{"name": "vpc-cni", "irsa": {"name": "cni"}}]
    ((first, second, clash),) = clashes(eks={"eks_addons": addons}, **workload("cni"))
    assert (first, second) == ("eks", "workload_identity")
    assert "the IAM role agent-platform-dev-cni, which is that of eks_addons[0].irsa.name (eks): each has" in clash


def test_names_that_are_shortened_to_the_same_are_told_apart_by_their_hash():
    long = "w" * 80
    names = [
        item.name
        for item in component_names(
            "workload_identity",
            values(
                "workload_identity",
                **PLATFORM,
                workload_identity_roles=[{"name": f"{long}a"}, {"name": f"{long}b"}],
            ),
        )
    ]
    assert len({*names}) == 2
    assert {len(name) for name in names} == {64}


@pytest.mark.parametrize("component", described())
def test_without_a_platform_there_are_no_names(component):
    assert component_names(component, values(component)) == []


def test_buckets_for_access_logs_have_names_only_where_the_platform_makes_them():
    shared = {"platform_prefix": "demo-dev", "platform_account_id": "123456789012"}
    for given, count in (
        ({}, 0),
        ({"platform_access_logs": True, "platform_access_log_bucket": "theirs"}, 0),
        ({"platform_access_logs": True, "platform_access_log_bucket": ""}, 1),
    ):
        for component in ("bastion_instance", "frontend", "knowledge_base"):
            found = [item.name for item in component_names(component, values(component, **shared, **given))]
            assert len([name for name in found if "-logs-123456789012" in name]) == count
