# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lists of role eks: what an entry leaves out, and the order and form of the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.support.declarations import load as load_module

ROLE = Path(__file__).resolve().parents[3] / "roles" / "eks"


def load(file: str) -> dict:
    return yaml.safe_load((ROLE / file).read_text())


DEFAULTS = load("defaults/main.yml")
CONSTANTS = load("vars/main.yml")
OPTIONS = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
# What holds the entries of each list, complete, and what is completed: whoever runs the platform, and the role of its
# administrators, may be added.
LISTS = {
    "eks_node_groups": ("__eks_all_node_groups", "eks_node_groups"),
    "eks_addons": ("__eks_all_addons", "eks_addons"),
    "eks_access_entries": (
        "__eks_all_access_entries",
        "(eks_access_entries + __eks_deployer_entries + __eks_admin_entries)",
    ),
}


@pytest.mark.parametrize(("option", "constant", "entries"), [(option, *about) for option, about in LISTS.items()])
def test_what_an_entry_leaves_out_is_what_the_specification_says(option, constant, entries):
    filled_in = f"{{{{ {entries} | agent_platform.aws.with_defaults('eks', '{option}') }}}}"
    assert " ".join(CONSTANTS[constant].split()) == filled_in


@pytest.mark.parametrize("option", ["eks_node_groups", "eks_addons"])
def test_entries_have_names_of_their_own_and_known_keys(option):
    names = [entry["name"] for entry in DEFAULTS[option]]
    assert len(names) == len(set(names))
    for entry in DEFAULTS[option]:
        assert set(entry) <= set(OPTIONS[option]["options"])


def test_addons_stand_in_an_order_that_works():
    names = [addon["name"] for addon in DEFAULTS["eks_addons"]]
    before = [addon["name"] for addon in DEFAULTS["eks_addons"] if addon.get("before_nodes")]
    assert before == ["vpc-cni", "kube-proxy", "eks-pod-identity-agent"]
    assert names.index("cert-manager") < names.index("adot")


def test_image_families_are_those_of_eks_that_the_launch_template_fits():
    choices = OPTIONS["eks_node_groups"]["options"]["ami_type"]["choices"]
    known = load_module("eks_nodegroup").options["ami_type"]["choices"]
    assert set(choices) == {name for name in known if name.startswith(("AL2023_", "BOTTLEROCKET_"))}


def test_sessions_on_nodes_take_what_they_take_on_the_bastion():
    (nodes,) = CONSTANTS["__eks_node_session_manager"]["Statement"]
    bastion = yaml.safe_load((ROLE.parent / "bastion_instance" / "vars" / "main.yml").read_text())
    (agent,) = [item for item in bastion["__bastion_instance_own_statements"] if item["Sid"] == nodes["Sid"]]
    assert nodes["Action"] == agent["Action"]
    assert DEFAULTS["eks_node_session_manager"] is False


@pytest.mark.parametrize(
    ("irsa", "addons", "kept"),
    [
        (False, {}, True),
        (True, {}, False),
        (True, {"vpc-cni": {"service_account_role_arn": None}}, True),
        (True, {"vpc-cni": {"service_account_role_arn": "arn"}}, False),
    ],
)
def test_nodes_serve_the_network_until_its_addon_has_a_role(irsa, addons, kept):
    known = {
        **{name: trust_as_template(CONSTANTS[name]) for name in ("__eks_cni_has_role", "__eks_cni_gets_role")},
        "__eks_all_addons": [{"name": "vpc-cni", **({"irsa": {"name": "vpc-cni"}} if irsa else {})}],
        "__eks_facts": {"addons": addons},
    }
    template = trust_as_template(CONSTANTS["__eks_cni_by_nodes"])
    assert Templar(DataLoader(), variables=known).template(template) is kept


def test_roles_take_it_from_the_nodes_when_the_addons_have_theirs():
    made = [task for task in load("tasks/main.yml") if "addons.yml" in task.values() or "roles.yml" in task.values()]
    first, *_addons, last = made
    assert first["ansible.builtin.import_tasks"] == last["ansible.builtin.include_tasks"] == "roles.yml"
    assert last["vars"] == {"__eks_cni_by_nodes": False}


def test_nodes_can_do_no_more_than_nodes_need():
    assert CONSTANTS["__eks_node_policies"] == [
        "AmazonEKSWorkerNodeMinimalPolicy",
        "AmazonEC2ContainerRegistryPullOnly",
    ]
    statements = CONSTANTS["__eks_node_join"]["Statement"]
    assert {item["Resource"]: item["Action"] for item in statements} == {
        "*": ["ec2:DescribeInstanceTypes", "ec2:DescribeInstances"],
        "{{ __eks_cluster_arn }}": "eks:DescribeCluster",
    }
    assert CONSTANTS["__eks_metadata_options"] == {
        "http_endpoint": "enabled",
        "http_tokens": "required",
        "http_put_response_hop_limit": 1,
    }


def test_nobody_is_an_administrator_by_having_made_the_cluster():
    (cluster,) = [
        task["agent_platform.aws.eks_cluster"]
        for task in load("tasks/main.yml")
        if "agent_platform.aws.eks_cluster" in task
    ]
    assert cluster["bootstrap_cluster_creator_admin_permissions"] is False
    assert cluster["authentication_mode"] == "{{ eks_authentication_mode }}"


def test_network_policies_are_enforced():
    (network,) = [addon for addon in DEFAULTS["eks_addons"] if addon["name"] == "vpc-cni"]
    assert network["configuration"]["enableNetworkPolicy"] == "true"
    # Its rights are its own, so nodes don't have them.
    assert network["irsa"]["managed_policies"] == ["AmazonEKS_CNI_Policy"]
