# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the network: addresses, zones, subnets, endpoints, traffic, and what AWS can't change."""

from __future__ import annotations

import pytest

from .declared import change_fault_lines, fault_lines

ZONES = ["us-west-2a", "us-west-2b"]
RIGHT = {
    "platform_region": "us-west-2",
    "network_vpc_cidr": "10.0.0.0/16",
    "network_availability_zones": [],
    "network_public_subnet_cidrs": [],
    "network_private_subnet_cidrs": [],
    "network_gateway_endpoints": ["s3", "dynamodb"],
    "network_interface_endpoints_enabled": False,
    "network_interface_endpoints": ["ecr.api", "bedrock-runtime"],
    "network_ingress_cidrs": ["10.0.0.0/16"],
    "network_ingress_target_ports": [],
    "network_additional_traffic": [],
}
CLUSTER = {"eks_node_groups": [{"name": "default", "max_size": 6}, {"name": "old", "max_size": 99, "state": "absent"}]}


def lines(cluster=CLUSTER, **change):
    return fault_lines("network", {**RIGHT, **change}, eks=cluster)


def change_lines(found, **change):
    return change_fault_lines("network", {**RIGHT, **change}, found)


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert lines(network_availability_zones=[*ZONES, "us-west-2d"]) == []
    assert lines(network_vpc_cidr="100.64.0.0/20") == []


def test_missing_values_are_the_schemas_business():
    assert fault_lines("network", {}) == []


NO_VPC = "is not an IPv4 network with a prefix length from 16 to 28"


@pytest.mark.parametrize(
    ("cidr", "rule"),
    [
        ("10.0.0.0/33", NO_VPC),
        ("10.0.0.0/8", NO_VPC),
        ("10.0.0.0/30", NO_VPC),
        ("10.0.0.0", NO_VPC),
        ("10.0.0.5/16", "is not written as the network it is in: 10.0.0.0/16"),
        ("169.254.0.0/16", "is in a range that AWS accepts for no VPC (loopback, link-local, multicast or reserved)"),
        ("240.0.0.0/16", "is in a range that AWS accepts for no VPC (loopback, link-local, multicast or reserved)"),
    ],
)
def test_the_vpc(cidr, rule):
    assert lines(network_vpc_cidr=cidr) == [f"network_vpc_cidr: {cidr!r} {rule}"]


@pytest.mark.parametrize(
    ("cidr", "line"),
    [
        (
            "10.0.0.0/28",
            "network_vpc_cidr: 10.0.0.0/28 has no room for a public and a private subnet in 2 Availability Zones;"
            " take a larger network or set network_public_subnet_cidrs",
        ),
        (
            "10.0.0.0/26",
            "network_vpc_cidr: '10.0.0.0/26' is too small: its private subnet 10.0.0.32/28 has 11 free addresses,"
            " but 56 are needed (6 of EKS, 50 of nodes)",
        ),
    ],
)
def test_a_vpc_too_small_for_what_is_planned(cidr, line):
    assert lines({"eks_node_groups": [{"max_size": 100}]}, network_vpc_cidr=cidr) == [line]


@pytest.mark.parametrize(
    ("zones", "found"),
    [
        (
            ["us-west-2a"],
            [
                "network_availability_zones: ['us-west-2a'] has fewer than 2 Availability Zones, the least that EKS"
                " accepts"
            ],
        ),
        (
            ["us-west-2a", "us-west-2a"],
            [
                "network_availability_zones: ['us-west-2a', 'us-west-2a'] names us-west-2a more than once",
                "network_availability_zones: ['us-west-2a', 'us-west-2a'] has fewer than 2 Availability Zones,"
                " the least that EKS accepts",
            ],
        ),
        (
            ["us-west-2a", "eu-west-1b"],
            [
                "network_availability_zones[1]: 'eu-west-1b' is not an Availability Zone of platform_region us-west-2,"
                " such as us-west-2a"
            ],
        ),
        (
            ["us-west-2a", "us-west-2-lax-1a"],
            [
                "network_availability_zones[1]: 'us-west-2-lax-1a' is not an Availability Zone of platform_region"
                " us-west-2, such as us-west-2a"
            ],
        ),
    ],
)
def test_zones(zones, found):
    assert lines(network_availability_zones=zones) == found


PRIVATE = "network_private_subnet_cidrs"


@pytest.mark.parametrize(
    ("public", "private", "found"),
    [
        ([], ["10.0.11.0/24", "10.0.12.0/24"], []),
        (["10.0.1.0/24", "10.0.2.0/24"], ["10.0.11.0/24", "10.0.12.0/24"], []),
        (
            [],
            ["10.0.11.0/24"],
            [f"{PRIVATE}: ['10.0.11.0/24'] has 1 networks for 2 Availability Zones; one for each is needed"],
        ),
        (
            [],
            ["10.0.11.0/24", "10.1.12.0/24"],
            [f"{PRIVATE}[1]: '10.1.12.0/24' is not inside network_vpc_cidr 10.0.0.0/16"],
        ),
        (
            [],
            ["10.0.11.0/24", "10.0.11.128/25"],
            [f"{PRIVATE}[1]: '10.0.11.128/25' overlaps 10.0.11.0/24 of {PRIVATE}[0]"],
        ),
        (
            ["10.0.0.0/20", "10.0.16.0/20"],
            ["10.0.12.0/24", "10.0.32.0/24"],
            [f"{PRIVATE}[0]: '10.0.12.0/24' overlaps 10.0.0.0/20 of network_public_subnet_cidrs[0]"],
        ),
        (
            [],
            ["10.0.11.0/29", "10.0.12.0/33"],
            [f"{PRIVATE}[0]: '10.0.11.0/29' {NO_VPC}", f"{PRIVATE}[1]: '10.0.12.0/33' {NO_VPC}"],
        ),
        (
            [],
            ["10.0.11.1/24", "10.0.12.0/24"],
            [f"{PRIVATE}[0]: '10.0.11.1/24' is not written as the network it is in: 10.0.11.0/24"],
        ),
    ],
)
def test_subnets(public, private, found):
    assert lines(network_public_subnet_cidrs=public, network_private_subnet_cidrs=private) == found


def test_subnets_too_small_for_the_cluster():
    subnets = ["10.0.11.0/28", "10.0.12.0/24"]
    assert lines({"eks_node_groups": [{"max_size": 10}]}, network_private_subnet_cidrs=subnets) == []
    assert lines({"eks_node_groups": [{"max_size": 11}]}, network_private_subnet_cidrs=subnets) == [
        f"{PRIVATE}[0]: '10.0.11.0/28' has 11 free addresses, but 12 are needed (6 of EKS, 6 of nodes)"
    ]
    assert lines(network_private_subnet_cidrs=subnets, network_interface_endpoints_enabled=True) == []
    assert lines(
        network_private_subnet_cidrs=subnets,
        network_interface_endpoints_enabled=True,
        network_interface_endpoints=["a", "b", "c"],
    ) == [
        f"{PRIVATE}[0]: '10.0.11.0/28' has 11 free addresses, but 12 are needed (6 of EKS, 3 of interface"
        " endpoints, 3 of nodes)"
    ]


@pytest.mark.parametrize(
    ("services", "line"),
    [
        (
            ["com.amazonaws.us-west-2.sts"],
            "[0]: 'com.amazonaws.us-west-2.sts' is a full name: leave out com.amazonaws.<region>.",
        ),
        (["ecr.api", "ECR"], "[1]: 'ECR' is not the name of an endpoint's service, such as ecr.api"),
        (["sts", "sts"], ": 'sts' occurs more than once"),
    ],
)
def test_endpoints(services, line):
    assert lines(network_interface_endpoints=services) == [f"network_interface_endpoints{line}"]


TRAFFIC = {"source": "bastion", "destination": "redis", "protocol": "tcp", "from_port": 6379, "description": "Redis"}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({}, None),
        ({"source": "bastoin"}, "'bastoin' is neither a security group of the platform nor an IPv4 network"),
        ({"source": "0.0.0.0/0"}, "no security group of the platform may be open to the whole internet"),
        ({"from_port": 70000}, "ports 70000 to 70000 are not a range within 0 to 65535"),
        ({"to_port": 1}, "ports 6379 to 1 are not a range"),
        ({"protocol": "all"}, "protocol all takes no ports"),
        ({"description": "ä"}, "characters that EC2 accepts"),
    ],
)
def test_traffic(change, part):
    found = lines(network_additional_traffic=[{**TRAFFIC, **change}])
    assert found == [] if part is None else (len(found) == 1 and part in found[0]), found


def test_traffic_of_networks_that_are_together_the_whole_internet():
    halves = [{**TRAFFIC, "source": network} for network in ("0.0.0.0/1", "128.0.0.0/1")]
    together = "together these are 0.0.0.0/0, and no security group of the platform may be open to the whole internet"
    # Once for each group, not for each of its ports.
    assert lines(network_additional_traffic=[*halves, *({**half, "from_port": 22} for half in halves)]) == [
        f"network_additional_traffic: traffic from 0.0.0.0/1, 128.0.0.0/1 to redis by tcp 22, tcp 6379: {together}"
    ]
    both = [*halves, *({**half, "destination": "aurora"} for half in halves)]
    assert lines(network_additional_traffic=both) == [
        f"network_additional_traffic: traffic from 0.0.0.0/1, 128.0.0.0/1 to {group} by tcp 6379: {together}"
        for group in ("redis", "aurora")
    ]
    assert lines(network_additional_traffic=halves[:1]) == []
    assert lines(network_additional_traffic=[{**half, "destination": "ingress"} for half in halves]) == []
    six = [{**TRAFFIC, "source": network} for network in ("::/1", "8000::/1")]
    assert ["nor an IPv4 network" in line for line in lines(network_additional_traffic=six)] == [True, True]


def test_traffic_without_its_required_keys_is_the_schemas_business():
    assert lines(network_additional_traffic=[{"source": "bastion"}]) == []


EXISTING = {
    "vpc_id": "vpc-1",
    "cidr_block": "10.0.0.0/16",
    "availability_zones": ZONES,
    "subnets": {
        "public": [{"id": "subnet-1", "availability_zone": "us-west-2a", "cidr_block": "10.0.1.0/24"}],
        "private": [{"id": "subnet-2", "availability_zone": "us-west-2b", "cidr_block": "10.0.12.0/24"}],
    },
}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, None),
        ({"network_availability_zones": [*ZONES, "us-west-2c"]}, None),
        (
            {"network_vpc_cidr": "10.1.0.0/16"},
            "network_vpc_cidr: '10.1.0.0/16' is not the network of the VPC that exists, 10.0.0.0/16 (vpc-1): AWS"
            " can't change it",
        ),
        (
            {"network_availability_zones": ["us-west-2b", "us-west-2c"]},
            "network_availability_zones: ['us-west-2b', 'us-west-2c'] leaves out us-west-2a, where a public subnet"
            " of the"
            " platform exists; name that zone too, or remove the network first",
        ),
        (
            {"network_private_subnet_cidrs": ["10.0.21.0/24", "10.0.22.0/24"]},
            "network_private_subnet_cidrs: 10.0.22.0/24 for us-west-2b, where the private subnet is 10.0.12.0/24;"
            " AWS can't change the network of a subnet",
        ),
    ],
)
def test_what_aws_cannot_change(change, line):
    assert change_lines({"network": EXISTING}, **change) == ([line] if line else [])


@pytest.mark.parametrize(
    "platform",
    [{}, {"network": {"cidr_block": None}}, {"network": {"cidr_block": "10.0.0.0/16", "availability_zones": []}}],
)
def test_nothing_exists_that_could_stand_in_the_way(platform):
    assert change_lines(platform) == []


OFFERED = {
    "zones": {"us-west-2a": "usw2-az1", "us-west-2b": "usw2-az2", "us-west-2c": "use1-az3", "us-west-2d": "cac1-az3"},
    "usable_zones": ["us-west-2a", "us-west-2b"],
}


@pytest.mark.parametrize(
    ("zones", "lines"),
    [
        ([], []),
        (["us-west-2a", "us-west-2b"], []),
        (
            ["us-west-2a", "us-west-2c"],
            [
                "network_availability_zones[1]: 'us-west-2c' is use1-az3, in which EKS makes no cluster: choose among"
                " us-west-2a, us-west-2b"
            ],
        ),
        (
            ["us-west-2f", "us-west-2d"],
            [
                "network_availability_zones[0]: 'us-west-2f' is not offered to this account: choose among us-west-2a,"
                " us-west-2b",
                "network_availability_zones[1]: 'us-west-2d' is cac1-az3, in which EKS makes no cluster: choose among"
                " us-west-2a, us-west-2b",
            ],
        ),
    ],
)
def test_zones_that_aws_does_not_offer(zones, lines):
    assert change_lines({"offers": {"network": OFFERED}}, network_availability_zones=zones) == lines


def test_zones_are_not_judged_where_aws_did_not_tell():
    unknown = {"offers": {"network": {"zones": {}, "usable_zones": []}}}
    assert change_lines(unknown, network_availability_zones=["us-west-2f", "us-west-2g"]) == []


ENDPOINTS = {
    "s3": {"zones": ["us-west-2a"], "takes_policy": True},
    "ecr.api": {"zones": ["us-west-2a", "us-west-2b"], "takes_policy": True},
    "bedrock-runtime": {"zones": ["us-west-2a", "us-west-2b"], "takes_policy": False},
    "sts": {"zones": ["us-west-2a"], "takes_policy": True},
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        (
            {"network_gateway_endpoints": ["s3", "dynamodb"]},
            ["network_gateway_endpoints: 'dynamodb' has no endpoint in this region"],
        ),
        (
            {
                "network_interface_endpoints": ["ecr.api", "bedrock-runtime"],
                "network_interface_endpoints_enabled": True,
            },
            [
                "network_interface_endpoints: 'bedrock-runtime' has an endpoint that takes no policy: put"
                " bedrock-runtime: full in network_endpoint_policies"
            ],
        ),
        (
            {
                "network_interface_endpoints": ["bedrock-runtime", "sts"],
                "network_interface_endpoints_enabled": True,
                "network_endpoint_policies": {"bedrock-runtime": "full"},
            },
            ["network_interface_endpoints: 'sts' has no endpoint in us-west-2b"],
        ),
        (
            {"network_nat_gateways": "none"},
            [
                "network_nat_gateways: 'sts' has no endpoint in us-west-2b, which is needed without a way to the"
                " internet"
            ],
        ),
    ],
)
def test_services_without_an_endpoint(change, expected):
    platform = {
        "offers": {"network": {**OFFERED, "endpoint_services": ENDPOINTS}},
        "network": {"availability_zones": ZONES},
        "workload_identity": {},
    }
    assert change_lines(platform, **{"network_gateway_endpoints": ["s3"], **change}) == expected


def test_a_closed_network_has_endpoints_for_what_there_is():
    closed = {**RIGHT, "network_nat_gateways": "none", "network_gateway_endpoints": []}
    assert fault_lines("network", {**closed, "network_endpoint_policies": {"logs": "full"}}, eks=CLUSTER) == [
        "network_endpoint_policies: 'logs' is the policy of an endpoint that isn't declared"
    ]
    given = {**closed, "network_endpoint_policies": {"logs": "full", "s3": {}}}
    assert fault_lines("network", given, eks=CLUSTER, telemetry={}) == []
    # They take addresses: of a subnet of 16 five are AWS's.
    (line,) = fault_lines(
        "network", {**closed, "network_vpc_cidr": "10.0.0.0/26"}, eks={**CLUSTER, "eks_node_groups": []}
    )
    assert "6 of interface endpoints" in line


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("registry.corp.example", True),
        ("https://registry.corp.example", False),
        ("a.example/b", False),
        ("docker", False),
    ],
)
def test_hosts_that_are_reached_otherwise(host, right):
    line = (
        f"network_private_hosts[0]: '{host}' is not the name of a host, such as registry.example.com, without https:// "
    )
    assert lines(network_private_hosts=[host]) == ([] if right else [f"{line}and path"])


def test_a_region_with_too_few_zones_for_eks():
    few = {"offers": {"network": {**OFFERED, "usable_zones": ["us-west-2a"]}}}
    assert change_lines(few, network_availability_zones=[]) == [
        "network_availability_zones: [] can't be chosen: the region offers 1 zones that EKS takes"
    ]
    assert change_lines({**few, "network": EXISTING}, network_availability_zones=[]) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"network_endpoint_policies": {"s3": {}}}, None),
        (
            {"network_endpoint_policies": {"sqs": {}}},
            "network_endpoint_policies: 'sqs' is the policy of an endpoint that isn't declared",
        ),
        ({"network_endpoint_policies": {"s3": "full"}, "network_endpoint_statements": {"ecr.api": [{}]}}, None),
        (
            {"network_endpoint_policies": {"s3": "all"}},
            "network_endpoint_policies.s3: 'all' is neither a policy nor full, AWS's own",
        ),
        (
            {"network_endpoint_statements": {"sqs": []}},
            "network_endpoint_statements: 'sqs' has statements for an endpoint that isn't declared",
        ),
        (
            {"network_endpoint_statements": {"s3": {"Effect": "Allow"}}},
            "network_endpoint_statements.s3: {Effect: 'Allow'} is not a list of statements",
        ),
        (
            {"network_endpoint_statements": {"s3": []}, "network_endpoint_policies": {"s3": {}}},
            "network_endpoint_statements: 's3' has a policy of its own in network_endpoint_policies: put them there",
        ),
        ({"network_endpoint_organization_id": "o-a1b2c3d4e5"}, None),
        (
            {"network_endpoint_organization_id": "ou-a1b2"},
            "network_endpoint_organization_id: 'ou-a1b2' is not the id of an organisation, such as o-a1b2c3d4e5",
        ),
        (
            {"network_endpoint_accounts": ["210987654321", "21098765432"]},
            "network_endpoint_accounts[1]: '21098765432' is not an AWS account id of 12 digits, in quotes",
        ),
        (
            {"network_endpoint_buckets": ["s3://theirs"]},
            "network_endpoint_buckets[0]: 's3://theirs' is not the name of a bucket, without s3:// and path",
        ),
        ({"network_dhcp_options_id": "dopt-0123456789abcdef0"}, None),
        (
            {"network_dhcp_options_id": "default"},
            "network_dhcp_options_id: 'default' is not the id of DHCP options, such as dopt-0123456789abcdef0",
        ),
    ],
)
def test_policies_and_dhcp_options(change, line):
    assert lines(**{"network_gateway_endpoints": ["s3"], **change}) == ([line] if line else [])


def test_who_may_reach_the_load_balancer():
    assert lines(network_ingress_cidrs=["0.0.0.0/0"], network_ingress_target_ports=[4000, 8080]) == []
    assert lines(network_ingress_cidrs=["10.0.0.1/16", "10.0.0.1/16"], network_ingress_target_ports=[0]) == [
        "network_ingress_cidrs[0]: '10.0.0.1/16' is not written as the network it is in: 10.0.0.0/16",
        "network_ingress_cidrs[1]: '10.0.0.1/16' is not written as the network it is in: 10.0.0.0/16",
        "network_ingress_cidrs: '10.0.0.1/16' occurs more than once",
        "network_ingress_target_ports[0]: 0 is not a port from 1 to 65535",
    ]
