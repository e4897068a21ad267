# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The platform in an organisation's VPC, with its key, and its path and permissions boundary for roles: built, told
where it doesn't fit, and removed, with all of the organisation's as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.components import with_required
from tests.support.playbook import PREFIX, REGION, Account, Run

from . import census, neighbours
from .components import aurora, bastion_instance, eks, encryption, opensearch, redis

USED = ("eks", "aurora", "redis", "opensearch", "bastion_instance", "workload_identity")
BUILT = with_required(USED)
LIMIT = ("--limit", ",".join(BUILT))
pytestmark = [pytest.mark.by_component(*USED, "network"), pytest.mark.options]

ORGANISATION = {"Project": "landing-zone", "Environment": "shared"}
PATH = "/teams/agents/"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NETWORKS = ("10.20.0.0/16", "100.64.0.0/16")
CLUSTER = f"{PREFIX}-eks"
ARCHIVE = "arn:aws:s3:::landing-zone-210000000101"
# Whom the policy of the key must let in for what is built.
SERVED = {"LogGroupsOfThisPlatform", "EventsOfDatabases", "VolumesOfNodes", "AttachVolumesOfNodes"}


class Vpc:
    """A VPC as an organisation makes it: a second network for pods, ways out, and an endpoint of its own."""

    def __init__(self, account: Account):
        self.account, self.ec2 = account, account.client("ec2")
        self.id = self.make("vpc", "CidrBlock", NETWORKS[0])
        self.ec2.associate_vpc_cidr_block(VpcId=self.id, CidrBlock=NETWORKS[1])
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=self.id, **{attribute: {"Value": True}})
        gateway = self.make("internet-gateway")
        self.ec2.attach_internet_gateway(VpcId=self.id, InternetGatewayId=gateway)
        self.tables, self.subnets = {}, {"public": [], "private": []}
        for tier, numbers in (("public", (1, 2)), ("private", (11, 12))):
            self.tables[tier] = self.make("route-table", "VpcId", self.id)
            role = {"public": "kubernetes.io/role/elb", "private": "kubernetes.io/role/internal-elb"}[tier]
            for number, zone in zip(numbers, "ab", strict=True):
                self.subnets[tier].append(self.subnet(f"10.20.{number}.0/24", zone, self.tables[tier], {role: "1"}))
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = self.ec2.create_nat_gateway(SubnetId=self.subnets["public"][0], AllocationId=address)
        nat_id = nat["NatGateway"]["NatGatewayId"]
        available = self.ec2.get_waiter("nat_gateway_available")
        available.wait(NatGatewayIds=[nat_id], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        ways = {"public": {"GatewayId": gateway}, "private": {"NatGatewayId": nat_id}}
        for tier, way in ways.items():
            self.ec2.create_route(RouteTableId=self.tables[tier], DestinationCidrBlock="0.0.0.0/0", **way)
        self.ec2.create_vpc_endpoint(
            VpcId=self.id,
            ServiceName=f"com.amazonaws.{REGION}.s3",
            RouteTableIds=[*self.tables.values()],
            TagSpecifications=neighbours.specification("vpc-endpoint", ORGANISATION, Name=f"{PREFIX}-endpoint-s3"),
        )

    def make(self, kind: str, member: str | None = None, value: Any = None, **more: Any) -> str:
        name = kind.title().replace("-", "") if kind != "vpc" else "Vpc"
        given = {member: value, **more} if member else more
        tags = neighbours.specification(kind, ORGANISATION, Name=f"landing-zone-{kind}")
        answer = getattr(self.ec2, f"create_{kind.replace('-', '_')}")(TagSpecifications=tags, **given)
        return answer[name][f"{name}Id"]

    def subnet(self, network: str, zone: str, table: str, tags: dict[str, str] | None = None) -> str:
        made = self.make("subnet", "VpcId", self.id, CidrBlock=network, AvailabilityZone=f"{REGION}{zone}")
        self.ec2.create_tags(Resources=[made], Tags=neighbours.tag_list(tags or {"Use": "nothing"}))
        self.ec2.associate_route_table(RouteTableId=table, SubnetId=made)
        return made

    def told(self) -> list[str]:
        """Everything that AWS tells of what is the organisation's in it, each as one text."""
        in_it = [{"Name": "vpc-id", "Values": [self.id]}]
        attributes = [
            self.ec2.describe_vpc_attribute(VpcId=self.id, Attribute=attribute)
            for attribute in ("enableDnsSupport", "enableDnsHostnames")
        ]
        for attribute in attributes:
            attribute.pop("ResponseMetadata")
        found = {
            "vpc": self.account.pages("ec2", "describe_vpcs", "Vpcs", VpcIds=[self.id]),
            "attribute": attributes,
            "gateway": self.account.pages("ec2", "describe_internet_gateways", "InternetGateways"),
            "address": self.ec2.describe_addresses()["Addresses"],
            "nat": self.account.pages("ec2", "describe_nat_gateways", "NatGateways", Filter=in_it),
        }
        for kind, member in (
            ("subnets", "Subnets"),
            ("route_tables", "RouteTables"),
            ("network_acls", "NetworkAcls"),
            ("vpc_endpoints", "VpcEndpoints"),
            ("security_groups", "SecurityGroups"),
        ):
            found[kind] = self.account.pages("ec2", f"describe_{kind}", member, Filters=in_it)
        return sorted(
            f"{kind} {json.dumps(item, sort_keys=True, default=str)}" for kind, items in found.items() for item in items
        )


class World:
    """An account, what an organisation has in it, and what the platform is told of that."""

    def __init__(self, account: Account):
        self.account = account
        iam, kms = account.client("iam"), account.client("kms")
        neighbours.make_role(account, neighbours.ADMINISTRATORS, neighbours.OTHER)
        boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(ALL))["Policy"]["Arn"]
        self.vpc = Vpc(account)
        self.key = neighbours.make_key(account, ORGANISATION)
        kms.create_alias(AliasName="alias/landing-zone", TargetKeyId=self.key)
        kms.enable_key_rotation(KeyId=self.key, RotationPeriodInDays=180)
        self.variables = {
            "network_vpc_id": self.vpc.id,
            "network_public_subnet_ids": self.vpc.subnets["public"],
            "network_private_subnet_ids": self.vpc.subnets["private"],
            "network_nat_gateways": "per_az",
            "network_gateway_endpoints": ["dynamodb"],
            "network_interface_endpoints_enabled": True,
            "network_interface_endpoints": ["sts"],
            "platform_iam_path": PATH,
            "platform_permissions_boundary": boundary,
            "encryption_key_arn": self.key,
        }
        self.before = self.told()

    def told(self) -> dict[str, Any]:
        """Everything that AWS tells of what is the organisation's."""
        lister = census.Lister(self.account)
        return {
            "vpc": self.vpc.told(),
            "key": neighbours.key_state(self.account, self.key),
            "boundary": [item for item in lister.policies() if item["PolicyName"] == "boundary"],
            "administrators": [item for item in lister.roles() if item["RoleName"] == neighbours.ADMINISTRATORS],
        }

    def run(self, *arguments: str, note: str, limit: tuple[str, ...] = LIMIT, **changes: Any) -> Run:
        options = {"playbook": changes.pop("playbook")} if "playbook" in changes else {}
        return self.account.run(*limit, *arguments, variables={**self.variables, **changes}, note=note, **options)

    def teardown(self, *arguments: str, note: str, limit: tuple[str, ...] = LIMIT, **changes: Any) -> Run:
        confirmed = {"platform_teardown_confirm": PREFIX, "eks_remove_controller_resources": True}
        return self.run(*arguments, note=note, limit=limit, playbook="playbooks/teardown.yml", **confirmed, **changes)


@pytest.fixture(scope="module")
def world(new_account: Callable[..., Account]) -> World:
    return World(new_account("210000000101"))


def groups_of(world: World) -> dict[str, dict]:
    in_it = [{"Name": "vpc-id", "Values": [world.vpc.id]}]
    found = world.account.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=in_it)
    return {group["GroupName"]: group for group in found}


def keys_of(account: Account) -> dict[str, str | None]:
    """By which key each thing that holds data is encrypted."""
    lister, s3, sns = census.Lister(account), account.client("s3"), account.client("sns")
    database = aurora.cluster(account)
    (of_cluster,) = eks.cluster(account)["encryptionConfig"]
    found = {
        "database": database["KmsKeyId"],
        "its master password": database["MasterUserSecret"]["KmsKeyId"],
        "its insights": database["PerformanceInsightsKMSKeyId"],
        "cache": redis.group(account)["KmsKeyId"],
        "domain": opensearch.domain(account)["EncryptionAtRestOptions"]["KmsKeyId"],
        "secrets of the cluster": of_cluster["provider"]["keyArn"],
    }
    found |= {group["logGroupName"]: group.get("kmsKeyId") for group in lister.log_groups()}
    # RDS makes the one with the master password, by the key that the database tells.
    ours = [secret for secret in lister.secrets() if not secret["Name"].startswith("rds!")]
    found |= {secret["Name"]: secret.get("KmsKeyId") for secret in ours}
    found |= {volume["VolumeId"]: volume.get("KmsKeyId") for volume in lister.ec2("describe_volumes", "Volumes")}
    for template in lister.ec2("describe_launch_templates", "LaunchTemplates"):
        by_id = {"LaunchTemplateId": template["LaunchTemplateId"], "Versions": ["$Latest"]}
        (version,) = lister.ec2("describe_launch_template_versions", "LaunchTemplateVersions", **by_id)
        (disk,) = version["LaunchTemplateData"]["BlockDeviceMappings"]
        found[template["LaunchTemplateName"]] = disk["Ebs"].get("KmsKeyId")
    for bucket in account.pages("s3", "list_buckets", "Buckets"):
        (rule,) = s3.get_bucket_encryption(Bucket=bucket["Name"])["ServerSideEncryptionConfiguration"]["Rules"]
        found[bucket["Name"]] = rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
    for topic in account.pages("sns", "list_topics", "Topics"):
        attributes = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        found[topic["TopicArn"]] = attributes.get("KmsMasterKeyId")
    return found


def test_what_does_not_fit_is_told_before_anything_is_made(world):
    ec2, (first, second) = world.vpc.ec2, world.vpc.subnets["private"]
    ec2.modify_vpc_attribute(VpcId=world.vpc.id, EnableDnsHostnames={"Value": False})
    ec2.modify_subnet_attribute(SubnetId=first, MapPublicIpOnLaunch={"Value": True})
    tag = f"kubernetes.io/cluster/{CLUSTER}-other"
    ec2.create_tags(Resources=[second], Tags=[{"Key": tag, "Value": "owned"}])
    public = world.vpc.subnets["public"]
    run = world.run(
        note="doesn't fit",
        network_public_subnet_ids=[second, public[1]],
        network_private_subnet_ids=[first, public[1]],
        network_gateway_endpoints=["s3"],
    ).assert_refused()
    assert "is in network_private_subnet_ids, too" in run.explain()

    run = world.run(
        note="doesn't fit",
        network_public_subnet_ids=[second, "subnet-0123456789abcdef0"],
        network_private_subnet_ids=[first, public[1]],
        network_gateway_endpoints=["s3"],
    ).assert_refused()
    said = " ".join(run.output.split())
    for part in (
        f"--vpc-id {world.vpc.id} --enable-dns-hostnames",
        "network_gateway_endpoints: 's3' has the endpoint vpce-",
        f"network_public_subnet_ids[0]: '{second}' is not public",
        f"network_public_subnet_ids[0]: '{second}' has the tag {tag}=owned",
        "network_public_subnet_ids[1]: 'subnet-0123456789abcdef0' is no subnet",
        f"--subnet-id {first} --no-map-public-ip-on-launch",
        f"network_private_subnet_ids[1]: '{public[1]}' is public",
    ):
        assert part in said, run.explain()
    assert not run.calls.writes, run.explain()
    lacking = neighbours.lacking(run, world.key)
    assert {statement["Sid"] for statement in lacking} == SERVED, run.explain()
    ec2.modify_vpc_attribute(VpcId=world.vpc.id, EnableDnsHostnames={"Value": True})
    ec2.modify_subnet_attribute(SubnetId=first, MapPublicIpOnLaunch={"Value": False})
    ec2.delete_tags(Resources=[second], Tags=[{"Key": tag}])
    assert world.told() == world.before
    neighbours.add_statements(world.account, world.key, lacking)
    world.before = world.told()


def test_the_platform_is_built_in_it(world):
    account, vpc = world.account, world.vpc
    dry = world.run("--check", note="dry, in an organisation's VPC").assert_converged()
    assert not dry.calls.writes, dry.explain()
    run = world.run(note="in an organisation's VPC").assert_converged()
    made = {operation for service, operation in run.calls.writes if service == "ec2"}
    assert not made & {"CreateVpc", "CreateSubnet", "CreateRoute", "CreateRouteTable", "CreateNatGateway"}, made

    assert (
        len(account.pages("ec2", "describe_vpcs", "Vpcs", Filters=[{"Name": "is-default", "Values": ["false"]}])) == 1
    )
    (database,) = account.pages("rds", "describe_db_subnet_groups", "DBSubnetGroups")
    assert {subnet["SubnetIdentifier"] for subnet in database["Subnets"]} == {*vpc.subnets["private"]}
    cluster = account.client("eks").describe_cluster(name=CLUSTER)["cluster"]["resourcesVpcConfig"]
    assert {*cluster["subnetIds"]} == {*vpc.subnets["private"]}
    groups = groups_of(world)
    clients = groups[f"{PREFIX}-ingress"]["IpPermissions"]
    assert {block["CidrIp"] for permission in clients for block in permission["IpRanges"]} == {*NETWORKS}
    assert groups["default"]["IpPermissionsEgress"], "the default group is the organisation's"
    names = [role["RoleName"] for role in account.pages("iam", "list_roles", "Roles")]
    roles = [account.client("iam").get_role(RoleName=name)["Role"] for name in names if name.startswith(PREFIX)]
    assert {role["Path"] for role in roles} == {PATH}
    assert {role["PermissionsBoundary"]["PermissionsBoundaryArn"] for role in roles} == {
        world.variables["platform_permissions_boundary"]
    }
    world.run(note="once more in an organisation's VPC").assert_nothing_to_do()
    world.run(limit=("--limit", "eks"), note="the cluster alone").assert_nothing_to_do()


def test_all_of_it_is_encrypted_with_the_key_of_the_organisation(world):
    account = world.account
    used = keys_of(account)
    assert {what: key for what, key in used.items() if key != world.key} == {}
    expected = {eks.LOG_GROUP, aurora.LOG_GROUP, redis.SECRET, bastion_instance.SECRET}
    assert {*expected, bastion_instance.bucket_of(account)} <= set(used)
    assert neighbours.key_state(account, world.key) == world.before["key"]
    assert neighbours.customer_keys(account) == [world.key]
    assert encryption.ALIAS not in [item["AliasName"] for item in account.pages("kms", "list_aliases", "Aliases")]


def test_flow_log_goes_to_a_bucket_and_back(world):
    account = world.account
    limit = ("--limit", "network")
    to_archive = {
        "network_flow_log_destination": "s3",
        "network_flow_log_bucket_arn": ARCHIVE,
        "network_flow_log_prefix": "network/traffic",
        "network_flow_log_file_format": "parquet",
        "network_flow_log_per_hour_partition": True,
    }
    in_it = [{"Name": "resource-id", "Values": [world.vpc.id]}]

    def flow_log() -> dict:
        (found,) = account.client("ec2").describe_flow_logs(Filter=in_it)["FlowLogs"]
        return found

    def has_role() -> bool:
        return f"{PREFIX}-flow-logs" in [role["RoleName"] for role in account.pages("iam", "list_roles", "Roles")]

    def has_group() -> bool:
        named = {"logGroupNamePrefix": f"/aws/vpc/{PREFIX}/"}
        return bool(account.client("logs").describe_log_groups(**named)["logGroups"])

    before = flow_log()
    assert before["LogDestinationType"] == "cloud-watch-logs"
    world.run(limit=limit, note="traffic to a bucket", **to_archive).assert_converged()
    now = flow_log()
    assert now["FlowLogId"] != before["FlowLogId"]
    assert (now["LogDestinationType"], now["LogDestination"]) == ("s3", f"{ARCHIVE}/network/traffic/")
    assert now["DestinationOptions"] == {
        "FileFormat": "parquet",
        "HiveCompatiblePartitions": False,
        "PerHourPartition": True,
    }
    assert (has_role(), has_group()) == (False, True)
    world.run(limit=limit, note="traffic goes to the bucket", **to_archive).assert_nothing_to_do()
    world.run(
        limit=limit, note="without the old records", network_flow_log_keep_records=False, **to_archive
    ).assert_converged()
    assert not has_group()
    none = {"network_flow_log_destination": "none"}
    world.run(limit=limit, note="its owner records the traffic", **none).assert_converged()
    assert account.client("ec2").describe_flow_logs(Filter=in_it)["FlowLogs"] == []
    world.run(limit=limit, note="its owner still records it", **none).assert_nothing_to_do()
    world.run(limit=limit, note="traffic to a log group again").assert_converged()
    assert (flow_log()["LogDestinationType"], has_role(), has_group()) == ("cloud-watch-logs", True, True)


def test_the_platform_does_not_move(world):
    own = {"network_vpc_id": "", "network_public_subnet_ids": [], "network_private_subnet_ids": []}
    for limit, note in ((LIMIT, "to a VPC of its own"), (("--limit", "redis"), "to a VPC of its own, redis")):
        run = world.run(limit=limit, note=note, **own).assert_refused()
        assert world.vpc.id in " ".join(run.failures), run.explain()
        assert not run.calls.writes, run.explain()
    run = world.teardown(note="of a VPC of its own", **own).assert_refused()
    assert f"is not where the platform is, {world.vpc.id}" in " ".join(run.output.split())
    assert not run.calls.writes, run.explain()


def test_a_removal_leaves_the_vpc_and_the_key_as_they_were(world):
    run = world.teardown(note="leaves an organisation's VPC").assert_converged()
    assert "kms" not in {service for service, _operation in run.calls.writes}, run.calls.writes
    assert world.told() == world.before
    left = [census.name_of(item) for _kind, item in census.Lister(world.account).tagged()]
    assert [name for name in left if name.startswith(PREFIX) and name != f"{PREFIX}-endpoint-s3"] == []
    roles = [role["RoleName"] for role in world.account.pages("iam", "list_roles", "Roles")]
    assert [name for name in roles if name.startswith(PREFIX)] == []
    # Nothing is left that would keep the platform from a VPC of its own.
    dry = world.run(
        "--check",
        note="to a VPC of its own, after all",
        limit=("--limit", "encryption,network"),
        network_vpc_id="",
        network_public_subnet_ids=[],
        network_private_subnet_ids=[],
        network_gateway_endpoints=["s3"],
    )
    dry.assert_converged()
