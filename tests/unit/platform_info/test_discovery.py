# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What discovery finds, what it leaves alone, and what it says when AWS doesn't answer."""

from __future__ import annotations

import datetime

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Reader, Scope
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import COMPONENTS, discover, identify
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.scripted_aws import api_error

from .fake_aws import ACCOUNT, OWNER, PREFIX, REGION, FakeAws, owned, tag_list

READS = ("Describe", "Get", "List")
SCOPE = Scope(PREFIX, OWNER, REGION)
EKS = f"arn:aws:eks:{REGION}:{ACCOUNT}"
IAM = f"arn:aws:iam::{ACCOUNT}"


def look(answers, *components, scope=SCOPE):
    aws = FakeAws(answers)
    found = discover(aws.client, scope, components or COMPONENTS, identify(aws.client))
    return found, aws


def vpc(vpc_id="vpc-1", tags=None):
    return {"VpcId": vpc_id, "CidrBlock": "10.0.0.0/16", "Tags": owned("vpc") if tags is None else tags}


def subnet(subnet_id, tier, zone, vpc_id="vpc-1", tags=None):
    return {
        "SubnetId": subnet_id,
        "VpcId": vpc_id,
        "AvailabilityZone": zone,
        "CidrBlock": "10.0.1.0/24",
        "Tags": owned(f"{tier}-{zone}", Tier=tier) if tags is None else tags,
    }


def nat(nat_id, subnet_id, zone, state="available", **members):
    addresses = [{"PublicIp": "203.0.113.7"}]
    return {
        "NatGatewayId": nat_id,
        "VpcId": "vpc-1",
        "SubnetId": subnet_id,
        "State": state,
        "NatGatewayAddresses": addresses,
        "Tags": owned(f"nat-{zone}"),
        **members,
    }


def group(group_id, name, tags=()):
    return {"GroupId": group_id, "GroupName": name, "VpcId": "vpc-1", "Tags": list(tags)}


NETWORK = {
    "DescribeVpcs": {"Vpcs": [vpc()]},
    "DescribeSubnets": {
        "Subnets": [
            subnet("subnet-d", "private", "us-west-2b"),
            subnet("subnet-c", "private", "us-west-2a"),
            subnet("subnet-b", "public", "us-west-2b"),
            subnet("subnet-a", "public", "us-west-2a"),
        ]
    },
    "DescribeInternetGateways": {
        "InternetGateways": [
            {
                "InternetGatewayId": "igw-1",
                "Attachments": [{"VpcId": "vpc-1", "State": "attached"}],
                "Tags": owned("internet-gateway"),
            }
        ]
    },
    "DescribeAddresses": {
        "Addresses": [
            {"PublicIp": "203.0.113.9", "Tags": owned("nat-us-west-2a")},
            {"PublicIp": "203.0.113.7", "AssociationId": "eipassoc-b", "Tags": owned("nat-us-west-2b")},
            {"PublicIp": "203.0.113.8", "Tags": tag_list(Name="someone-else")},
        ]
    },
    "DescribeNatGateways": {
        "NatGateways": [
            nat("nat-b", "subnet-b", "us-west-2b"),
            nat("nat-a", "subnet-a", "us-west-2a"),
            nat("nat-0", "subnet-a", "us-west-2a", state="deleted"),
        ]
    },
    "DescribeRouteTables": {
        "RouteTables": [
            {"RouteTableId": "rtb-0", "VpcId": "vpc-1", "Tags": owned("public")},
            {"RouteTableId": "rtb-a", "VpcId": "vpc-1", "Tags": owned("private-us-west-2a")},
            {"RouteTableId": "rtb-b", "VpcId": "vpc-1", "Tags": owned("private-us-west-2b")},
        ]
    },
    "DescribeVpcEndpoints": {
        "VpcEndpoints": [
            {
                "VpcEndpointId": "vpce-s3",
                "VpcId": "vpc-1",
                "ServiceName": f"com.amazonaws.{REGION}.s3",
                "State": "available",
                "Tags": owned("endpoint-s3"),
            },
            {
                "VpcEndpointId": "vpce-ecr",
                "VpcId": "vpc-1",
                "ServiceName": f"com.amazonaws.{REGION}.ecr.api",
                "State": "Available",
                "Tags": owned("endpoint-ecr.api"),
            },
            {
                "VpcEndpointId": "vpce-old",
                "VpcId": "vpc-1",
                "ServiceName": f"com.amazonaws.{REGION}.sts",
                "State": "deleted",
                "Tags": owned("endpoint-sts"),
            },
        ]
    },
    "DescribeFlowLogs": {"FlowLogs": [{"FlowLogId": "fl-1", "ResourceId": "vpc-1", "Tags": owned("flow-log")}]},
    "DescribeSecurityGroups": {
        "SecurityGroups": [
            group("sg-default", "default"),
            group("sg-nodes", f"{PREFIX}-nodes", owned("nodes")),
            group("sg-redis", f"{PREFIX}-redis", owned("redis")),
        ]
    },
}


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


def role(request):
    """Every role of ours exists."""
    name = request["RoleName"]
    return {"Role": {"RoleName": name, "Arn": f"{IAM}:role/{name}", "Tags": owned()}}


def addon(request):
    name = request["addonName"]
    members = {"serviceAccountRoleArn": f"{IAM}:role/{PREFIX}-{name}"} if name == "ebs-csi" else {}
    return {"addon": {"addonName": name, "addonVersion": "v1", "status": "ACTIVE", "addonArn": "arn:addon", **members}}


EKS_ANSWERS = {
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

KEY = {
    "KeyId": "key-1",
    "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/key-1",
    "KeyState": "Enabled",
    "KeyManager": "CUSTOMER",
    "CreationDate": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
}


def key_tags(request=None, tags=OWNER):
    return {"Tags": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}


ENCRYPTION = {
    "DescribeKey": {"KeyMetadata": KEY},
    "ListResourceTags": key_tags,
    "GetKeyRotationStatus": {"KeyRotationEnabled": True},
}


class TestNothingExists:
    def test_every_key_is_there(self):
        found, _aws = look({})
        assert found.components["encryption"] == {
            "exists": False,
            "key_id": None,
            "key_arn": None,
            "alias": None,
            "state": None,
            "rotation_enabled": None,
        }
        assert found.components["network"]["subnet_ids"] == {"public": [], "private": []}
        assert found.components["network"]["route_tables"] == {"public": None, "private": {}}
        assert found.components["network"]["security_groups"]["aurora"] is None
        assert found.components["eks"]["node_groups"] == {}
        assert found.components["workload_identity"]["roles"]["llm-gateway"] is None
        assert set(found.components["bastion_instance"].values()) == {None, False}
        assert not any(facts["exists"] for facts in found.components.values())
        assert (found.conflicts, found.warnings) == ([], [])

    def test_missing_components_are_named_in_the_order_in_which_to_build_them(self):
        found, _aws = look({})
        assert found.missing(["eks", "network", "encryption"]) == ["encryption", "network", "eks"]


class TestReads:
    def test_only_reads_are_called(self):
        _found, aws = look({**NETWORK, **EKS_ANSWERS, **ENCRYPTION})
        assert {name for name in aws.operations() if not name.startswith(READS)} == set()

    def test_a_write_is_refused(self):
        aws = FakeAws()
        with pytest.raises(ValueError, match="not a read"):
            Reader({"ec2": aws.client("ec2")}, None).read("ec2", "create_vpc", CidrBlock="10.0.0.0/16")
        assert aws.calls == []

    def test_only_the_services_of_the_components_asked_for_are_called(self):
        found, aws = look(ENCRYPTION, "encryption")
        assert aws.clients == ["sts", "kms"]
        assert found.components["encryption"]["exists"]
        assert found.components["network"]["vpc_id"] is None

    def test_ec2_is_asked_by_the_tags_of_the_owner(self):
        _found, aws = look(NETWORK, "network")
        by_tag = [{"Name": f"tag:{key}", "Values": [value]} for key, value in OWNER.items()]
        for operation in (
            "DescribeSubnets",
            "DescribeRouteTables",
            "DescribeVpcEndpoints",
            "DescribeInternetGateways",
            "DescribeAddresses",
        ):
            assert aws.requests(operation) == [{"Filters": by_tag}]
        for operation in ("DescribeNatGateways", "DescribeFlowLogs"):
            assert aws.requests(operation) == [{"Filter": by_tag}]

    def test_a_cluster_of_someone_else_is_not_looked_into(self):
        _found, aws = look({"DescribeCluster": cluster(tags={})}, "eks")
        assert not {"ListNodegroups", "ListAddons", "ListAccessEntries"} & set(aws.operations())


class TestNetwork:
    def test_facts(self):
        found, _aws = look(NETWORK, "network")
        network = found.components["network"]
        assert network["exists"]
        assert network["vpc_id"] == "vpc-1"
        assert network["cidr_block"] == "10.0.0.0/16"
        assert network["internet_gateway_id"] == "igw-1"
        assert network["availability_zones"] == ["us-west-2a", "us-west-2b"]
        assert network["subnet_ids"] == {"public": ["subnet-a", "subnet-b"], "private": ["subnet-c", "subnet-d"]}
        assert network["subnets"]["private"][0] == {
            "id": "subnet-c",
            "availability_zone": "us-west-2a",
            "cidr_block": "10.0.1.0/24",
        }
        assert network["nat_gateways"] == [
            {"id": "nat-a", "availability_zone": "us-west-2a", "public_ip": "203.0.113.7", "state": "available"},
            {"id": "nat-b", "availability_zone": "us-west-2b", "public_ip": "203.0.113.7", "state": "available"},
        ]
        assert network["addresses"] == [
            {"public_ip": "203.0.113.9", "association_id": None},
            {"public_ip": "203.0.113.7", "association_id": "eipassoc-b"},
        ]
        assert network["route_tables"] == {"public": "rtb-0", "private": {"us-west-2a": "rtb-a", "us-west-2b": "rtb-b"}}
        assert network["endpoints"] == {"ecr.api": "vpce-ecr", "s3": "vpce-s3"}
        assert network["flow_log_id"] == "fl-1"
        assert network["default_security_group_id"] == "sg-default"
        assert network["security_groups"]["nodes"] == "sg-nodes"
        assert network["security_groups"]["bastion"] is None
        assert (found.conflicts, found.warnings) == ([], [])

    def test_what_an_endpoint_returns_in_spite_of_the_filter_is_not_ours(self):
        foreign = tag_list(Name=f"{PREFIX}-private-us-west-2a", Tier="private")
        answers = {
            **NETWORK,
            "DescribeSubnets": {"Subnets": [subnet("subnet-x", "private", "us-west-2a", tags=foreign)]},
        }
        found, _aws = look(answers, "network")
        assert found.components["network"]["subnet_ids"] == {"public": [], "private": []}
        assert not found.components["network"]["exists"]

    def test_of_two_vpcs_the_one_that_was_built_upon(self):
        answers = {**NETWORK, "DescribeVpcs": {"Vpcs": [vpc("vpc-0"), vpc("vpc-1")]}}
        found, _aws = look(answers, "network")
        assert found.components["network"]["vpc_id"] == "vpc-1"
        (warning,) = found.warnings
        assert "2 VPCs" in warning
        assert "vpc-1 is used; left alone: vpc-0" in warning

    def test_of_two_empty_vpcs_the_one_of_the_lowest_id(self):
        found, _aws = look({"DescribeVpcs": {"Vpcs": [vpc("vpc-9"), vpc("vpc-2")]}}, "network")
        assert found.components["network"]["vpc_id"] == "vpc-2"

    def test_a_vpc_whose_name_was_changed_is_still_ours(self):
        answers = {**NETWORK, "DescribeVpcs": {"Vpcs": [vpc(tags=owned("renamed"))]}}
        found, _aws = look(answers, "network")
        assert found.components["network"]["vpc_id"] == "vpc-1"
        assert found.conflicts == []

    def test_a_gateway_that_no_vpc_has_yet_is_found(self):
        gateway = {"InternetGatewayId": "igw-2", "Attachments": [], "Tags": owned("internet-gateway")}
        found, _aws = look({"DescribeInternetGateways": {"InternetGateways": [gateway]}}, "network")
        assert found.components["network"]["internet_gateway_id"] == "igw-2"

    def test_a_gateway_of_another_vpc_is_not_taken(self):
        gateway = {"InternetGatewayId": "igw-2", "Attachments": [{"VpcId": "vpc-9"}], "Tags": owned()}
        answers = {**NETWORK, "DescribeInternetGateways": {"InternetGateways": [gateway]}}
        found, _aws = look(answers, "network")
        assert found.components["network"]["internet_gateway_id"] is None

    def test_two_subnets_of_one_name_are_reported(self):
        subnets = [subnet("subnet-2", "private", "us-west-2a"), subnet("subnet-1", "private", "us-west-2a")]
        found, _aws = look({**NETWORK, "DescribeSubnets": {"Subnets": subnets}}, "network")
        assert found.components["network"]["subnet_ids"]["private"] == ["subnet-1"]
        assert f"subnets named {PREFIX}-private-us-west-2a" in found.warnings[0]

    def test_a_vpc_that_has_just_gone_is_no_failure(self):
        answers = {**NETWORK, "DescribeSecurityGroups": api_error("DescribeSecurityGroups", "InvalidVpcID.NotFound")}
        found, _aws = look(answers, "network")
        assert found.components["network"]["security_groups"]["nodes"] is None


class TestEks:
    def test_facts(self):
        found, aws = look(EKS_ANSWERS, "eks")
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

    def test_a_cluster_under_way_has_no_address_yet(self):
        answers = {"DescribeCluster": cluster(status="CREATING", endpoint="", certificateAuthority={}, identity={})}
        found, aws = look(answers, "eks")
        facts = found.components["eks"]
        assert (facts["status"], facts["endpoint"], facts["certificate_authority"]) == ("CREATING", None, None)
        assert facts["oidc_issuer"] is None
        assert "GetOpenIDConnectProvider" not in aws.operations()

    def test_a_cluster_without_access_entries_is_not_asked_for_them(self):
        answers = {**EKS_ANSWERS, "DescribeCluster": cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})}
        found, aws = look(answers, "eks")
        assert found.components["eks"]["access_entries"] == []
        assert "ListAccessEntries" not in aws.operations()

    def test_an_addon_deleted_in_between_is_left_out(self):
        gone = api_error("DescribeAddon", "ResourceNotFoundException", status=404)
        found, _aws = look({**EKS_ANSWERS, "DescribeAddon": gone}, "eks")
        assert found.components["eks"]["addons"] == {}

    def test_other_partitions(self):
        arn = f"arn:aws-cn:eks:cn-north-1:{ACCOUNT}:cluster/{PREFIX}-eks"
        caller = {"Account": ACCOUNT, "Arn": f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/a/b", "UserId": "AID"}
        answers = {**EKS_ANSWERS, "DescribeCluster": cluster(arn=arn), "GetCallerIdentity": caller}
        found, _aws = look(answers, "eks")
        assert found.partition == "aws-cn"
        assert found.components["eks"]["oidc_provider_arn"].startswith(f"arn:aws-cn:iam::{ACCOUNT}:oidc-provider/")


class TestEncryption:
    def test_key_by_its_alias(self):
        found, aws = look(ENCRYPTION, "encryption")
        assert found.components["encryption"] == {
            "exists": True,
            "key_id": "key-1",
            "key_arn": KEY["Arn"],
            "alias": f"alias/{PREFIX}-key",
            "state": "Enabled",
            "rotation_enabled": True,
        }
        assert "ListKeys" not in aws.operations()

    def test_keys_without_alias_by_their_tags(self):
        """One is someone else's, one may not be read, one is going, and of two of ours the older one counts."""
        keys = ["aws-managed", "secret", "going", "new", "old"]
        years = {"new": 2026, "old": 2025, "going": 2024}

        def tags(request):
            if request["KeyId"] == "secret":
                return api_error("ListResourceTags", "AccessDeniedException")
            return key_tags(tags={} if request["KeyId"] == "aws-managed" else OWNER)

        def describe(request):
            key_id = request["KeyId"]
            if key_id.startswith("alias/"):
                return None
            created = datetime.datetime(years[key_id], 1, 1, tzinfo=datetime.UTC)
            state = "PendingDeletion" if key_id == "going" else "Enabled"
            return {"KeyMetadata": {**KEY, "KeyId": key_id, "CreationDate": created, "KeyState": state}}

        answers = {
            **ENCRYPTION,
            "DescribeKey": describe,
            "ListKeys": {"Keys": [{"KeyId": key_id} for key_id in keys]},
            "ListResourceTags": tags,
        }
        found, _aws = look(answers, "encryption")
        facts = found.components["encryption"]
        assert (facts["key_id"], facts["alias"]) == ("old", None)
        assert facts["exists"]
        assert "old is used; left alone: new" in found.warnings[0]

    def test_no_rotation_is_read_of_a_key_that_is_going(self):
        answers = {**ENCRYPTION, "DescribeKey": {"KeyMetadata": {**KEY, "KeyState": "PendingDeletion"}}}
        found, aws = look(answers, "encryption")
        assert found.components["encryption"]["state"] == "PendingDeletion"
        assert "GetKeyRotationStatus" not in aws.operations()


class TestWorkloadIdentity:
    def test_roles(self):
        found, _aws = look({"GetRole": role}, "workload_identity")
        roles = found.components["workload_identity"]["roles"]
        assert roles["llm-gateway"] == f"{IAM}:role/{PREFIX}-llm-gateway"
        assert len(roles) == 7

    def test_roles_of_a_table_of_ones_own(self):
        long_name = "x" * 70
        scope = Scope(PREFIX, OWNER, REGION, {"workload_identity": ["mine", long_name]})
        found, aws = look({"GetRole": role}, "workload_identity", scope=scope)
        assert list(found.components["workload_identity"]["roles"]) == ["mine", long_name]
        assert all(len(request["RoleName"]) <= 64 for request in aws.requests("GetRole"))


def instance(instance_id="i-1", tags=None, **members):
    return {
        "InstanceId": instance_id,
        "ImageId": "ami-1",
        "InstanceType": "t3.large",
        "PrivateIpAddress": "10.0.64.7",
        "SubnetId": "subnet-c",
        "State": {"Code": 16, "Name": "running"},
        "Tags": owned("bastion") if tags is None else tags,
        **members,
    }


def instances(*found):
    return {"Reservations": [{"Instances": [item]} for item in found]}


def profile(tags=None):
    name = f"{PREFIX}-bastion"
    return {
        "InstanceProfile": {
            "Path": "/",
            "InstanceProfileName": name,
            "InstanceProfileId": "AIPA1234567890123456",
            "Arn": f"{IAM}:instance-profile/{name}",
            "CreateDate": datetime.datetime(2026, 1, 1),
            "Roles": [],
            "Tags": owned() if tags is None else tags,
        }
    }


BUCKET = f"{PREFIX}-bastion-transfer-{ACCOUNT}"
SECRET = {"Name": f"{PREFIX}-bastion-code-server", "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:x-AbCdEf"}
BASTION = {
    "DescribeInstances": instances(instance()),
    "GetRole": role,
    "GetInstanceProfile": profile(),
    "ListBuckets": {"Buckets": [{"Name": "other"}, {"Name": BUCKET}]},
    "GetBucketTagging": {"TagSet": owned()},
    "DescribeSecret": {**SECRET, "Tags": owned()},
}


class TestBastionInstance:
    def test_facts(self):
        found, aws = look(BASTION, "bastion_instance")
        assert found.components["bastion_instance"] == {
            "exists": True,
            "instance_id": "i-1",
            "state": "running",
            "private_ip": "10.0.64.7",
            "subnet_id": "subnet-c",
            "image_id": "ami-1",
            "instance_type": "t3.large",
            "role_arn": f"{IAM}:role/{PREFIX}-bastion",
            "instance_profile_arn": f"{IAM}:instance-profile/{PREFIX}-bastion",
            "transfer_bucket": BUCKET,
            "code_server_secret_arn": SECRET["ARN"],
        }
        assert (found.conflicts, found.warnings) == ([], [])
        (request,) = aws.requests("DescribeInstances")
        filters = {item["Name"]: item["Values"] for item in request["Filters"]}
        assert filters["tag:Name"] == [f"{PREFIX}-bastion"]
        assert "terminated" not in filters["instance-state-name"]

    def test_an_instance_of_someone_else_is_not_ours(self):
        theirs = instance(tags=tag_list(Name=f"{PREFIX}-bastion"))
        found, _aws = look({**BASTION, "DescribeInstances": instances(theirs)}, "bastion_instance")
        assert found.components["bastion_instance"]["instance_id"] is None
        assert not found.components["bastion_instance"]["exists"]

    def test_two_instances_are_reported(self):
        two = instances(instance("i-2"), instance("i-1"))
        found, _aws = look({**BASTION, "DescribeInstances": two}, "bastion_instance")
        assert found.components["bastion_instance"]["instance_id"] == "i-1"
        assert "left alone: i-2" in found.warnings[0]

    def test_a_secret_on_its_way_out_does_not_exist(self):
        going = {**SECRET, "Tags": owned(), "DeletedDate": datetime.datetime(2026, 1, 1)}
        found, _aws = look({**BASTION, "DescribeSecret": going}, "bastion_instance")
        assert found.components["bastion_instance"]["code_server_secret_arn"] is None
        assert found.conflicts == []

    def test_a_bucket_without_tags_is_someone_elses(self):
        found, _aws = look({**BASTION, "GetBucketTagging": None}, "bastion_instance")
        assert found.components["bastion_instance"]["transfer_bucket"] is None
        assert [item["resource"] for item in found.conflicts] == [f"S3 bucket {BUCKET}"]


class TestConflicts:
    """Names of ours that something without our tags holds."""

    @pytest.mark.parametrize(
        ("answers", "component", "resource"),
        [
            ({"DescribeCluster": cluster(tags={"Project": "other"})}, "eks", f"EKS cluster {PREFIX}-eks"),
            (
                {"DescribeVpcs": {"Vpcs": [vpc("vpc-7", tag_list(Name=f"{PREFIX}-vpc"))]}},
                "network",
                "VPC vpc-7",
            ),
            (
                {**ENCRYPTION, "ListResourceTags": key_tags(tags={"Project": "other"})},
                "encryption",
                f"KMS alias alias/{PREFIX}-key",
            ),
            (
                {
                    "DescribeLaunchTemplates": {
                        "LaunchTemplates": [{"LaunchTemplateName": f"{PREFIX}-eks-default", "Tags": []}]
                    }
                },
                "eks",
                f"launch template {PREFIX}-eks-default",
            ),
            (
                {
                    **NETWORK,
                    "DescribeSecurityGroups": {"SecurityGroups": [group("sg-7", f"{PREFIX}-nodes")]},
                },
                "network",
                f"security group {PREFIX}-nodes (sg-7)",
            ),
            (
                {"GetInstanceProfile": profile(tag_list(Project="other"))},
                "bastion_instance",
                f"IAM instance profile {PREFIX}-bastion",
            ),
            (
                {"DescribeSecret": {**SECRET, "Tags": []}},
                "bastion_instance",
                f"secret {PREFIX}-bastion-code-server",
            ),
            (
                {"ListBuckets": {"Buckets": [{"Name": BUCKET}]}, "GetBucketTagging": {"TagSet": []}},
                "bastion_instance",
                f"S3 bucket {BUCKET}",
            ),
        ],
    )
    def test_resource(self, answers, component, resource):
        found, _aws = look(answers)
        assert [(item["component"], item["resource"]) for item in found.conflicts] == [(component, resource)]
        assert "without the tags of this platform (Project=agent-platform" in found.conflicts[0]["reason"]

    def test_every_role(self):
        def foreign_role(request):
            name = request["RoleName"]
            return {"Role": {"RoleName": name, "Arn": f"{IAM}:role/{name}", "Tags": tag_list(Project="other")}}

        found, _aws = look({"GetRole": foreign_role})
        taken = {item["resource"].removeprefix(f"IAM role {PREFIX}-") for item in found.conflicts}
        assert taken == {
            "agent",
            "aws-load-balancer-controller",
            "bastion",
            "ebs-csi-driver",
            "eks-cluster",
            "eks-nodes",
            "external-secrets",
            "flow-logs",
            "llm-gateway",
            "memory-gateway",
            "otel-collector",
            "retrieval-gateway",
            "vpc-cni",
        }
        assert not any(found.components["workload_identity"]["roles"].values())

    @staticmethod
    def log_groups(request):
        name = request["logGroupNamePrefix"]
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
        return {
            "logGroups": [
                {"logGroupName": f"{name}-other", "arn": f"{arn}-other:*"},
                {"logGroupName": name, "arn": f"{arn}:*"},
            ]
        }

    def test_log_groups(self):
        found, aws = look({"DescribeLogGroups": self.log_groups, "ListTagsForResource": {"tags": {}}})
        assert {item["resource"] for item in found.conflicts} == {
            f"log group /aws/vpc/{PREFIX}/flow-logs",
            f"log group /aws/eks/{PREFIX}-eks/cluster",
        }
        assert not any(request["resourceArn"].endswith(":*") for request in aws.requests("ListTagsForResource"))

    def test_log_groups_of_ours(self):
        found, _aws = look({"DescribeLogGroups": self.log_groups, "ListTagsForResource": {"tags": OWNER}})
        assert found.conflicts == []

    def test_log_groups_that_aws_made_again(self):
        answers = {**NETWORK, **EKS_ANSWERS, **ENCRYPTION, "DescribeLogGroups": self.log_groups}
        found, _aws = look({**answers, "ListTagsForResource": {"tags": {}}})
        assert found.conflicts == []


class TestFailures:
    def test_a_denied_call_names_the_permission(self):
        with pytest.raises(ResourceError) as failure:
            look({"DescribeSubnets": api_error("DescribeSubnets", "UnauthorizedOperation", "no", 403)}, "network")
        assert "DescribeSubnets" in str(failure.value)
        assert "Allow ec2:DescribeSubnets for the identity of this run" in str(failure.value)
        assert "\n" not in str(failure.value)

    def test_without_credentials_nothing_more_is_tried(self):
        with pytest.raises(ResourceError, match=r"without AWS credentials.*Renew the AWS credentials"):
            look({"GetCallerIdentity": NoCredentialsError()})

    def test_an_expired_token_is_one_call_and_one_line(self):
        aws = FakeAws({"GetCallerIdentity": api_error("GetCallerIdentity", "ExpiredToken", "expired", 403)})
        with pytest.raises(ResourceError, match=r"with these AWS credentials.*ExpiredToken"):
            discover(aws.client, SCOPE, COMPONENTS, identify(aws.client))
        assert aws.operations() == ["GetCallerIdentity"]

    def test_an_endpoint_out_of_reach_is_named(self):
        error = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        with pytest.raises(ResourceError, match=r"http://127.0.0.1:9.*Check the network, the region"):
            look({"GetCallerIdentity": error})

    def test_a_failure_of_one_component_ends_the_others(self):
        answers = {"DescribeKey": api_error("DescribeKey", "KMSInternalException", status=500)}
        with pytest.raises(ResourceError, match="KMSInternalException"):
            look(answers)
