# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others have in the account before the platform comes: of the same shape, under like names, not to be touched."""

from __future__ import annotations

import json

from tests.support.playbook import OWNER, PREFIX, REGION, Account

# Someone else's, and the same platform in another environment.
OTHER = {"Project": "other", "Environment": "local"}
STAGING = {**OWNER, "Environment": "staging"}
# The role that inventories/local names as administrator of the cluster; people's roles are no part of a platform.
ADMINISTRATORS = "platform-administrators"
PREFIXES = {"other": OTHER, "agent-platform-staging": STAGING}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def tag_list(tags: dict[str, str], **more: str) -> list[dict]:
    return [{"Key": key, "Value": value} for key, value in {**tags, **more}.items()]


def specification(kind: str, tags: dict[str, str], **more: str) -> list[dict]:
    return [{"ResourceType": kind, "Tags": tag_list(tags, **more)}]


def settle(account: Account) -> None:
    """Build two neighbours' networks, roles, keys, log groups and clusters."""
    for prefix, tags in PREFIXES.items():
        _network(account, prefix, tags)
        _rest(account, prefix, tags)
    account.client("iam").create_role(RoleName=ADMINISTRATORS, AssumeRolePolicyDocument=TRUST, Tags=tag_list(OTHER))
    for prefix, tags in PREFIXES.items():
        _into_cluster(account, prefix, tags)


def _network(account: Account, prefix: str, tags: dict[str, str]) -> None:
    ec2 = account.client("ec2")
    vpc_id = ec2.create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=specification("vpc", tags, Name=f"{prefix}-vpc", Component="network")
    )["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]][:2]
    for number, zone in enumerate(zones):
        ec2.create_subnet(
            VpcId=vpc_id,
            CidrBlock=f"10.0.{16 * number}.0/20",
            AvailabilityZone=zone,
            TagSpecifications=specification("subnet", tags, Name=f"{prefix}-private-{zone}", Tier="private"),
        )
    gateway = ec2.create_internet_gateway(
        TagSpecifications=specification("internet-gateway", tags, Name=f"{prefix}-internet-gateway")
    )["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    # An address that belongs to nothing yet, and a gateway that no VPC has: both look as if they were free to take.
    ec2.allocate_address(
        Domain="vpc", TagSpecifications=specification("elastic-ip", tags, Name=f"{prefix}-nat-{zones[0]}")
    )
    ec2.create_internet_gateway(TagSpecifications=specification("internet-gateway", tags, Name=f"{prefix}-spare"))
    # Names of security groups are unique in their VPC only, so this one may bear ours.
    ec2.create_security_group(
        GroupName=f"{PREFIX}-nodes",
        Description="Nodes of a neighbour",
        VpcId=vpc_id,
        TagSpecifications=specification("security-group", tags, Name=f"{prefix}-nodes"),
    )
    ec2.create_launch_template(
        LaunchTemplateName=f"{prefix}-eks-default",
        LaunchTemplateData={"MetadataOptions": {"HttpTokens": "required"}},
        TagSpecifications=specification("launch-template", tags, Name=f"{prefix}-eks-default"),
    )


def _rest(account: Account, prefix: str, tags: dict[str, str]) -> None:
    kms = account.client("kms")
    key_id = kms.create_key(Tags=[{"TagKey": key, "TagValue": value} for key, value in tags.items()])["KeyMetadata"][
        "KeyId"
    ]
    kms.create_alias(AliasName=f"alias/{prefix}-key", TargetKeyId=key_id)
    account.client("logs").create_log_group(logGroupName=f"/aws/vpc/{prefix}/flow-logs", tags=tags)
    iam = account.client("iam")
    for thing in ("eks-nodes", "agent"):
        role = iam.create_role(RoleName=f"{prefix}-{thing}", AssumeRolePolicyDocument=TRUST, Tags=tag_list(tags))[
            "Role"
        ]
    iam.create_instance_profile(InstanceProfileName=f"{prefix}-bastion", Tags=tag_list(tags))
    # An instance may bear our name: names of instances aren't unique.
    (subnet, *_others) = _subnets(account, prefix)
    account.client("ec2").run_instances(
        ImageId="ami-0123456789abcdef0",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        TagSpecifications=specification("instance", tags, Name=f"{PREFIX}-bastion"),
    )
    account.client("secretsmanager").create_secret(
        Name=f"{prefix}-bastion-code-server", SecretString="theirs", Tags=tag_list(tags)
    )
    # Names of buckets are unique in all of AWS.
    bucket = f"{prefix}-bastion-transfer-{account.id}"
    s3 = account.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_list(tags)})
    eks = account.client("eks")
    eks.create_cluster(
        name=f"{prefix}-eks",
        roleArn=role["Arn"],
        resourcesVpcConfig={"subnetIds": _subnets(account, prefix)},
        accessConfig={"authenticationMode": "API"},
        tags=tags,
    )
    iam.create_open_id_connect_provider(
        Url=f"https://oidc.eks.{REGION}.amazonaws.com/id/{prefix}",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"],
        Tags=tag_list(tags),
    )


def _into_cluster(account: Account, prefix: str, tags: dict[str, str]) -> None:
    eks, cluster = account.client("eks"), f"{prefix}-eks"
    every_second = {"Delay": 1, "MaxAttempts": 60}
    eks.get_waiter("cluster_active").wait(name=cluster, WaiterConfig=every_second)
    role = account.client("iam").get_role(RoleName=f"{prefix}-agent")["Role"]["Arn"]
    eks.create_access_entry(clusterName=cluster, principalArn=role, tags=tags)
    eks.create_addon(clusterName=cluster, addonName="vpc-cni", tags=tags)
    eks.get_waiter("addon_active").wait(clusterName=cluster, addonName="vpc-cni", WaiterConfig=every_second)


def _subnets(account: Account, prefix: str) -> list[str]:
    filters = [{"Name": "tag:Name", "Values": [f"{prefix}-private-*"]}]
    return [subnet["SubnetId"] for subnet in account.pages("ec2", "describe_subnets", "Subnets", Filters=filters)]


def is_neighbour(tags: dict[str, str]) -> bool:
    return any(all(tags.get(key) == value for key, value in theirs.items()) for theirs in PREFIXES.values())


def snapshot(account: Account) -> dict[str, str]:
    """Everything that AWS tells of the neighbours' resources, each as one text."""
    found: dict[str, str] = {}
    for kind, operation, member, id_member in (
        ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
        ("ec2", "describe_subnets", "Subnets", "SubnetId"),
        ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        ("ec2", "describe_addresses", "Addresses", "AllocationId"),
        ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
        ("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
        ("secretsmanager", "list_secrets", "SecretList", "ARN"),
    ):
        for item in account.pages(kind, operation, member):
            if is_neighbour({tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}):
                found[f"{operation} {item[id_member]}"] = _text(item)
    for reservation in account.pages("ec2", "describe_instances", "Reservations"):
        for item in reservation["Instances"]:
            if is_neighbour({tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}):
                found[f"instance {item['InstanceId']}"] = _text(item)
    iam, kms, logs, eks = (account.client(service) for service in ("iam", "kms", "logs", "eks"))
    for prefix in PREFIXES:
        alias = f"alias/{prefix}-key"
        found[alias] = _text(
            [kms.describe_key(KeyId=alias)["KeyMetadata"], kms.get_key_policy(KeyId=_key(kms, alias))["Policy"]]
        )
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/vpc/{prefix}/")["logGroups"]
        found[f"log groups of {prefix}"] = _text(groups)
        for thing in ("eks-nodes", "agent"):
            name = f"{prefix}-{thing}"
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
            role = iam.get_role(RoleName=name)["Role"]
            role.pop("RoleLastUsed", None)
            found[f"role {name}"] = _text([role, attached, inline])
        profile = iam.get_instance_profile(InstanceProfileName=f"{prefix}-bastion")["InstanceProfile"]
        found[f"instance profile {prefix}-bastion"] = _text(profile)
        bucket = f"{prefix}-bastion-transfer-{account.id}"
        s3 = account.client("s3")
        found[f"bucket {bucket}"] = _text(
            [s3.get_bucket_tagging(Bucket=bucket)["TagSet"], s3.get_bucket_encryption(Bucket=bucket).get("Rules")]
        )
        cluster = f"{prefix}-eks"
        found[f"cluster {cluster}"] = _text(
            [
                eks.describe_cluster(name=cluster)["cluster"],
                eks.describe_addon(clusterName=cluster, addonName="vpc-cni")["addon"],
                eks.list_access_entries(clusterName=cluster)["accessEntries"],
                eks.list_nodegroups(clusterName=cluster)["nodegroups"],
            ]
        )
        provider = f"arn:aws:iam::{account.id}:oidc-provider/oidc.eks.{REGION}.amazonaws.com/id/{prefix}"
        answer = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
        answer.pop("ResponseMetadata")
        found[f"OIDC provider {prefix}"] = _text(answer)
    return found


def _key(kms, alias: str) -> str:
    return kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]


def _text(value) -> str:
    return json.dumps(value, sort_keys=True, default=str)
