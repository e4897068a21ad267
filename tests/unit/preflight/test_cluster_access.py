# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way to the cluster's API, and whether that lets the run in: told before anything is built."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.cluster_access import (
    access_faults,
    access_warnings,
    removal_access_faults,
    way_faults,
)

ROLE = "arn:aws:iam::123456789012:role/teams/deployers"
ROOT = "arn:aws:iam::123456789012:root"
ADMINISTRATOR = [{"policy": "AmazonEKSClusterAdminPolicy", "scope": "cluster"}]
VIEWER = [{"policy": "AmazonEKSViewPolicy", "scope": "cluster"}]
LINE = f"{{principal_arn: '{ROLE}', policies: [{{policy: AmazonEKSClusterAdminPolicy}}]}}"


def found(rights="none", arn=ROLE):
    return {"principal_arn": arn, "rights": rights}


def entry(arn=ROLE, policies=(), **more):
    return {"principal_arn": arn, "policies": list(policies), **more}


def told(eks, deployer, building, find=access_faults):
    return [str(item) for item in find(eks, deployer, building)]


@pytest.mark.parametrize(
    ("eks", "deployer", "building"),
    [
        # Declared or switched on, and made by this run.
        ({"eks_access_entries": [entry(policies=ADMINISTRATOR)]}, found(), True),
        ({"eks_access_entries": [entry(policies=[{"policy": "AmazonEKSClusterAdminPolicy"}])]}, found(), True),
        ({"eks_deployer_access": True}, found(), True),
        ({"eks_deployer_access": True}, found(arn=ROOT), True),
        # Declared with another path: without the permission to read the role its path isn't known.
        (
            {"eks_access_entries": [entry(policies=ADMINISTRATOR)]},
            found(arn="arn:aws:iam::123456789012:role/deployers"),
            True,
        ),
        # In the cluster, whoever has put it there.
        ({}, found("administrator"), True),
        ({}, found("administrator"), False),
        # Can't be told, or nobody has asked.
        ({}, found(None), False),
        ({}, {}, True),
        ({}, {"principal_arn": None, "rights": None}, True),
        # Groups of Kubernetes may have any right.
        ({}, found("groups"), False),
        ({"eks_access_entries": [entry(kubernetes_groups=["deployers"])]}, found(), True),
        ({"eks_authentication_mode": "API_AND_CONFIG_MAP"}, found(), True),
    ],
)
def test_no_fault(eks, deployer, building):
    assert told(eks, deployer, building) == []


@pytest.mark.parametrize("building", [True, False])
def test_who_has_no_entry_is_told_what_to_add(building):
    (text,) = told(
        {"eks_access_entries": [entry("arn:aws:iam::123456789012:role/other", ADMINISTRATOR)]}, found(), building
    )
    assert text == (
        f"eks_access_entries: this run is {ROLE}, and has no access entry in the cluster, which nobody has by having"
        f" made it: add {LINE}, or set eks_deployer_access: true"
        + ("" if building else ", and run site.yml --limit eks")
    )


def test_who_cannot_be_named_in_the_list_is_told_of_the_switch():
    (text,) = told({}, found(arn=ROOT), True)
    assert text.endswith("by having made it: set eks_deployer_access: true")


def test_too_few_rights_are_told():
    (text,) = told({}, found("some"), True)
    assert "has too few rights in the cluster" in text
    (text,) = told({"eks_access_entries": [entry(policies=VIEWER)]}, found("some"), True)
    assert text == (
        f"eks_access_entries[0].policies: [{{policy: 'AmazonEKSViewPolicy', scope: 'cluster'}}] is too little: this run"
        f" is {ROLE}, and needs all rights in the cluster; add {{policy: AmazonEKSClusterAdminPolicy}}"
    )
    narrow = [{"policy": "AmazonEKSClusterAdminPolicy", "scope": "namespace", "namespaces": ["agents"]}]
    assert told({"eks_access_entries": [entry(policies=narrow)]}, found(), True)


@pytest.mark.parametrize(
    "eks", [{"eks_access_entries": [entry(policies=ADMINISTRATOR)]}, {"eks_deployer_access": True}]
)
def test_what_is_declared_and_not_made_yet_is_told(eks):
    (text,) = told(eks, found(), False)
    assert text == (
        f"eks_access_entries: this run is {ROLE}, and its entry isn't in the cluster yet: run site.yml --limit eks"
        " first"
    )


def test_an_entry_that_this_run_takes_away_does_not_count():
    (text,) = told(
        {"eks_access_entries": [entry(policies=ADMINISTRATOR, state="absent")]}, found("administrator"), True
    )
    assert "and its entry eks_access_entries[0] is taken away by this run" in text
    assert told({"eks_access_entries": [entry(state="absent")]}, found("administrator"), False) == []


def test_a_switch_and_an_entry_must_not_say_different_things():
    (text,) = told({"eks_deployer_access": True, "eks_access_entries": [entry(state="absent")]}, found(), True)
    assert text.startswith(f"eks_deployer_access: true lets in {ROLE}, whose entry eks_access_entries[0] takes away")
    (text,) = told({"eks_deployer_access": True, "eks_access_entries": [entry(policies=VIEWER)]}, found(), True)
    assert text.startswith(
        f"eks_deployer_access: true makes {ROLE} an administrator, and eks_access_entries[0] doesn't"
    )
    both = {"eks_deployer_access": True, "eks_access_entries": [entry(policies=ADMINISTRATOR)]}
    assert told(both, found(), True) == []


@pytest.mark.parametrize(
    ("eks", "deployer"), [({}, found("groups")), ({"eks_authentication_mode": "API_AND_CONFIG_MAP"}, found())]
)
def test_what_cannot_be_told_from_outside_is_a_warning(eks, deployer):
    (text,) = told(eks, deployer, True, access_warnings)
    assert text.endswith("; only RBAC or the aws-auth ConfigMap in the cluster may say otherwise")
    assert told({}, found(), True, access_warnings) == []
    assert told({}, found("administrator"), True, access_warnings) == []


def test_who_cannot_take_away_what_is_in_there_may_leave_it_to_the_clusters_removal():
    (text,) = told({}, found(), False, removal_access_faults)
    assert text.endswith(
        "and run site.yml --limit eks. Or leave what is in the cluster to its removal: -e platform_cluster_access=none"
    )
    assert told({}, found("administrator"), False, removal_access_faults) == []


# ---- The way


def test_a_tunnel_needs_a_bastion_and_an_address_in_the_vpc():
    components = ["eks", "bastion_instance", "gateways"]
    assert list(way_faults("tunnel", {"eks_endpoint_private_access": True}, components)) == []
    assert list(way_faults("direct", {"eks_endpoint_private_access": False}, ["eks"])) == []
    assert list(way_faults("none", {}, [])) == []
    (text,) = map(str, way_faults("tunnel", {}, ["eks", "gateways"]))
    assert text == (
        "platform_cluster_access: 'tunnel' goes through the bastion, and the inventory has no host bastion_instance:"
        " add it, or set platform_cluster_access to direct"
    )
    (text,) = map(str, way_faults("tunnel", {"eks_endpoint_private_access": False}, components))
    assert "the API has no address while eks_endpoint_private_access is false: set that to true" in text
