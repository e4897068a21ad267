# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where policies are enforced, a call is checked on all that it is about, as AWS's reference of authorization says."""

from __future__ import annotations

import pytest
from ministack.services import ec2

from tests.support.local_cloud.shims import authorization as shim

REGION, ACCOUNT = "us-west-2", "123456789012"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
SSM = f"arn:aws:ssm:{REGION}:{ACCOUNT}"
RDS = f"arn:aws:rds:{REGION}:{ACCOUNT}"
CASES = [
    pytest.param("ec2:CreateVpc", {"CidrBlock": "10.0.0.0/16"}, [f"{EC2}:vpc/*"], id="what is made"),
    pytest.param(
        "ec2:CreateSubnet", {"VpcId": "vpc-1"}, [f"{EC2}:subnet/*", f"{EC2}:vpc/vpc-1"], id="what it is made in"
    ),
    pytest.param(
        "ec2:AssociateRouteTable",
        {"RouteTableId": "rtb-1", "SubnetId": "subnet-1"},
        [f"{EC2}:route-table/rtb-1", f"{EC2}:subnet/subnet-1"],
        id="what is only named if it is",
    ),
    pytest.param(
        "ec2:CreateTags",
        {"Resources": ["vpc-1", "eipalloc-1"], "Tags": [{"Key": "Name", "Value": "x"}]},
        [f"{EC2}:vpc/vpc-1", f"{EC2}:elastic-ip/eipalloc-1"],
        id="by the ids of EC2",
    ),
    pytest.param("rds:DescribeDBClusters", {}, [f"{RDS}:cluster:*"], id="a list is about all"),
    pytest.param("rds:ListTagsForResource", {"ResourceName": f"{RDS}:pg:x"}, [f"{RDS}:pg:x"], id="by an ARN"),
    pytest.param("kms:CreateKey", {}, [], id="no resource"),
    pytest.param(
        "iam:CreateServiceLinkedRole",
        {"AWSServiceName": "eks.amazonaws.com"},
        [f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/eks.amazonaws.com/*"],
        id="a service's role",
    ),
    pytest.param(
        "appconfig:GetEnvironment",
        {"ApplicationId": "a", "EnvironmentId": "e"},
        [
            f"arn:aws:appconfig:{REGION}:{ACCOUNT}:application/a",
            f"arn:aws:appconfig:{REGION}:{ACCOUNT}:application/a/environment/e",
        ],
        id="one inside of another",
    ),
    pytest.param("ec2:CreateNetworkAcl", {"VpcId": "vpc-1"}, [f"{EC2}:network-acl/*", f"{EC2}:vpc/vpc-1"], id="an ACL"),
    pytest.param(
        "iam:AttachRolePolicy",
        {"RoleName": "demo", "PolicyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
        [f"arn:aws:iam::{ACCOUNT}:role/demo"],
        id="not what it only names",
    ),
    pytest.param(
        "iam:GetPolicy",
        {"PolicyArn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
        ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"],
        id="a policy of AWS",
    ),
    pytest.param(
        "wafv2:PutLoggingConfiguration",
        {"LoggingConfiguration": {"ResourceArn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:global/webacl/demo/1"}},
        [f"arn:aws:wafv2:{REGION}:{ACCOUNT}:global/webacl/demo/1"],
        id="in a member",
    ),
    pytest.param("ssm:CreateDocument", {"Name": "demo-session"}, [f"{SSM}:document/demo-session"], id="a document"),
    pytest.param(
        "ssm:AddTagsToResource",
        {"ResourceType": "Document", "ResourceId": "demo-session"},
        [f"{SSM}:document/demo-session"],
        id="tags of a document",
    ),
]


@pytest.mark.parametrize(("action", "request_", "wanted"), CASES)
def test_resources_of_a_call(action, request_, wanted):
    assert shim.resources(action, request_, REGION, ACCOUNT) == wanted


@pytest.fixture
def associations(monkeypatch):
    """A route table, a network ACL and an instance profile, each associated with something."""
    table = {"RouteTableId": "rtb-1", "Associations": [{"RouteTableAssociationId": "rtbassoc-1"}]}
    acl = {"Associations": [{"NetworkAclAssociationId": "aclassoc-1", "SubnetId": "subnet-1"}]}
    monkeypatch.setattr(ec2, "_route_tables", {"rtb-1": table})
    monkeypatch.setattr(ec2, "_network_acls", {"acl-1": acl})
    monkeypatch.setattr(ec2, "_iam_instance_profile_associations", {"iip-assoc-1": {"InstanceId": "i-1"}})


@pytest.mark.usefixtures("associations")
@pytest.mark.parametrize(
    ("action", "request_", "wanted"),
    [
        ("DisassociateRouteTable", {"AssociationId": "rtbassoc-1"}, ["route-table/rtb-1"]),
        (
            "ReplaceNetworkAclAssociation",
            {"AssociationId": "aclassoc-1", "NetworkAclId": "acl-2"},
            ["network-acl/acl-2", "subnet/subnet-1"],
        ),
        ("DisassociateIamInstanceProfile", {"AssociationId": "iip-assoc-1"}, ["instance/i-1"]),
        # Of what is gone.
        ("DisassociateIamInstanceProfile", {"AssociationId": "iip-assoc-2"}, ["instance/*"]),
    ],
)
def test_an_association_is_of_what_it_associates(action, request_, wanted):
    found = shim.resources(f"ec2:{action}", request_, REGION, ACCOUNT)
    assert found == [f"{EC2}:{resource}" for resource in wanted]


@pytest.mark.parametrize(
    "request_",
    [
        {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "Project", "Value": "p"}]}]},
        {"Tags": {"Project": "p"}},
        {"tags": {"Project": "p"}},
        {"tags": [{"key": "Project", "value": "p"}]},
        {"Tags": [{"TagKey": "Project", "TagValue": "p"}]},
        {"UserPoolTags": {"Project": "p"}},
    ],
)
def test_tags_of_a_request(request_):
    assert shim.tags_in(request_) == {"Project": "p"}


def test_roles_that_are_handed_over():
    role = f"arn:aws:iam::{ACCOUNT}:role/demo"
    assert shim.roles_in({"roleArn": role, "tags": {}}, "eks:CreateCluster", ACCOUNT) == [role]
    assert shim.roles_in({"RoleName": "demo"}, "iam:AddRoleToInstanceProfile", ACCOUNT) == [role]
    assert shim.roles_in({"principalArn": role}, "eks:CreateAccessEntry", ACCOUNT) == []
    assert shim.roles_in({"roleArn": role}, "eks:DescribeCluster", ACCOUNT) == []


def test_what_is_made_with_tags_takes_a_permission_of_its_own():
    request_ = {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "Project", "Value": "p"}]}]}
    assert list(shim._implied("ec2:CreateVpc", request_, [], REGION, ACCOUNT)) == [
        ("ec2:CreateTags", f"{EC2}:vpc/*", {"aws:RequestTag/Project": "p", "ec2:CreateAction": "CreateVpc"})
    ]


def test_what_workloads_call_is_about_what_the_emulator_says():
    """The reference is of the calls of who runs the playbooks; it doesn't make others ones about nothing."""
    arn_of = shim._resource(lambda *_request: "arn:told", lambda *_request: "bedrock:Retrieve")

    assert arn_of("bedrock", "POST", "/knowledgebases/1/retrieve", {}, b"{}", {}, REGION, ACCOUNT) == "arn:told"
