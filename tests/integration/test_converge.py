# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run builds the platform as declared, and the next finds nothing to do."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Scope
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import discover, identify
from tests.support.playbook import COMPONENTS, OWNER, PREFIX, REGION, ROOT

from . import neighbours
from .census import Lister, document, name_of, tags_of
from .conftest import Platform

CLUSTER = f"{PREFIX}-eks"
ADDONS = {
    "adot",
    "aws-ebs-csi-driver",
    "cert-manager",
    "coredns",
    "eks-pod-identity-agent",
    "kube-proxy",
    "metrics-server",
    "vpc-cni",
}
# Service accounts by the role that they assume.
WORKLOADS = {
    "agent": "system:serviceaccount:agents:agent",
    "aws-load-balancer-controller": "system:serviceaccount:kube-system:aws-load-balancer-controller",
    "ebs-csi-driver": "system:serviceaccount:kube-system:ebs-csi-controller-sa",
    "external-secrets": "system:serviceaccount:external-secrets-system:external-secrets",
    "llm-gateway": "system:serviceaccount:gateways:llm-gateway",
    "memory-gateway": "system:serviceaccount:gateways:memory-gateway",
    "otel-collector": "system:serviceaccount:observability:otel-collector",
    "retrieval-gateway": "system:serviceaccount:gateways:retrieval-gateway",
    "vpc-cni": "system:serviceaccount:kube-system:aws-node",
}
# X-Ray has no resources to name for these.
NO_RESOURCE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


@pytest.fixture(scope="module")
def lister(platform: Platform) -> Lister:
    return Lister(platform.account)


@pytest.fixture(scope="module")
def vpc(lister: Lister) -> dict:
    (ours,) = [vpc for vpc in lister.vpcs() if name_of(vpc) == f"{PREFIX}-vpc"]
    return ours


@pytest.fixture(scope="module")
def subnets(lister: Lister, vpc: dict) -> dict[str, dict]:
    """The platform's subnets by id."""
    found = lister.in_vpcs("describe_subnets", "Subnets")
    return {subnet["SubnetId"]: subnet for subnet in found if subnet["VpcId"] == vpc["VpcId"]}


@pytest.fixture(scope="module")
def key(platform: Platform) -> dict:
    return platform.account.client("kms").describe_key(KeyId=f"alias/{PREFIX}-key")["KeyMetadata"]


@pytest.fixture(scope="module")
def cluster(platform: Platform) -> dict:
    return platform.account.client("eks").describe_cluster(name=CLUSTER)["cluster"]


@pytest.fixture(scope="module")
def groups(lister: Lister, vpc: dict) -> dict[str, dict]:
    """The VPC's security groups by name."""
    found = lister.in_vpcs("describe_security_groups", "SecurityGroups")
    return {group["GroupName"]: group for group in found if group["VpcId"] == vpc["VpcId"]}


def of_tier(subnets: dict[str, dict], tier: str) -> list[dict]:
    return [subnet for subnet in subnets.values() if tags_of(subnet)["Tier"] == tier]


class TestRuns:
    def test_first_run_tells_of_every_component(self, platform):
        run = platform.first_run
        assert set(run.recap) == set(COMPONENTS)
        for component in COMPONENTS:
            assert run.recap[component]["changed"] > 0, run.explain()
        # The summary is what a person reads at the end.
        for text in (f"{PREFIX}, account {platform.account.id}", CLUSTER, f"alias/{PREFIX}-key"):
            assert text in run.output

    def test_second_run_changes_nothing(self, platform):
        platform.account.run(note="second run of all").assert_nothing_to_do()

    def test_eks_alone_changes_nothing(self, platform):
        run = platform.account.run("--limit", "eks").assert_nothing_to_do()
        assert set(run.recap) == {"eks"}

    def test_a_tag_selects_what_a_limit_selects(self, platform):
        run = platform.account.run("--tags", "encryption").assert_nothing_to_do()
        assert {record["host"] for record in run.records if ".encryption : " in record["task"]} == {"encryption"}
        assert not [record for record in run.records if ".network : " in record["task"]]


class TestDiscovery:
    def test_agrees_with_what_was_built(self, platform, vpc, subnets, key, cluster, groups):
        client = platform.account.client
        found = discover(client, Scope(PREFIX, OWNER, REGION), COMPONENTS, identify(client))
        assert (found.conflicts, found.warnings) == ([], [])
        assert [name for name in COMPONENTS if not found.components[name]["exists"]] == []
        network, eks = found.components["network"], found.components["eks"]
        assert network["vpc_id"] == vpc["VpcId"]
        for tier in ("public", "private"):
            assert sorted(network["subnet_ids"][tier]) == sorted(item["SubnetId"] for item in of_tier(subnets, tier))
        assert len(network["nat_gateways"]) == 2
        assert all(nat["public_ip"] and nat["state"] == "available" for nat in network["nat_gateways"])
        assert sorted(network["route_tables"]["private"]) == network["availability_zones"]
        assert network["route_tables"]["public"]
        assert network["internet_gateway_id"]
        assert network["flow_log_id"]
        assert set(network["endpoints"]) == {"s3", "dynamodb"}
        for thing, group_id in network["security_groups"].items():
            assert group_id == groups[f"{PREFIX}-{thing}"]["GroupId"]
        assert network["default_security_group_id"] == groups["default"]["GroupId"]
        assert found.components["encryption"]["key_arn"] == key["Arn"]
        assert found.components["encryption"]["rotation_enabled"]
        assert eks["oidc_issuer"] == cluster["identity"]["oidc"]["issuer"]
        assert eks["oidc_provider_arn"]
        assert set(eks["addons"]) == ADDONS
        assert list(eks["node_groups"]) == [f"{PREFIX}-default"]
        assert all(found.components["workload_identity"]["roles"].values())
        assert all(found.components["bastion_instance"].values())


class TestNetwork:
    def test_two_subnets_of_each_tier_in_two_zones(self, vpc, subnets):
        block = ipaddress.ip_network(vpc["CidrBlock"])
        for tier, role in (("public", "kubernetes.io/role/elb"), ("private", "kubernetes.io/role/internal-elb")):
            found = of_tier(subnets, tier)
            assert len(found) == len({subnet["AvailabilityZone"] for subnet in found}) == 2
            for subnet in found:
                assert ipaddress.ip_network(subnet["CidrBlock"]).subnet_of(block)
                assert tags_of(subnet)[role] == "1"
                assert not subnet["MapPublicIpOnLaunch"]
        assert len(subnets) == 4

    def test_names_resolve_in_the_vpc(self, platform, vpc):
        ec2 = platform.account.client("ec2")
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            answer = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
            assert answer[attribute[0].upper() + attribute[1:]]["Value"] is True

    def test_a_nat_gateway_with_an_address_in_each_zone(self, lister, subnets):
        found = lister.nat_gateways()
        assert [nat["State"] for nat in found] == ["available", "available"]
        assert {subnets[nat["SubnetId"]]["AvailabilityZone"] for nat in found} == {
            subnet["AvailabilityZone"] for subnet in subnets.values()
        }
        assert all(tags_of(subnets[nat["SubnetId"]])["Tier"] == "public" for nat in found)
        addresses = [nat["NatGatewayAddresses"][0]["AllocationId"] for nat in found]
        assert len(set(addresses)) == 2

    def test_routes(self, lister, vpc, subnets):
        (gateway,) = [
            gateway
            for gateway in lister.internet_gateways()
            if [attachment["VpcId"] for attachment in gateway["Attachments"]] == [vpc["VpcId"]]
        ]
        nats = {nat["NatGatewayId"]: subnets[nat["SubnetId"]]["AvailabilityZone"] for nat in lister.nat_gateways()}
        leads_to = {}
        for table in lister.in_vpcs("describe_route_tables", "RouteTables"):
            if table["VpcId"] != vpc["VpcId"]:
                continue
            defaults = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
            for association in table["Associations"]:
                if association.get("SubnetId"):
                    (route,) = defaults
                    leads_to[association["SubnetId"]] = route.get("NatGatewayId") or route["GatewayId"]
        assert set(leads_to) == set(subnets)
        for subnet_id, target in leads_to.items():
            if tags_of(subnets[subnet_id])["Tier"] == "public":
                assert target == gateway["InternetGatewayId"]
            else:
                assert nats[target] == subnets[subnet_id]["AvailabilityZone"]

    def test_flow_log_is_active_and_encrypted(self, platform, lister, vpc, key):
        (flow_log,) = [log for log in lister.ec2("describe_flow_logs", "FlowLogs") if log["ResourceId"] == vpc["VpcId"]]
        assert flow_log["FlowLogStatus"] == "ACTIVE"
        assert flow_log["TrafficType"] == "ALL"
        assert flow_log["LogDestinationType"] == "cloud-watch-logs"
        name = f"/aws/vpc/{PREFIX}/flow-logs"
        assert name in (flow_log.get("LogGroupName"), flow_log.get("LogDestination", "").split(":log-group:")[-1])
        (group,) = [group for group in lister.log_groups() if group["logGroupName"] == name]
        assert (group["retentionInDays"], group["kmsKeyId"]) == (365, key["Arn"])
        assert flow_log["DeliverLogsPermissionArn"].endswith(f":role/{PREFIX}-flow-logs")
        for statement in statements_of(platform, f"{PREFIX}-flow-logs"):
            for resource in as_list(statement["Resource"]):
                assert f":log-group:{name}" in resource

    def test_default_group_has_no_rules(self, groups):
        assert groups["default"]["IpPermissions"] == []
        assert groups["default"]["IpPermissionsEgress"] == []

    def test_groups_refer_to_each_other(self, groups):
        ours = {group["GroupId"]: name for name, group in groups.items()}
        for thing in ("nodes", "cluster", "aurora", "redis", "opensearch", "bastion", "endpoints"):
            group = groups[f"{PREFIX}-{thing}"]
            for rule in group["IpPermissions"]:
                assert rule["IpRanges"] == rule["Ipv6Ranges"] == []
                assert all(pair["GroupId"] in ours for pair in rule["UserIdGroupPairs"])
        # AWS may tell the peers of one port in one rule or in several.
        database = groups[f"{PREFIX}-aurora"]["IpPermissions"]
        assert {(rule["FromPort"], rule["ToPort"]) for rule in database} == {(5432, 5432)}
        peers = {ours[pair["GroupId"]] for rule in database for pair in rule["UserIdGroupPairs"]}
        assert peers == {f"{PREFIX}-nodes", f"{PREFIX}-bastion"}
        assert groups[f"{PREFIX}-redis"]["IpPermissionsEgress"] == []

    def test_gateway_endpoints_serve_every_table(self, lister, vpc):
        tables = {
            table["RouteTableId"]
            for table in lister.in_vpcs("describe_route_tables", "RouteTables")
            if table["VpcId"] == vpc["VpcId"] and tags_of(table)
        }
        found = [endpoint for endpoint in lister.endpoints() if endpoint["VpcId"] == vpc["VpcId"]]
        assert {endpoint["ServiceName"].removeprefix(f"com.amazonaws.{REGION}.") for endpoint in found} == {
            "s3",
            "dynamodb",
        }
        for endpoint in found:
            assert endpoint["VpcEndpointType"] == "Gateway"
            assert set(endpoint["RouteTableIds"]) == tables


class TestEncryption:
    def test_key(self, platform, key):
        kms = platform.account.client("kms")
        assert key["KeyState"] == "Enabled"
        assert key["KeyManager"] == "CUSTOMER"
        assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is True

    def test_policy_lets_only_services_of_this_account_use_it(self, platform, key):
        kms = platform.account.client("kms")
        policy = document(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        text = json.dumps(policy)
        assert f"logs.{REGION}.amazonaws.com" in text
        assert "AWSServiceRoleForAutoScaling" in text
        for statement in policy["Statement"]:
            principal = statement["Principal"]
            assert principal not in ("*", {"AWS": "*"}) or statement.get("Condition")
            if "Service" in principal:
                assert statement["Condition"], statement


class TestEks:
    def test_control_plane(self, cluster, subnets, key, lister, groups):
        network = cluster["resourcesVpcConfig"]
        assert cluster["status"] == "ACTIVE"
        assert (network["endpointPrivateAccess"], network["endpointPublicAccess"]) == (True, False)
        assert set(network["subnetIds"]) == {subnet["SubnetId"] for subnet in of_tier(subnets, "private")}
        assert network["securityGroupIds"] == [groups[f"{PREFIX}-cluster"]["GroupId"]]
        (logging,) = [entry for entry in cluster["logging"]["clusterLogging"] if entry["enabled"]]
        assert set(logging["types"]) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
        (encryption,) = cluster["encryptionConfig"]
        assert encryption == {"resources": ["secrets"], "provider": {"keyArn": key["Arn"]}}
        assert cluster["accessConfig"]["authenticationMode"] == "API"
        (group,) = [group for group in lister.log_groups() if group["logGroupName"] == f"/aws/eks/{CLUSTER}/cluster"]
        assert (group["retentionInDays"], group["kmsKeyId"]) == (365, key["Arn"])

    def test_nodes(self, platform, lister, cluster, subnets, key):
        (group,) = lister.node_groups(CLUSTER)
        assert group["nodegroupName"] == f"{PREFIX}-default"
        assert group["status"] == "ACTIVE"
        assert group["instanceTypes"] == ["t3.medium"]
        assert group["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 6}
        assert group["updateConfig"] == {"maxUnavailable": 1}
        assert group["version"] == cluster["version"]
        assert set(group["subnets"]) == {subnet["SubnetId"] for subnet in of_tier(subnets, "private")}
        data = template(lister, group["launchTemplate"]["name"], group["launchTemplate"]["version"])
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        (mapping,) = data["BlockDeviceMappings"]
        assert mapping["Ebs"]["Encrypted"] is True
        assert (mapping["Ebs"]["VolumeType"], mapping["Ebs"]["KmsKeyId"]) == ("gp3", key["Arn"])

    def test_addons_with_their_roles(self, platform, lister):
        addons = {addon["addonName"]: addon for addon in lister.addons(CLUSTER)}
        assert set(addons) == ADDONS
        assert {addon["status"] for addon in addons.values()} == {"ACTIVE"}
        assert all(addon["addonVersion"].startswith("v") for addon in addons.values())
        roles = {
            name: addon["serviceAccountRoleArn"] for name, addon in addons.items() if addon.get("serviceAccountRoleArn")
        }
        prefix = f"arn:aws:iam::{platform.account.id}:role/{PREFIX}"
        assert roles == {"aws-ebs-csi-driver": f"{prefix}-ebs-csi-driver", "vpc-cni": f"{prefix}-vpc-cni"}

    def test_oidc_provider(self, lister, cluster):
        issuer = cluster["identity"]["oidc"]["issuer"].removeprefix("https://")
        (provider,) = [item for item in lister.oidc_providers() if item["Arn"].endswith(f":oidc-provider/{issuer}")]
        assert provider["ClientIDList"] == ["sts.amazonaws.com"]

    def test_access_entries(self, platform, lister):
        entries = {entry["principalArn"].split("/")[-1]: entry for entry in lister.access_entries(CLUSTER)}
        # EKS itself lets the nodes in.
        assert set(entries) == {neighbours.ADMINISTRATORS, f"{PREFIX}-eks-nodes", f"{PREFIX}-bastion"}
        assert entries[f"{PREFIX}-eks-nodes"]["type"] == "EC2_LINUX"
        (policy,) = platform.account.pages(
            "eks",
            "list_associated_access_policies",
            "associatedAccessPolicies",
            clusterName=CLUSTER,
            principalArn=entries[neighbours.ADMINISTRATORS]["principalArn"],
        )
        assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
        assert policy["accessScope"]["type"] == "cluster"


class TestWorkloadIdentity:
    @pytest.mark.parametrize(("thing", "subject"), WORKLOADS.items())
    def test_trust_of_one_service_account(self, platform, cluster, thing, subject):
        role = platform.account.client("iam").get_role(RoleName=f"{PREFIX}-{thing}")["Role"]
        issuer = cluster["identity"]["oidc"]["issuer"].removeprefix("https://")
        (statement,) = document(role["AssumeRolePolicyDocument"])["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert statement["Principal"] == {"Federated": f"arn:aws:iam::{platform.account.id}:oidc-provider/{issuer}"}
        (equal,) = statement["Condition"].values()
        assert list(statement["Condition"]) == ["StringEquals"]
        assert {key: as_list(value) for key, value in equal.items()} == {
            f"{issuer}:sub": [subject],
            f"{issuer}:aud": ["sts.amazonaws.com"],
        }

    @pytest.mark.parametrize("thing", WORKLOADS)
    def test_no_permission_for_everything(self, platform, thing):
        for statement in statements_of(platform, f"{PREFIX}-{thing}"):
            actions = as_list(statement["Action"])
            assert "*" not in actions
            assert not [action for action in actions if action.endswith(":*")], statement
            if thing != "aws-load-balancer-controller" and "*" in as_list(statement["Resource"]):
                # Only where the action knows no resource, or a condition narrows it.
                assert statement.get("Condition") or all(is_read(action) or action in NO_RESOURCE for action in actions)


@pytest.fixture(scope="module")
def bastion(lister: Lister) -> dict:
    """The one instance of the platform."""
    (ours,) = [item for item in lister.instances() if OWNER.items() <= tags_of(item).items()]
    return ours


class TestBastionInstance:
    def test_is_private_and_hardened(self, bastion, subnets, groups):
        assert bastion["InstanceType"] == "t3.large"
        assert subnets[bastion["SubnetId"]] in of_tier(subnets, "private")
        assert not bastion.get("PublicIpAddress")
        assert not bastion.get("KeyName")
        assert [group["GroupId"] for group in bastion["SecurityGroups"]] == [groups[f"{PREFIX}-bastion"]["GroupId"]]
        assert groups[f"{PREFIX}-bastion"]["IpPermissions"] == []
        assert bastion["EbsOptimized"]
        assert bastion["Monitoring"]["State"] == "enabled"
        metadata = bastion["MetadataOptions"]
        assert (metadata["HttpTokens"], metadata["HttpPutResponseHopLimit"]) == ("required", 1)
        assert name_of(bastion) == f"{PREFIX}-bastion"

    def test_volume_is_encrypted_with_the_platforms_key(self, lister, bastion, key):
        attached = [{"Name": "attachment.instance-id", "Values": [bastion["InstanceId"]]}]
        (volume,) = lister.ec2("describe_volumes", "Volumes", Filters=attached)
        assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (30, "gp3", True)
        assert volume["KmsKeyId"] == key["Arn"]
        assert OWNER.items() <= tags_of(volume).items()

    def test_role(self, platform, cluster, bastion):
        iam, name = platform.account.client("iam"), f"{PREFIX}-bastion"
        profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        assert bastion["IamInstanceProfile"]["Arn"] == profile["Arn"]
        (role,) = profile["Roles"]
        (trust,) = document(role["AssumeRolePolicyDocument"])["Statement"]
        assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
        (attached,) = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        assert attached["PolicyName"] == "AmazonSSMManagedInstanceCore"
        statements = {item["Sid"]: item for item in statements_of(platform, name)}
        assert as_list(statements["FindCluster"]["Action"]) == ["eks:DescribeCluster"]
        assert as_list(statements["FindCluster"]["Resource"]) == [cluster["arn"]]
        for statement in statements.values():
            assert not [action for action in as_list(statement["Action"]) if "*" in action], statement
            if "*" in as_list(statement["Resource"]):
                assert as_list(statement["Action"]) == ["ecr:GetAuthorizationToken"]

    def test_permissions_for_what_does_not_exist_yet_wait_visibly(self, platform):
        sids = {item["Sid"] for item in statements_of(platform, f"{PREFIX}-bastion")}
        for sid in ("ConnectToDatabase", "ReadCacheSecret", "ReadMachineClientSecret", "PullAndPushImages"):
            assert sid not in sids
            assert f"The bastion does not get {sid} yet" in platform.first_run.output

    def test_administers_the_cluster(self, platform):
        (policy,) = platform.account.pages(
            "eks",
            "list_associated_access_policies",
            "associatedAccessPolicies",
            clusterName=CLUSTER,
            principalArn=f"arn:aws:iam::{platform.account.id}:role/{PREFIX}-bastion",
        )
        assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")

    def test_bucket(self, platform, key):
        s3, name = platform.account.client("s3"), f"{PREFIX}-bastion-transfer-{platform.account.id}"
        assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
        (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        default = rule["ApplyServerSideEncryptionByDefault"]
        assert (default["SSEAlgorithm"], default["KMSMasterKeyID"]) == ("aws:kms", key["Arn"])
        (expiry,) = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        assert (expiry["Status"], expiry["Expiration"]["Days"]) == ("Enabled", 1)
        (deny,) = document(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
        assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        # Old versions would keep what tasks have sent.
        assert s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled"

    def test_password_is_only_in_secrets_manager(self, platform, key):
        secrets, name = platform.account.client("secretsmanager"), f"{PREFIX}-bastion-code-server"
        password = secrets.get_secret_value(SecretId=name)["SecretString"]
        assert len(password) == 32
        assert password.isalnum()
        assert secrets.describe_secret(SecretId=name)["KmsKeyId"] == key["Arn"]
        told = platform.first_run.output + json.dumps(platform.first_run.records)
        assert password not in told

    def test_is_found_by_the_inventory_of_an_environment(self, platform, bastion, tmp_path):
        source = (ROOT / "inventories/dev/bastion.aws_ec2.yml").read_text()
        file = tmp_path / "bastion.aws_ec2.yml"
        file.write_text(source.replace("tag:Environment: dev", "tag:Environment: local"))
        found = platform.account.inventory(file)
        assert found["bastion"]["hosts"] == [f"{PREFIX}-bastion"]
        values = found["_meta"]["hostvars"][f"{PREFIX}-bastion"]
        # ansible-inventory marks what comes from elsewhere and isn't to be templated.
        assert values["ansible_aws_ssm_instance_id"] == {"__ansible_unsafe": bastion["InstanceId"]}
        assert all(name.startswith(("ec2_", "ansible_")) for name in values), values


def resources(lister: Lister) -> Iterator[tuple[str, dict]]:
    """Everything in the account that may carry tags, but for what AWS itself makes."""
    yield from (("VPC", item) for item in lister.vpcs())
    yield from (("subnet", item) for item in lister.in_vpcs("describe_subnets", "Subnets"))
    yield from (("internet gateway", item) for item in lister.internet_gateways())
    yield from (("NAT gateway", item) for item in lister.nat_gateways())
    yield from (("address", item) for item in lister.ec2("describe_addresses", "Addresses"))
    for table in lister.in_vpcs("describe_route_tables", "RouteTables"):
        if not any(association.get("Main") for association in table["Associations"]):
            yield "route table", table
    vpcs = {vpc["VpcId"] for vpc in lister.vpcs() if not neighbours.is_neighbour(tags_of(vpc))}
    for group in lister.in_vpcs("describe_security_groups", "SecurityGroups"):
        if group["VpcId"] in vpcs and not group["GroupName"].startswith("eks-cluster-sg-"):
            yield f"security group {group['GroupName']}", group
    yield from (("endpoint", item) for item in lister.endpoints())
    yield from (("flow log", item) for item in lister.ec2("describe_flow_logs", "FlowLogs"))
    yield from (("launch template", item) for item in lister.ec2("describe_launch_templates", "LaunchTemplates"))
    yield from (("key", item) for item in lister.kms_keys())
    yield from ((f"log group {item['logGroupName']}", item) for item in lister.log_groups())
    for role in lister.roles():
        if not role["Path"].startswith("/aws-service-role/"):
            yield f"role {role['RoleName']}", role
    yield from ((f"policy {item['PolicyName']}", item) for item in lister.policies())
    yield from (("OIDC provider", item) for item in lister.oidc_providers())
    yield from ((f"instance profile {item['InstanceProfileName']}", item) for item in lister.instance_profiles())
    yield from (("instance", item) for item in lister.instances())
    yield from ((f"bucket {item['Name']}", item) for item in lister.buckets())
    yield from ((f"secret {item['Name']}", item) for item in lister.secrets())
    for cluster in lister.clusters():
        yield f"cluster {cluster['name']}", cluster
        yield from (("node group", item) for item in lister.node_groups(cluster["name"]))
        yield from ((f"add-on {item['addonName']}", item) for item in lister.addons(cluster["name"]))
        if not neighbours.is_neighbour(cluster["tags"]):
            for entry in lister.access_entries(cluster["name"]):
                if entry["type"] != "EC2_LINUX":
                    yield f"access entry {entry['principalArn']}", entry


def test_everything_carries_the_owner_tags(lister):
    untagged, seen = [], 0
    for kind, resource in resources(lister):
        tags = tags_of(resource)
        if neighbours.is_neighbour(tags):
            continue
        seen += 1
        if {key: tags.get(key) for key in OWNER} != OWNER or tags.get("Component") not in COMPONENTS:
            untagged.append((kind, tags))
    assert untagged == []
    assert seen >= 50


def test_neighbours_are_as_they_were(platform):
    assert neighbours.snapshot(platform.account) == platform.neighbours


def template(lister: Lister, name: str, version: str) -> dict:
    (found,) = lister.ec2(
        "describe_launch_template_versions", "LaunchTemplateVersions", LaunchTemplateName=name, Versions=[version]
    )
    return found["LaunchTemplateData"]


def statements_of(platform: Platform, role: str) -> list[dict]:
    """The statements of all inline policies of a role."""
    iam = platform.account.client("iam")
    documents = [
        document(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for name in platform.account.pages("iam", "list_role_policies", "PolicyNames", RoleName=role)
    ]
    return [statement for policy in documents for statement in as_list(policy["Statement"])]


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]


def is_read(action: str) -> bool:
    return action.split(":")[1].startswith(("Describe", "Get", "List"))
