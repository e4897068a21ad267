# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster with its nodes, add-ons and access entries."""

from __future__ import annotations

import pytest

from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, PREFIX, REGION, SOMEONE_ELSES_ROLES, log_groups, look, marks, role, taken

OWNER = marks("eks")

EKS = f"arn:aws:eks:{REGION}:{ACCOUNT}"
IAM = f"arn:aws:iam::{ACCOUNT}"
LOG_GROUP = f"/aws/eks/{PREFIX}-eks/cluster"


def cluster(tags=OWNER, **members):
    return {
        "cluster": {
            "name": f"{PREFIX}-eks",
            "arn": f"{EKS}:cluster/{PREFIX}-eks",
            "status": "ACTIVE",
            "version": "1.34",
            "endpoint": "https://eks.example",
            "certificateAuthority": {"data": "Q0E="},
            "identity": {"oidc": {"issuer": "https://oidc.example/id/1"}},
            "resourcesVpcConfig": {"clusterSecurityGroupId": "sg-eks"},
            "tags": dict(tags),
            **members,
        }
    }


def addon(request):
    name = request["addonName"]
    members = {"serviceAccountRoleArn": f"{IAM}:role/{PREFIX}-{name}"} if name == "ebs-csi" else {}
    return {"addon": {"addonName": name, "addonVersion": "v1", "status": "ACTIVE", "addonArn": "arn:addon", **members}}


MISSING = {"DescribeCluster": "ResourceNotFoundException", "GetOpenIDConnectProvider": "NoSuchEntity"}
ANSWERS = {
    "DescribeCluster": cluster(),
    "ListNodegroups": {"nodegroups": [f"{PREFIX}-default"]},
    "DescribeNodegroup": {
        "nodegroup": {
            "nodegroupName": f"{PREFIX}-default",
            "nodegroupArn": "arn:nodegroup",
            "status": "ACTIVE",
            "version": "1.34",
            "instanceTypes": ["t3.medium"],
            "scalingConfig": {"minSize": 2, "maxSize": 6, "desiredSize": 3},
        }
    },
    "ListAddons": {"addons": ["vpc-cni", "ebs-csi"]},
    "DescribeAddon": addon,
    "ListAccessEntries": {"accessEntries": [f"{IAM}:role/b", f"{IAM}:role/a"]},
    "GetRole": role,
    "GetOpenIDConnectProvider": {"Url": "oidc.example/id/1"},
}


def test_facts():
    found, aws = look(ANSWERS, "eks")
    facts = found.components["eks"]
    assert facts["exists"]
    assert facts["cluster_name"] == f"{PREFIX}-eks"
    assert facts["status"] == "ACTIVE"
    assert facts["oidc_provider_arn"] == f"{IAM}:oidc-provider/oidc.example/id/1"
    assert aws.requests("GetOpenIDConnectProvider") == [{"OpenIDConnectProviderArn": facts["oidc_provider_arn"]}]
    assert facts["cluster_security_group_id"] == "sg-eks"
    assert facts["certificate_authority"] == "Q0E="
    assert facts["node_groups"][f"{PREFIX}-default"]["status"] == "ACTIVE"
    assert facts["node_groups"][f"{PREFIX}-default"]["desired_size"] == 3
    assert list(facts["addons"]) == ["ebs-csi", "vpc-cni"]
    assert facts["addons"]["vpc-cni"]["service_account_role_arn"] is None
    assert facts["addons"]["ebs-csi"]["service_account_role_arn"] == f"{IAM}:role/{PREFIX}-ebs-csi"
    assert facts["cluster_role_arn"] == f"{IAM}:role/{PREFIX}-eks-cluster"
    assert facts["node_role_arn"] == f"{IAM}:role/{PREFIX}-eks-nodes"
    assert facts["access_entries"] == [f"{IAM}:role/a", f"{IAM}:role/b"]
    assert found.conflicts == []


def test_a_cluster_under_way_has_no_address_yet():
    answers = {"DescribeCluster": cluster(status="CREATING", endpoint="", certificateAuthority={}, identity={})}
    found, aws = look(answers, "eks")
    facts = found.components["eks"]
    assert (facts["status"], facts["endpoint"], facts["certificate_authority"]) == ("CREATING", None, None)
    assert facts["oidc_issuer"] is None
    assert "GetOpenIDConnectProvider" not in aws.operations()


def test_a_cluster_without_access_entries_is_not_asked_for_them():
    answers = {**ANSWERS, "DescribeCluster": cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})}
    found, aws = look(answers, "eks")
    assert found.components["eks"]["access_entries"] == []
    assert "ListAccessEntries" not in aws.operations()


def test_an_addon_deleted_in_between_is_left_out():
    gone = api_error("DescribeAddon", "ResourceNotFoundException", status=404)
    found, _aws = look({**ANSWERS, "DescribeAddon": gone}, "eks")
    assert found.components["eks"]["addons"] == {}


def test_other_partitions():
    arn = f"arn:aws-cn:eks:cn-north-1:{ACCOUNT}:cluster/{PREFIX}-eks"
    caller = {"Account": ACCOUNT, "Arn": f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/a/b", "UserId": "AID"}
    answers = {**ANSWERS, "DescribeCluster": cluster(arn=arn), "GetCallerIdentity": caller}
    found, _aws = look(answers, "eks")
    assert found.partition == "aws-cn"
    assert found.components["eks"]["oidc_provider_arn"].startswith(f"arn:aws-cn:iam::{ACCOUNT}:oidc-provider/")


def test_a_cluster_of_someone_else_is_not_looked_into():
    _found, aws = look({"DescribeCluster": cluster(tags={})}, "eks")
    assert not {"ListNodegroups", "ListAddons", "ListAccessEntries"} & set(aws.operations())


def test_without_names_of_node_groups_no_launch_templates_are_looked_for():
    _found, aws = look({}, "eks", entries={})
    assert "DescribeLaunchTemplates" not in aws.operations()


@pytest.mark.parametrize(
    ("answers", "resource"),
    [
        ({"DescribeCluster": cluster(tags={"Project": "other"})}, f"EKS cluster {PREFIX}-eks"),
        (
            {
                "DescribeLaunchTemplates": {
                    "LaunchTemplates": [{"LaunchTemplateName": f"{PREFIX}-eks-default", "Tags": []}]
                }
            },
            f"launch template {PREFIX}-eks-default",
        ),
        ({"DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": {}}}, f"log group {LOG_GROUP}"),
    ],
)
def test_a_name_that_someone_else_has(answers, resource):
    assert taken(answers, "eks") == [resource]


def test_roles_that_someone_else_has():
    assert sorted(taken(SOMEONE_ELSES_ROLES, "eks")) == [
        f"IAM role {PREFIX}-{name}" for name in ("ebs-csi-driver", "eks-cluster", "eks-nodes", "vpc-cni")
    ]


def test_its_log_group():
    assert taken({"DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": OWNER}}, "eks") == []


def test_a_log_group_that_aws_made_again():
    answers = {**ANSWERS, "DescribeLogGroups": log_groups, "ListTagsForResource": {"tags": {}}}
    assert taken(answers, "eks") == []
