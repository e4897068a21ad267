# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VPC with its subnets, ways out, security groups, endpoints and flow log."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.support.faults import Calls
from tests.support.playbook import PREFIX, REGION, Account

from .. import neighbours
from ..census import Lister, as_list, name_of, statements_of, tags_of
from ..drift import Repair, ours
from . import encryption

SUMMARY = "NAT gateways: nat-"
LEAST_TAGGED = 25
GONE = ("deleting", "deleted")
RULE_PEERS = {
    "UserIdGroupPairs": "GroupId",
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "PrefixListIds": "PrefixListId",
}
# The members with the ids of what carries tags, the most specific first.
ID_MEMBERS = (
    "NatGatewayId",
    "AllocationId",
    "RouteTableId",
    "VpcEndpointId",
    "NetworkAclId",
    "FlowLogId",
    "GroupId",
    "InternetGatewayId",
    "SubnetId",
    "VpcId",
)
FLOW_LOG_GROUP = f"/aws/vpc/{PREFIX}/flow-logs"
FLOW_LOG_ROLE = f"{PREFIX}-flow-logs"


# What an account holds, without what every account has from the beginning


def vpcs(lister: Lister) -> list[dict]:
    return [vpc for vpc in lister.ec2("describe_vpcs", "Vpcs") if vpc["VpcId"] not in lister.default_vpcs]


def in_vpcs(lister: Lister, operation: str, member: str) -> list[dict]:
    return [item for item in lister.ec2(operation, member) if item.get("VpcId") not in lister.default_vpcs]


def internet_gateways(lister: Lister) -> list[dict]:
    return [
        gateway
        for gateway in lister.ec2("describe_internet_gateways", "InternetGateways")
        if not any(attachment["VpcId"] in lister.default_vpcs for attachment in gateway.get("Attachments", []))
    ]


def nat_gateways(lister: Lister) -> list[dict]:
    return [item for item in lister.ec2("describe_nat_gateways", "NatGateways") if item["State"] not in GONE]


def network_acls(lister: Lister) -> list[dict]:
    """But for those that AWS makes with a VPC."""
    return [item for item in in_vpcs(lister, "describe_network_acls", "NetworkAcls") if not item["IsDefault"]]


def endpoints(lister: Lister) -> list[dict]:
    found = lister.ec2("describe_vpc_endpoints", "VpcEndpoints")
    return [item for item in found if item["State"].lower() not in GONE]


# What is the platform's


def vpc(lister: Lister) -> dict:
    (found,) = [vpc for vpc in vpcs(lister) if name_of(vpc) == f"{PREFIX}-vpc"]
    return found


def subnets(lister: Lister) -> dict[str, dict]:
    """By id."""
    vpc_id = vpc(lister)["VpcId"]
    found = in_vpcs(lister, "describe_subnets", "Subnets")
    return {subnet["SubnetId"]: subnet for subnet in found if subnet["VpcId"] == vpc_id}


def of_tier(lister: Lister, tier: str) -> list[dict]:
    return [subnet for subnet in subnets(lister).values() if tags_of(subnet)["Tier"] == tier]


def groups(lister: Lister) -> dict[str, dict]:
    """Security groups of the VPC by name."""
    vpc_id = vpc(lister)["VpcId"]
    found = in_vpcs(lister, "describe_security_groups", "SecurityGroups")
    return {group["GroupName"]: group for group in found if group["VpcId"] == vpc_id}


# For the shared tests


def census(lister: Lister) -> dict[str, list]:
    addresses = lister.ec2("describe_addresses", "Addresses")
    flow_logs = lister.ec2("describe_flow_logs", "FlowLogs")
    for kind, id_member, found in (
        ("vpc", "VpcId", vpcs(lister)),
        ("subnet", "SubnetId", in_vpcs(lister, "describe_subnets", "Subnets")),
        ("internet gateway", "InternetGatewayId", internet_gateways(lister)),
        ("NAT gateway", "NatGatewayId", nat_gateways(lister)),
        ("address", "AllocationId", addresses),
        ("network ACL", "NetworkAclId", network_acls(lister)),
        ("flow log", "FlowLogId", flow_logs),
    ):
        for item in found:
            lister.named(kind, item[id_member], name_of(item))
    all_groups = in_vpcs(lister, "describe_security_groups", "SecurityGroups")
    for group in all_groups:
        # EKS ends the name of the group that it makes for a cluster with a number of its own.
        lister.named("group", group["GroupId"], re.sub(r"^(eks-cluster-sg-.*)-\d+$", r"\1", group["GroupName"]))
    tables = in_vpcs(lister, "describe_route_tables", "RouteTables")
    for table in tables:
        lister.named("route table", table["RouteTableId"], "main" if _is_main(table) else name_of(table))
    return {
        "VPCs": [
            [name_of(vpc), vpc["CidrBlock"], vpc["InstanceTenancy"], _attributes(lister, vpc["VpcId"])]
            for vpc in vpcs(lister)
        ],
        "subnets": [
            [name_of(item), item["VpcId"], item["AvailabilityZone"], item["CidrBlock"], _on_launch(item)]
            for item in in_vpcs(lister, "describe_subnets", "Subnets")
        ],
        "internet gateways": [
            [name_of(item), [attachment["VpcId"] for attachment in item.get("Attachments", [])]]
            for item in internet_gateways(lister)
        ],
        "NAT gateways": [[name_of(item), item["SubnetId"], item["State"]] for item in nat_gateways(lister)],
        "addresses": [name_of(item) for item in addresses],
        "route tables": [_route_table(lister, table) for table in tables],
        "security groups": [
            [
                lister.names[group["GroupId"]],
                group["VpcId"],
                lister.sorted(_rules(group["IpPermissions"])),
                lister.sorted(_rules(group["IpPermissionsEgress"])),
            ]
            for group in all_groups
        ],
        "endpoints": [
            [
                item["ServiceName"],
                lister.sorted(item.get("RouteTableIds", [])),
                lister.sorted(item.get("SubnetIds", [])),
                item.get("PolicyDocument"),
            ]
            for item in endpoints(lister)
        ],
        "network ACLs": [
            [name_of(item), sorted(entry["RuleNumber"] for entry in item["Entries"])] for item in network_acls(lister)
        ],
        "flow logs": [[name_of(item), item["ResourceId"], item.get("TrafficType")] for item in flow_logs],
    }


def _attributes(lister: Lister, vpc_id: str) -> dict[str, bool]:
    ec2 = lister.account.client("ec2")
    names = ("enableDnsSupport", "enableDnsHostnames", "enableNetworkAddressUsageMetrics")
    answers = {name: ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name) for name in names}
    return {name: answer[name[0].upper() + name[1:]]["Value"] for name, answer in answers.items()}


def _on_launch(subnet: dict) -> list:
    return [subnet.get("MapPublicIpOnLaunch"), subnet.get("EnableDns64"), subnet.get("PrivateDnsNameOptionsOnLaunch")]


def _route_table(lister: Lister, table: dict) -> list:
    name = "main" if _is_main(table) else name_of(table)
    routes = lister.sorted(
        {key: route[key] for key in ("DestinationCidrBlock", "GatewayId", "NatGatewayId") if route.get(key)}
        for route in table["Routes"]
        if not str(route.get("GatewayId", "")).startswith("vpce-")
    )
    return [name, routes, lister.sorted(item["SubnetId"] for item in table["Associations"] if item.get("SubnetId"))]


def _is_main(table: dict) -> bool:
    return any(association.get("Main") for association in table["Associations"])


def _rules(permissions: Iterable[dict]) -> Iterable[str]:
    """Each rule by itself: AWS groups them as it likes."""
    for permission in permissions:
        ports = f"{permission['IpProtocol']} {permission.get('FromPort', '')}-{permission.get('ToPort', '')}"
        for members, member in RULE_PEERS.items():
            for peer in permission.get(members, []):
                yield f"{ports} {peer[member]}"


def tagged(lister: Lister) -> Iterator[tuple[str, dict]]:
    yield from (("VPC", item) for item in vpcs(lister))
    yield from (("subnet", item) for item in in_vpcs(lister, "describe_subnets", "Subnets"))
    yield from (("internet gateway", item) for item in internet_gateways(lister))
    yield from (("NAT gateway", item) for item in nat_gateways(lister))
    yield from (("address", item) for item in lister.ec2("describe_addresses", "Addresses"))
    yield from (
        ("route table", table)
        for table in in_vpcs(lister, "describe_route_tables", "RouteTables")
        if not _is_main(table)
    )
    # The default group of a neighbour's VPC carries nothing, as AWS made it.
    beside = {item["VpcId"] for item in vpcs(lister) if neighbours.is_neighbour(tags_of(item))}
    for group in in_vpcs(lister, "describe_security_groups", "SecurityGroups"):
        made_by_aws = group["GroupName"].startswith("eks-cluster-sg-") or (
            group["GroupName"] == "default" and group["VpcId"] in beside
        )
        if not made_by_aws:
            yield f"security group {group['GroupName']}", group
    yield from (("endpoint", item) for item in endpoints(lister))
    yield from (("network ACL", item) for item in network_acls(lister))
    yield from (("flow log", item) for item in lister.ec2("describe_flow_logs", "FlowLogs"))


def settle(account: Account, prefix: str, tags: dict[str, str]) -> None:
    ec2, specification = account.client("ec2"), neighbours.specification
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
    account.client("logs").create_log_group(logGroupName=f"/aws/vpc/{prefix}/flow-logs", tags=tags)


def subnets_of(account: Account, prefix: str) -> list[str]:
    """The ids of the subnets in which a neighbour has its machines."""
    filters = [{"Name": "tag:Name", "Values": [f"{prefix}-private-*"]}]
    return [subnet["SubnetId"] for subnet in account.pages("ec2", "describe_subnets", "Subnets", Filters=filters)]


def take_names(account: Account) -> list[str]:
    neighbours.make_role(account, FLOW_LOG_ROLE, neighbours.OTHER)
    vpc_id = account.client("ec2").create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=neighbours.specification("vpc", {}, Name=f"{PREFIX}-vpc")
    )["Vpc"]["VpcId"]
    return [FLOW_LOG_ROLE, vpc_id]


def _delete_a_route(account: Account) -> None:
    (table, *_others) = account.pages(
        "ec2", "describe_route_tables", "RouteTables", Filters=ours(Name=f"{PREFIX}-private-*")
    )
    account.client("ec2").delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


REPAIRS = {
    "a deleted route": Repair(
        _delete_a_route,
        Calls({("ec2", "CreateRoute"): 1}),
        frozenset({"Lead each private subnet to its NAT gateway"}),
    )
}


ANYBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "logs:PutLogEvents", "Resource": "*"}],
    }
)


def harms(account: Account) -> dict[str, Callable[[], Any]]:
    ec2, logs, iam = account.client("ec2"), account.client("logs"), account.client("iam")

    def first(operation: str, member: str, filter_member: str = "Filters", **tags: str) -> dict:
        return account.pages("ec2", operation, member, **{filter_member: ours(**tags)})[0]

    group = first("describe_security_groups", "SecurityGroups", Name=f"{PREFIX}-aurora")
    default = first("describe_security_groups", "SecurityGroups", Name=f"{PREFIX}-default")
    table = first("describe_route_tables", "RouteTables", Name=f"{PREFIX}-public")
    association = next(item for item in table["Associations"] if item.get("SubnetId"))
    flow_log = first("describe_flow_logs", "FlowLogs", "Filter")
    (log_group,) = logs.describe_log_groups(logGroupNamePrefix=FLOW_LOG_GROUP)["logGroups"]
    found = account.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=ours())
    endpoint, other_endpoint = [item for item in found if item["State"].lower() == "available"][:2]
    vpc_id, subnet_id = table["VpcId"], association["SubnetId"]
    foreign = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]})
    unused = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    return {
        "rule": lambda: ec2.revoke_security_group_ingress(
            GroupId=group["GroupId"], IpPermissions=group["IpPermissions"][:1]
        ),
        "rule too much": lambda: ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[unused]),
        "rule in the default group": lambda: ec2.authorize_security_group_ingress(
            GroupId=default["GroupId"], IpPermissions=[unused]
        ),
        "names in the VPC": lambda: ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": False}),
        "metrics of the VPC": lambda: ec2.modify_vpc_attribute(
            VpcId=vpc_id, EnableNetworkAddressUsageMetrics={"Value": True}
        ),
        "public addresses": lambda: ec2.modify_subnet_attribute(
            SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True}
        ),
        "DNS64": lambda: ec2.modify_subnet_attribute(SubnetId=subnet_id, EnableDns64={"Value": True}),
        "host names": lambda: ec2.modify_subnet_attribute(
            SubnetId=subnet_id, PrivateDnsHostnameTypeOnLaunch="resource-name"
        ),
        "names of host names": lambda: ec2.modify_subnet_attribute(
            SubnetId=subnet_id, EnableResourceNameDnsARecordOnLaunch={"Value": True}
        ),
        "policy of an endpoint": lambda: ec2.modify_vpc_endpoint(
            VpcEndpointId=other_endpoint["VpcEndpointId"], PolicyDocument=foreign
        ),
        "association": lambda: ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"]),
        "flow log": lambda: ec2.delete_flow_logs(FlowLogIds=[flow_log["FlowLogId"]]),
        "endpoint": lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]]),
        "retention": lambda: logs.delete_retention_policy(logGroupName=FLOW_LOG_GROUP),
        "protection of the log group": lambda: logs.put_log_group_deletion_protection(
            logGroupIdentifier=FLOW_LOG_GROUP, deletionProtectionEnabled=True
        ),
        "bearer tokens of the log group": lambda: logs.put_bearer_token_authentication(
            logGroupIdentifier=FLOW_LOG_GROUP, bearerTokenAuthenticationEnabled=True
        ),
        "policy of the log group": lambda: logs.put_resource_policy(
            resourceArn=log_group["logGroupArn"], policyDocument=ANYBODY
        ),
        "subscription of the log group": lambda: logs.put_subscription_filter(
            logGroupName=FLOW_LOG_GROUP,
            filterName="theirs",
            filterPattern="",
            destinationArn=f"arn:aws:kinesis:{REGION}:{account.id}:stream/theirs",
        ),
        "policy": lambda: iam.delete_role_policy(
            RoleName=FLOW_LOG_ROLE, PolicyName=iam.list_role_policies(RoleName=FLOW_LOG_ROLE)["PolicyNames"][0]
        ),
    }


def lasting(account: Account) -> list[str]:
    lister = Lister(account)
    return [
        vpc(lister)["VpcId"],
        *sorted(subnets(lister)),
        *sorted(item["GroupId"] for item in groups(lister).values()),
    ]


def check_discovery(lister: Lister, facts: dict[str, Any]) -> None:
    found = groups(lister)
    assert facts["vpc_id"] == vpc(lister)["VpcId"]
    for tier in ("public", "private"):
        assert sorted(facts["subnet_ids"][tier]) == sorted(item["SubnetId"] for item in of_tier(lister, tier))
    assert len(facts["nat_gateways"]) == 2
    assert all(nat["public_ip"] and nat["state"] == "available" for nat in facts["nat_gateways"])
    assert sorted(facts["route_tables"]["private"]) == facts["availability_zones"]
    assert facts["route_tables"]["public"]
    assert facts["internet_gateway_id"]
    assert facts["flow_log_id"]
    assert set(facts["endpoints"]) == {"s3", "dynamodb"}
    for thing, group_id in facts["security_groups"].items():
        assert group_id == found[f"{PREFIX}-{thing}"]["GroupId"]
    assert facts["default_security_group_id"] == found["default"]["GroupId"]


class TestNetwork:
    def test_two_subnets_of_each_tier_in_two_zones(self, lister):
        block = ipaddress.ip_network(vpc(lister)["CidrBlock"])
        for tier, role in (("public", "kubernetes.io/role/elb"), ("private", "kubernetes.io/role/internal-elb")):
            found = of_tier(lister, tier)
            assert len(found) == len({subnet["AvailabilityZone"] for subnet in found}) == 2
            for subnet in found:
                assert ipaddress.ip_network(subnet["CidrBlock"]).subnet_of(block)
                assert tags_of(subnet)[role] == "1"
                assert not subnet["MapPublicIpOnLaunch"]
        assert len(subnets(lister)) == 4

    def test_names_resolve_in_the_vpc(self, lister):
        ec2 = lister.account.client("ec2")
        for attribute in ("enableDnsSupport", "enableDnsHostnames"):
            answer = ec2.describe_vpc_attribute(VpcId=vpc(lister)["VpcId"], Attribute=attribute)
            assert answer[attribute[0].upper() + attribute[1:]]["Value"] is True

    def test_a_nat_gateway_with_an_address_in_each_zone(self, lister):
        found, known = nat_gateways(lister), subnets(lister)
        assert [nat["State"] for nat in found] == ["available", "available"]
        assert {known[nat["SubnetId"]]["AvailabilityZone"] for nat in found} == {
            subnet["AvailabilityZone"] for subnet in known.values()
        }
        assert all(tags_of(known[nat["SubnetId"]])["Tier"] == "public" for nat in found)
        addresses = [nat["NatGatewayAddresses"][0]["AllocationId"] for nat in found]
        assert len(set(addresses)) == 2

    def test_routes(self, lister):
        vpc_id, known = vpc(lister)["VpcId"], subnets(lister)
        (gateway,) = [
            gateway
            for gateway in internet_gateways(lister)
            if [attachment["VpcId"] for attachment in gateway["Attachments"]] == [vpc_id]
        ]
        nats = {nat["NatGatewayId"]: known[nat["SubnetId"]]["AvailabilityZone"] for nat in nat_gateways(lister)}
        leads_to = {}
        for table in in_vpcs(lister, "describe_route_tables", "RouteTables"):
            if table["VpcId"] != vpc_id:
                continue
            defaults = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
            for association in table["Associations"]:
                if association.get("SubnetId"):
                    (route,) = defaults
                    leads_to[association["SubnetId"]] = route.get("NatGatewayId") or route["GatewayId"]
        assert set(leads_to) == set(known)
        for subnet_id, target in leads_to.items():
            if tags_of(known[subnet_id])["Tier"] == "public":
                assert target == gateway["InternetGatewayId"]
            else:
                assert nats[target] == known[subnet_id]["AvailabilityZone"]

    def test_flow_log_is_active_and_encrypted(self, lister):
        vpc_id = vpc(lister)["VpcId"]
        (flow_log,) = [log for log in lister.ec2("describe_flow_logs", "FlowLogs") if log["ResourceId"] == vpc_id]
        assert flow_log["FlowLogStatus"] == "ACTIVE"
        assert flow_log["TrafficType"] == "ALL"
        assert flow_log["LogDestinationType"] == "cloud-watch-logs"
        destination = flow_log.get("LogDestination", "").split(":log-group:")[-1]
        assert FLOW_LOG_GROUP in (flow_log.get("LogGroupName"), destination)
        (group,) = [group for group in lister.log_groups() if group["logGroupName"] == FLOW_LOG_GROUP]
        assert (group["retentionInDays"], group["kmsKeyId"]) == (365, encryption.key(lister.account)["Arn"])
        assert flow_log["DeliverLogsPermissionArn"].endswith(f":role/{FLOW_LOG_ROLE}")
        for statement in statements_of(lister.account, FLOW_LOG_ROLE):
            if statement["Action"] == "logs:DescribeLogGroups":
                # IAM can't narrow it to a group.
                assert statement["Resource"] == "*"
                continue
            for resource in as_list(statement["Resource"]):
                assert f":log-group:{FLOW_LOG_GROUP}" in resource

    def test_default_group_has_no_rules(self, lister):
        default = groups(lister)["default"]
        assert default["IpPermissions"] == []
        assert default["IpPermissionsEgress"] == []

    def test_groups_refer_to_each_other(self, lister):
        found = groups(lister)
        names = {group["GroupId"]: name for name, group in found.items()}
        for thing in ("nodes", "cluster", "aurora", "redis", "opensearch", "bastion", "endpoints"):
            for rule in found[f"{PREFIX}-{thing}"]["IpPermissions"]:
                assert rule["IpRanges"] == rule["Ipv6Ranges"] == []
                assert all(pair["GroupId"] in names for pair in rule["UserIdGroupPairs"])
        # The load balancer's clients are networks.
        balancer = found[f"{PREFIX}-ingress"]
        clients = {
            (rule["FromPort"], item["CidrIp"]) for rule in balancer["IpPermissions"] for item in rule["IpRanges"]
        }
        assert clients == {(80, vpc(lister)["CidrBlock"]), (443, vpc(lister)["CidrBlock"])}
        # And CloudFront, for the front end.
        lists = {
            (rule["FromPort"], item["PrefixListId"])
            for rule in balancer["IpPermissions"]
            for item in rule["PrefixListIds"]
        }
        named = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]
        (origin_facing,) = lister.ec2("describe_managed_prefix_lists", "PrefixLists", Filters=named)
        assert lists == {(80, origin_facing["PrefixListId"])}
        pods = {
            (rule["FromPort"], names[pair["GroupId"]])
            for rule in balancer["IpPermissionsEgress"]
            for pair in rule["UserIdGroupPairs"]
        }
        assert pods
        assert {group for _port, group in pods} == {f"{PREFIX}-nodes"}
        let_in = {
            (rule["FromPort"], names[pair["GroupId"]])
            for rule in found[f"{PREFIX}-nodes"]["IpPermissions"]
            if rule["IpProtocol"] == "tcp"
            for pair in rule["UserIdGroupPairs"]
        }
        assert {(port, f"{PREFIX}-ingress") for port, _group in pods} <= let_in
        # AWS may tell the peers of one port in one rule or in several.
        database = found[f"{PREFIX}-aurora"]["IpPermissions"]
        assert {(rule["FromPort"], rule["ToPort"]) for rule in database} == {(5432, 5432)}
        peers = {names[pair["GroupId"]] for rule in database for pair in rule["UserIdGroupPairs"]}
        assert peers == {f"{PREFIX}-nodes", f"{PREFIX}-bastion"}
        assert found[f"{PREFIX}-redis"]["IpPermissionsEgress"] == []

    def test_gateway_endpoints_serve_every_table(self, lister):
        vpc_id = vpc(lister)["VpcId"]
        tables = {
            table["RouteTableId"]
            for table in in_vpcs(lister, "describe_route_tables", "RouteTables")
            if table["VpcId"] == vpc_id and tags_of(table)
        }
        found = [endpoint for endpoint in endpoints(lister) if endpoint["VpcId"] == vpc_id]
        assert {endpoint["ServiceName"].removeprefix(f"com.amazonaws.{REGION}.") for endpoint in found} == {
            "s3",
            "dynamodb",
        }
        for endpoint in found:
            assert endpoint["VpcEndpointType"] == "Gateway"
            assert set(endpoint["RouteTableIds"]) == tables
