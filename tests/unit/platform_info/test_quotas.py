# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much AWS lets an account have, and what of it is used by whom."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.quotas import instance_quota
from tests.support.scripted_aws import api_error

from .fake_aws import look, owned


def instance(kind="t3.medium", component=None, spot=False, **members):
    tags = owned(component) if component else []
    lifecycle = {"InstanceLifecycle": "spot"} if spot else {}
    options = {"CoreCount": 1, "ThreadsPerCore": 2}
    return {"InstanceType": kind, "Tags": tags, "CpuOptions": options, **lifecycle, **members}


def quotas(component, *instances, limit=None, **answers):
    listed = {"Reservations": [{"Instances": [item]} for item in instances]}
    given = {"DescribeInstances": listed, "GetServiceQuota": limit or {"Quota": {"Value": 5.0}}, **answers}
    found, aws = look(given, component, offers=True)
    return found.offers[component]["quotas"], found, aws


def test_what_runs_is_counted_by_its_kind_and_its_owner():
    found, _all, aws = quotas(
        "eks",
        instance(component="eks"),
        instance("m7i.large", component="bastion_instance"),
        instance(spot=True, component="eks"),
        instance("g5.xlarge", CpuOptions={"CoreCount": 2, "ThreadsPerCore": 2}),
        instance("inf2.xlarge"),
    )
    assert {name: state for name, state in found.items() if "vcpus" in name} == {
        "standard_vcpus": {"limit": 5.0, "used": 4, "own": 2},
        "standard_spot_vcpus": {"limit": 5.0, "used": 2, "own": 2},
        "graphics_vcpus": {"limit": 5.0, "used": 4, "own": 0},
        "graphics_spot_vcpus": {"limit": 5.0, "used": 0, "own": 0},
    }
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    assert [request["Filters"] for request in aws.requests("DescribeInstances")] == [states]


def test_components_that_share_a_quota_ask_once():
    found, aws = look({"GetServiceQuota": {"Quota": {"Value": 5.0}}}, "eks", "bastion_instance", offers=True)
    codes = [request["QuotaCode"] for request in aws.requests("GetServiceQuota")]
    assert len(codes) == len(set(codes)) == 4
    assert found.offers["bastion_instance"]["quotas"]["standard_vcpus"]["limit"] == 5.0


def test_an_account_without_a_value_of_its_own_has_the_default():
    missing = api_error("GetServiceQuota", "NoSuchResourceException", "none", 400)
    default = {"Quota": {"Value": 32.0}}
    found, _all, _aws = quotas("bastion_instance", limit=missing, GetAWSDefaultServiceQuota=default)
    assert found["standard_vcpus"]["limit"] == 32.0


def test_a_missing_permission_is_a_word():
    denied = api_error("GetServiceQuota", "AccessDeniedException", "no", 400)
    found, everything, _aws = quotas("bastion_instance", limit=denied, GetAWSDefaultServiceQuota=denied)
    assert found["standard_vcpus"]["limit"] is None
    assert "Allow servicequotas:GetServiceQuota for the identity of this run" in "".join(everything.warnings)


def test_instances_that_cannot_be_listed_are_not_none():
    denied = api_error("DescribeInstances", "UnauthorizedOperation", "no", 403)
    found, _all, _aws = quotas("eks", DescribeInstances=denied)
    assert found["standard_vcpus"] == {"limit": 5.0, "used": None, "own": None}


def test_iam_tells_of_its_own_in_every_region():
    summary = {"AssumeRolePolicySizeQuota": 4096, "AttachedPoliciesPerRoleQuota": 20}
    found, _all, aws = quotas("workload_identity", GetAccountSummary={"SummaryMap": summary})
    assert found == {
        "trust_policy": {"limit": 4096, "used": None, "own": None},
        "policies_per_role": {"limit": 20, "used": None, "own": None},
    }
    assert "GetServiceQuota" not in aws.operations()


def test_addresses_and_vpcs():
    theirs, ours = [], owned("network")
    found, _all, _aws = quotas(
        "network",
        DescribeAddresses={
            "Addresses": [
                {"PublicIp": "203.0.113.1", "AllocationId": "eipalloc-1", "Tags": tags} for tags in (theirs, ours, ours)
            ]
        },
        DescribeVpcs={"Vpcs": [{"VpcId": "vpc-0", "CidrBlock": "10.0.0.0/16", "IsDefault": True}]},
    )
    assert found["elastic_ips"] == {"limit": 5.0, "used": 3, "own": 2}
    assert found["vpcs"] == {"limit": 5.0, "used": 1, "own": 0}


@pytest.mark.parametrize(
    ("kind", "spot", "quota"),
    [
        ("t3.medium", False, "standard_vcpus"),
        ("im4gn.large", True, "standard_spot_vcpus"),
        ("is4gen.medium", False, "standard_vcpus"),
        ("g5g.xlarge", False, "graphics_vcpus"),
        ("gr6.4xlarge", True, "graphics_spot_vcpus"),
        ("hpc7a.12xlarge", False, None),
        ("inf2.xlarge", False, None),
        ("mac2.metal", False, None),
        ("p5.48xlarge", False, None),
        ("trn1.2xlarge", False, None),
        ("u-6tb1.56xlarge", False, None),
    ],
)
def test_the_quota_of_an_instance_type(kind, spot, quota):
    assert instance_quota(kind, spot) == quota
