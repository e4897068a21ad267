# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for a VPC that others have made: how it is named, whether it bears the platform, and where records go."""

from __future__ import annotations

from typing import Any

import pytest

from .declared import change_fault_lines, fault_lines, need_lines, removal_fault_lines, warning_lines

VPC = "vpc-0123456789abcdef0"
PUBLIC = [f"subnet-0000000{number}" for number in (1, 2)]
PRIVATE = [f"subnet-0000001{number}" for number in (1, 2)]
PREFIX = "agent-platform-dev"
RIGHT = {
    "platform_region": "us-west-2",
    "platform_prefix": PREFIX,
    "network_vpc_id": VPC,
    "network_public_subnet_ids": PUBLIC,
    "network_private_subnet_ids": PRIVATE,
    "network_vpc_cidr": "10.0.0.0/16",
    "network_availability_zones": [],
    "network_nat_gateways": "per_az",
    "network_gateway_endpoints": ["s3", "dynamodb"],
    "network_interface_endpoints_enabled": False,
    "network_interface_endpoints": ["sts"],
    "network_flow_log_destination": "cloud-watch-logs",
}


def lines(others: dict[str, dict] | None = None, **change: Any) -> list[str]:
    return fault_lines("network", {**RIGHT, **change}, **(others or {}))


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert lines(network_public_subnet_ids=[]) == []
    # The network of a VPC of ours isn't looked at.
    assert lines({"eks": {"eks_node_groups": [{"max_size": 900}]}}) == []


OF_OUR_OWN = "is for a VPC that the platform makes, and network_vpc_id names one of others: leave one of the two out"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            {"network_vpc_id": ""},
            [
                f"network_{tier}_subnet_ids: {ids} are subnets of others, whose VPC is to be named in network_vpc_id"
                for tier, ids in (("public", PUBLIC), ("private", PRIVATE))
            ],
        ),
        (
            {"network_vpc_id": "vpc-1", "network_private_subnet_ids": [PRIVATE[0], "subnet-x"]},
            [
                "network_vpc_id: 'vpc-1' is not the id of a VPC, such as vpc-0123456789abcdef0",
                "network_private_subnet_ids[1]: 'subnet-x' is not the id of a subnet, such as subnet-0123456789abcdef0",
            ],
        ),
        (
            {"network_private_subnet_ids": [PRIVATE[0], PUBLIC[0], PRIVATE[0]]},
            [
                f"network_private_subnet_ids: '{PRIVATE[0]}' occurs more than once",
                f"network_public_subnet_ids: '{PUBLIC[0]}' is in network_private_subnet_ids, too",
            ],
        ),
        (
            {"network_private_subnet_ids": PRIVATE[:1], "network_public_subnet_ids": PUBLIC[:1]},
            [
                f"network_private_subnet_ids: {PRIVATE[:1]} are fewer than 2 subnets, in as many Availability Zones,"
                " the least that EKS accepts",
                f"network_public_subnet_ids: {PUBLIC[:1]} are fewer than 2 subnets, the least that a load balancer"
                " accepts; leave them out, or name one in each of 2 Availability Zones",
            ],
        ),
        *(
            ({name: value}, [f"{name}: {value!r} {OF_OUR_OWN}"])
            for name, value in {
                "network_vpc_cidr": "10.1.0.0/16",
                "network_availability_zones": ["us-west-2a", "us-west-2b"],
                "network_private_subnet_cidrs": ["10.0.1.0/24", "10.0.2.0/24"],
                "network_nat_gateways": "single",
                "network_dhcp_options_id": "dopt-0123456789abcdef0",
            }.items()
        ),
    ],
)
def test_how_it_is_named(change, found):
    assert lines(**change) == found


def test_an_internet_facing_load_balancer_needs_public_subnets():
    gateways = {"gateways": {"gateways_scheme": "internet-facing"}}
    assert lines(gateways) == []
    assert lines(gateways, network_public_subnet_ids=[]) == [
        "network_public_subnet_ids: [] has no place for the load balancer of gateways_scheme internet-facing"
    ]


BUCKET = {"network_flow_log_destination": "s3", "network_flow_log_bucket_arn": "arn:aws:s3:::log-archive"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (BUCKET, []),
        ({**BUCKET, "network_flow_log_prefix": "network/traffic", "network_flow_log_file_format": "parquet"}, []),
        (
            {"network_flow_log_destination": "s3"},
            ["network_flow_log_destination: 's3' needs the bucket in network_flow_log_bucket_arn"],
        ),
        (
            {**BUCKET, "network_flow_log_bucket_arn": "log-archive"},
            ["network_flow_log_bucket_arn: 'log-archive' is not the ARN of a bucket, such as arn:aws:s3:::log-archive"],
        ),
        *(
            (
                {**BUCKET, "network_flow_log_prefix": prefix},
                [
                    f"network_flow_log_prefix: '{prefix}' is not a folder such as network/traffic, without '/' at its"
                    " ends; AWS keeps AWSLogs for itself"
                ],
            )
            for prefix in ("/traffic", "traffic/", "AWSLogs/x")
        ),
        (
            {"network_flow_log_file_format": "parquet", "network_flow_log_per_hour_partition": True},
            [
                "network_flow_log_file_format: 'parquet' is for network_flow_log_destination s3",
                "network_flow_log_per_hour_partition: true is for network_flow_log_destination s3",
            ],
        ),
        ({"network_flow_log_destination": "none"}, []),
    ],
)
def test_where_records_go(change, found):
    assert lines(**change) == found


def test_the_platform_s_own_vpc_is_recorded():
    own = {"network_vpc_id": "", "network_public_subnet_ids": [], "network_private_subnet_ids": []}
    assert lines(**own, network_flow_log_destination="none") == [
        "network_flow_log_destination: 'none' leaves the traffic of the platform's own VPC unrecorded: it is for one of"
        " others (network_vpc_id)"
    ]


def subnet(letter: str, way_out: str | None, **change: Any) -> dict[str, Any]:
    return {
        "vpc_id": VPC,
        "availability_zone": f"us-west-2{letter}",
        "zone_id": f"usw2-az{letter}",
        "cidr_block": "10.0.1.0/24",
        "free_addresses": 251,
        "public_addresses": False,
        "route_table_id": "rtb-1",
        "way_out": way_out,
        "broken": False,
        "tags": {"kubernetes.io/role/elb": "1", "kubernetes.io/role/internal-elb": "1"},
        **change,
    }


SUBNETS = {
    **{subnet_id: subnet(letter, "igw-1") for subnet_id, letter in zip(PUBLIC, "ab", strict=True)},
    **{subnet_id: subnet(letter, "tgw-1") for subnet_id, letter in zip(PRIVATE, "ab", strict=True)},
}
ACCOUNT = {"account_id": "123456789012", "region": "us-west-2"}


def platform(
    subnets: dict[str, dict | None] | None = None, existing: dict[str, Any] | None = None, **facts: Any
) -> dict[str, Any]:
    """What is found where all is well, with these subnets, or parts of them, in place of what they are."""
    changed = {key: None if part is None else {**SUBNETS[key], **part} for key, part in (subnets or {}).items()}
    found = {key: value for key, value in {**SUBNETS, **changed}.items() if value is not None}
    vpc = {
        "vpc_id": VPC,
        "own": False,
        "dns_support": True,
        "dns_hostnames": True,
        "subnets": found,
        "route_table_ids": ["rtb-1"],
        "endpoints": {},
        **(existing or {}),
    }
    network = {
        "exists": False,
        "vpc_id": VPC,
        "vpc_owner_id": ACCOUNT["account_id"],
        "cidr_blocks": ["10.0.0.0/16", "172.20.0.0/16"],
        "existing": vpc,
        "availability_zones": ["us-west-2a", "us-west-2b"],
        "subnet_ids": {"public": PUBLIC, "private": PRIVATE},
        **facts,
    }
    return {**ACCOUNT, "network": network}


def change_lines(found: dict[str, Any], **change: Any) -> list[str]:
    return change_fault_lines("network", {**RIGHT, **change}, found)


def test_a_vpc_that_bears_the_platform():
    assert change_lines(platform()) == []
    assert warning_lines("network", RIGHT, platform()) == []
    assert change_lines(platform({key: {"route_table_id": None, "way_out": None} for key in SUBNETS})) == []


def of_private(text: str) -> str:
    return f"network_private_subnet_ids[1]: '{PRIVATE[1]}' {text}"


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (
            platform(existing={"dns_support": False}),
            f"network_vpc_id: '{VPC}' has DNS support off, without which EKS has no nodes: have its owner run aws ec2"
            f" modify-vpc-attribute --vpc-id {VPC} --enable-dns-support",
        ),
        (
            platform(existing={"dns_hostnames": False}),
            f"network_vpc_id: '{VPC}' has DNS host names off, without which EKS has no nodes: have its owner run"
            f" aws ec2 modify-vpc-attribute --vpc-id {VPC} --enable-dns-hostnames",
        ),
        (
            platform(existing={"own": True}),
            f"network_vpc_id: '{VPC}' is the platform's own VPC, which it would no longer manage: leave the variable"
            " out",
        ),
        (
            platform(existing={"endpoints": {"s3": "vpce-1", "sts": "vpce-2"}}),
            "network_gateway_endpoints: 's3' has the endpoint vpce-1 of others already, and AWS takes no second one:"
            " leave it out",
        ),
        (
            platform({PRIVATE[1]: None}),
            of_private("is no subnet that account 123456789012 sees in this region"),
        ),
        (platform({PRIVATE[1]: {"vpc_id": "vpc-9"}}), of_private(f"is in vpc-9, not in network_vpc_id {VPC}")),
        (
            platform({PRIVATE[1]: {"zone_id": "use1-az3"}}),
            of_private("is in us-west-2b, which is use1-az3, in which EKS makes no cluster"),
        ),
        (
            platform({PRIVATE[1]: {"availability_zone": "us-west-2-lax-1a"}}),
            of_private("is in us-west-2-lax-1a, which is no Availability Zone of us-west-2"),
        ),
        (
            platform({PRIVATE[1]: {"way_out": "igw-1"}}),
            of_private(
                "is public: the default route in rtb-1 leads to igw-1; name it in network_public_subnet_ids, or take"
                " another"
            ),
        ),
        (
            platform({PRIVATE[1]: {"broken": True}}),
            of_private("has a default route to tgw-1, which is gone (blackhole in rtb-1): its owner has to mend that"),
        ),
        (
            platform({PRIVATE[1]: {"public_addresses": True}}),
            of_private(
                "gives instances public addresses, and nothing of the platform has one: have its owner run aws ec2"
                f" modify-subnet-attribute --subnet-id {PRIVATE[1]} --no-map-public-ip-on-launch"
            ),
        ),
        (
            platform({PRIVATE[1]: {"free_addresses": 5}}),
            of_private("has 5 free addresses, and EKS needs 6 in each subnet"),
        ),
        (platform({PRIVATE[1]: {"free_addresses": 5}}, exists=True), None),
        (
            platform({PRIVATE[1]: {"tags": {"kubernetes.io/cluster/shop": "owned"}}}),
            of_private(
                "has the tag kubernetes.io/cluster/shop=owned, so it goes with that cluster: take another, or have that"
                " made shared"
            ),
        ),
        (platform({PRIVATE[1]: {"tags": {"kubernetes.io/cluster/shop": "shared"}}}), None),
        (platform({PRIVATE[1]: {"tags": {f"kubernetes.io/cluster/{PREFIX}-eks": "owned"}}}), None),
        (
            platform({PUBLIC[0]: {"way_out": "nat-1"}}),
            f"network_public_subnet_ids[0]: '{PUBLIC[0]}' is not public: the default route in rtb-1 leads to nat-1, not"
            " to an internet gateway",
        ),
        (
            platform(other_vpc_ids=["vpc-7"]),
            f"network_vpc_id: '{VPC}' is not where the platform is, vpc-7: AWS moves nothing from one VPC to another."
            " Go back to that one (network_vpc_id is its id; or empty if the platform has made it, which then needs its"
            " tags), or take all of the platform down first",
        ),
    ],
)
def test_what_does_not_fit(found, line):
    assert change_lines(found) == ([line] if line else [])


def test_a_vpc_that_is_not_there():
    assert change_lines({**ACCOUNT, "network": {"existing": {}}}) == [
        f"network_vpc_id: '{VPC}' is no VPC of account 123456789012, region us-west-2, nor of one that shares it with"
        " that account"
    ]


def test_two_subnets_of_a_zone():
    found = change_lines(platform({PRIVATE[1]: {"availability_zone": "us-west-2a"}}))
    assert found == [
        of_private(f"is in us-west-2a, as {PRIVATE[0]} is: name one private subnet for each zone"),
        f"network_private_subnet_ids: {PRIVATE} are all in us-west-2a: 2 Availability Zones are the least",
    ]


def test_a_shared_vpc_takes_what_its_participants_can_make():
    found = platform({key: {"tags": {}} for key in SUBNETS}, vpc_owner_id="210987654321")
    made = f"can only be made by account 210987654321, which shares {VPC} with this one"
    assert change_lines(found, network_interface_endpoints_enabled=True) == [
        f"network_gateway_endpoints: ['s3', 'dynamodb'] {made}: leave them to it, with []",
        f"network_interface_endpoints_enabled: true {made}: leave them to it, with false",
        f"network_flow_log_destination: 'cloud-watch-logs' {made}: take none, and ask it",
    ]
    assert change_lines(found, network_gateway_endpoints=[], network_flow_log_destination="none") == []
    assert warning_lines("network", RIGHT, found) == []


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (
            {"way_out": None},
            of_private(
                "has no default route in rtb-1: what runs there reaches AWS and registries only by endpoints of the"
                " VPC, as far as there are any"
            ),
        ),
        (
            {"free_addresses": 15},
            of_private("has 15 free addresses: AWS recommends 16 for EKS alone, and each node and pod takes one more"),
        ),
        (
            {"tags": {}},
            f"network_private_subnet_ids: {PRIVATE[1:]} lack the tag kubernetes.io/role/internal-elb: the"
            " gateways' load balancer is told its subnets, others that you ask for in the cluster find none."
            f" Have their owner run aws ec2 create-tags --resources {PRIVATE[1]} --tags"
            " Key=kubernetes.io/role/internal-elb,Value=1",
        ),
    ],
)
def test_what_a_person_should_know(part, line):
    assert warning_lines("network", RIGHT, platform({PRIVATE[1]: part})) == [line]
    assert change_lines(platform({PRIVATE[1]: part})) == []


def test_a_network_elsewhere_is_not_left_behind():
    values = {**RIGHT, "network_vpc_id": "", "network_public_subnet_ids": [], "network_private_subnet_ids": []}
    (line,) = removal_fault_lines("network", values, {"network": {"other_vpc_ids": [VPC]}})
    assert line.startswith(f"network_vpc_id: '' is not where the platform is, {VPC}")
    assert removal_fault_lines("network", RIGHT, platform()) == []


def test_it_takes_no_quota():
    quotas = {name: {"limit": 0, "used": 0, "own": 0} for name in ("vpcs", "elastic_ips")}
    offers = {"offers": {"network": {"quotas": quotas}}, "partition": "aws"}
    assert need_lines({"network": RIGHT}, {**platform(), **offers}) == ([], [])
    assert len(need_lines({"network": {**RIGHT, "network_vpc_id": ""}}, {**platform(), **offers})[0]) == 2


def test_the_cluster_fits_into_it():
    groups = [{"name": "default", "max_size": 500, "availability_zones": ["us-west-2a", "us-west-2c"]}]
    values = {"eks_node_groups": groups, "eks_service_ipv4_cidr": "172.20.0.0/16", "platform_prefix": PREFIX}
    assert fault_lines("eks", values, network=RIGHT) == []
    assert change_fault_lines("eks", values, platform()) == [
        f"eks_service_ipv4_cidr: '172.20.0.0/16' overlaps 172.20.0.0/16 of the VPC {VPC}",
        "eks_node_groups[0].availability_zones[1]: 'us-west-2c' is not a zone of the subnets in"
        " network_private_subnet_ids: us-west-2a, us-west-2b",
    ]
    assert warning_lines("eks", values, platform({PRIVATE[0]: {"free_addresses": 300}})) == [
        f"eks_node_groups: may get 250 nodes in the subnet {PRIVATE[1]}, which has 251 free addresses; EKS needs 6 and"
        " each pod one more"
    ]
    assert warning_lines("eks", values, {**platform(), "eks": {"exists": True}}) == []


def test_data_stores_fit_into_it():
    instances = [{"name": "writer", "availability_zone": "us-west-2c"}]
    assert change_fault_lines("aurora", {"aurora_instances": instances}, platform()) == [
        "aurora_instances[0].availability_zone: 'us-west-2c' is not a zone of the subnets in"
        " network_private_subnet_ids: us-west-2a, us-west-2b"
    ]
    (line,) = change_fault_lines("opensearch", {"opensearch_availability_zones": 3}, platform())
    assert line.startswith(
        "opensearch_availability_zones: 3 is more zones than the network has (us-west-2a, us-west-2b)"
    )
