# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the OpenSearch domain: nodes, zones, storage, versions, who gets in, and what AWS can't change."""

from __future__ import annotations

import pytest

from .declared import change_fault_lines, fault_lines, warning_lines

ADMIN = "arn:aws:iam::123456789012:role/admin"
RIGHT = {
    "platform_prefix": "agent-platform-dev",
    "platform_region": "us-west-2",
    "platform_tags": {},
    "opensearch_engine_version": "OpenSearch_3.3",
    "opensearch_availability_zones": 2,
    "opensearch_standby": False,
    "opensearch_instance_type": "r6g.large.search",
    "opensearch_instance_count": 2,
    "opensearch_master_count": 3,
    "opensearch_master_type": "m6g.large.search",
    "opensearch_warm_count": 0,
    "opensearch_cold_storage": False,
    "opensearch_volume_size_gib": 100,
    "opensearch_volume_iops": 3000,
    "opensearch_volume_throughput": 125,
    "opensearch_off_peak_window_start": "02:00",
    "opensearch_auto_tune": "where_possible",
    "opensearch_workloads": ["otel-collector"],
    "opensearch_principals": [],
    "opensearch_master_principals": [ADMIN],
    "opensearch_log_policy_name": "",
    "opensearch_index_retention_days": 30,
    "opensearch_index_shards": 1,
}
OTHERS = {
    "network": {"network_availability_zones": ["us-west-2a", "us-west-2b"]},
    "workload_identity": {"workload_identity_roles": [{"name": "otel-collector"}, {"name": "agent"}]},
}


def given(**change):
    return {**RIGHT, **{key if key.startswith("platform") else f"opensearch_{key}": change[key] for key in change}}


def lines(**change):
    return [line.removeprefix("opensearch_") for line in fault_lines("opensearch", given(**change), **OTHERS)]


def change_lines(found, **change):
    return [line.removeprefix("opensearch_") for line in change_fault_lines("opensearch", given(**change), found)]


def test_what_is_right_has_no_fault():
    assert lines() == []


def test_missing_values_are_the_schemas_business():
    assert fault_lines("opensearch", {}) == []
    assert change_fault_lines("opensearch", {}, {}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"instance_type": "t3.small.search", "volume_size_gib": 10, "master_type": "t3.small.search"},
        {"instance_count": 4, "warm_count": 2, "cold_storage": True},
        {"instance_type": "i4i.large.search", "volume_size_gib": 0},
        # A family that came later than the table.
        {"instance_type": "r9x.large.search", "volume_size_gib": 24576},
        {"master_count": 0, "master_type": "nothing"},
        {"log_policy_name": "AWSLogDeliveryWrite20150319"},
        {"principals": [ADMIN, "arn:aws:iam::123456789012:user/people/one"]},
    ],
)
def test_what_else_is_right(change):
    assert lines(**change) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"engine_version": "3.5"}, "engine_version: '3.5' is not a version of OpenSearch"),
        ({"engine_version": "Elasticsearch_7.10"}, "engine_version: 'Elasticsearch_7.10' is not a version"),
        ({"instance_type": "r6g.large"}, "instance_type: 'r6g.large' is not an instance type of OpenSearch Service"),
        ({"master_type": "m6g.large"}, "master_type: 'm6g.large' is not an instance type"),
        ({"instance_type": "t2.small.search"}, "instance_type: 't2.small.search' encrypts nothing at rest"),
        ({"instance_count": 0}, "instance_count: 0 is not from 2 to 200 nodes"),
        ({"instance_count": 202}, "instance_count: 202 is not from 2 to 200 nodes"),
        ({"instance_count": 3}, "instance_count: 3 is not even"),
        (
            {"master_type": "t3.small.search", "instance_count": 12},
            "master_type: 't3.small.search' leads at most 10 data nodes",
        ),
        (
            {"auto_tune": "enabled", "instance_type": "t3.medium.search"},
            "auto_tune: 'enabled' is not for t3.medium.search",
        ),
        ({"warm_count": 1}, "warm_count: 1 is not 0 or from 2 to 150 nodes"),
        ({"warm_count": 2, "master_count": 0}, "warm_count: 2 takes dedicated masters"),
        ({"warm_count": 2, "instance_type": "t3.medium.search"}, "warm_count: 2 is not for data nodes of type t3"),
        ({"cold_storage": True}, "cold_storage: true takes warm nodes"),
        ({"volume_size_gib": 5}, "volume_size_gib: 5 is not 0 or from 10 to 24576 GiB"),
        ({"volume_size_gib": 2049}, "volume_size_gib: 2049 is more than the 2048 GiB that r6g.large.search takes"),
        ({"volume_size_gib": 0}, "volume_size_gib: 0 leaves r6g.large.search without any storage"),
        ({"instance_type": "r6gd.large.search"}, "volume_size_gib: 100 is not for r6gd.large.search, which has disks"),
        ({"volume_iops": 100}, "volume_iops: 100 is not 3000 or more"),
        ({"volume_throughput": 100}, "volume_throughput: 100 is not 125 or more MiB/s"),
        ({"off_peak_window_start": "24:00"}, "off_peak_window_start: '24:00' is not a time of day"),
        ({"off_peak_window_start": "2:00"}, "off_peak_window_start: '2:00' is not a time of day"),
        ({"index_retention_days": 0}, "index_retention_days: 0 is not 1 or more days"),
        ({"index_shards": 0}, "index_shards: 0 is not from 1 to 1024"),
        ({"principals": ["somebody"]}, "principals[0]: 'somebody' is not the ARN of an IAM role or user"),
        ({"master_principals": [ADMIN, ADMIN]}, f"master_principals: '{ADMIN}' occurs more than once"),
        (
            {"workloads": ["otel-colector"]},
            "workloads[0]: 'otel-colector' is no workload of workload_identity_roles; did",
        ),
        ({"log_policy_name": "a:b"}, "log_policy_name: 'a:b' is not the name of a resource policy"),
        ({"platform_tags": dict.fromkeys("abcde", "x")}, "platform_tags: 5 tags are too many for an OpenSearch domain"),
    ],
)
def test_faults(change, line):
    found = lines(**change)
    assert len(found) == 1, found
    assert found[0].startswith(line)


def test_three_zones_need_a_network_of_three():
    (found,) = lines(availability_zones=3, instance_count=3)
    assert found.startswith("availability_zones: 3 is more zones than the network has (us-west-2a, us-west-2b)")


THREE = {
    "network": {"network_availability_zones": ["us-west-2a", "us-west-2b", "us-west-2c"]},
}


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"instance_count": 3}, []),
        ({"instance_count": 2}, ["opensearch_instance_count: 2 is less than 3"]),
        ({"instance_count": 3, "standby": True}, []),
        ({"instance_count": 4, "standby": True}, ["opensearch_instance_count: 4 is not a multiple of 3"]),
        (
            {"instance_count": 3, "standby": True, "master_count": 0},
            ["opensearch_standby: true takes dedicated masters"],
        ),
        (
            {"instance_count": 3, "standby": True, "master_type": "t3.small.search"},
            ["opensearch_master_type: 't3.small.search' is too small for opensearch_standby"],
        ),
    ],
)
def test_three_zones(change, faults):
    found = fault_lines("opensearch", given(availability_zones=3, **change), **THREE)
    assert len(found) == len(faults)
    assert all(line.startswith(expected) for line, expected in zip(found, faults, strict=True))


def test_standby_in_two_zones():
    assert lines(standby=True)[0].startswith("standby: true takes 3 zones, opensearch_availability_zones is 2")


# ---- what exists, and what AWS offers

DOMAIN = {
    "domain_name": "agent-platform-dev-search",
    "engine_version": "OpenSearch_2.17",
    "vpc_id": "vpc-1",
    "volume_size_gib": 50,
}
OFFERED = {
    "versions": ["OpenSearch_3.5", "OpenSearch_3.3", "OpenSearch_2.19", "OpenSearch_2.17", "Elasticsearch_7.10"],
    "upgrades": ["OpenSearch_2.19"],
    "instance_types": {
        "r6g.large.search": ["data", "master"],
        "m6g.large.search": ["data", "master"],
        "or1.large.search": ["data"],
    },
    "log_policies": ["one"],
}


def platform(domain=None, **offered):
    return {
        "opensearch": {**DOMAIN, **(domain or {})},
        "network": {"vpc_id": "vpc-1"},
        "offers": {"opensearch": {**OFFERED, **offered}},
    }


def test_nothing_to_change():
    assert change_lines(platform(), engine_version="OpenSearch_2.17") == []
    assert change_lines(platform(), engine_version="OpenSearch_2.19") == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"engine_version": "OpenSearch_4.0"},
            "'OpenSearch_4.0' is not a version that OpenSearch Service offers: Open",
        ),
        (
            {"engine_version": "OpenSearch_3.5"},
            "'OpenSearch_3.5' can't be reached from OpenSearch_2.17, which agent-platform-dev-search runs; AWS upgrades"
            " to OpenSearch_2.19. Set one of these first",
        ),
    ],
)
def test_versions(change, line):
    (found,) = change_lines(platform(), **change)
    assert found.startswith(f"engine_version: {line}")


def test_a_version_never_goes_back():
    running = platform({"engine_version": "OpenSearch_3.3"})
    (found,) = change_lines(running, engine_version="OpenSearch_2.19")
    assert "is older than OpenSearch_3.3" in found
    # Nor where AWS doesn't tell what it offers.
    (found,) = change_lines({**running, "offers": {}}, engine_version="OpenSearch_2.19")
    assert "an upgrade isn't taken back" in found


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"volume_size_gib": 20}, "volume_size_gib: 20 is less than the 50 GiB of agent-platform-dev-search"),
        ({"instance_type": "r6g.huge.search"}, "instance_type: 'r6g.huge.search' is not an instance type that"),
        ({"master_type": "or1.large.search"}, "master_type: 'or1.large.search' is not for master nodes"),
    ],
)
def test_what_aws_doesnt_offer_or_change(change, line):
    (found,) = change_lines(platform(), engine_version="OpenSearch_2.17", **change)
    assert found.startswith(line)


def test_another_vpc():
    (found,) = change_lines(platform({"vpc_id": "vpc-2"}), engine_version="OpenSearch_2.17")
    assert "the domain is in vpc-2, the network is vpc-1" in found


def test_the_eleventh_policy_for_logs():
    ten = [f"policy-{number}" for number in range(10)]
    same = {"engine_version": "OpenSearch_2.17"}
    (found,) = change_lines(platform(log_policies=ten), **same)
    assert "more than the 10 that an account has in a region" in found
    assert change_lines(platform(log_policies=ten), log_policy_name="policy-3", **same) == []
    assert change_lines(platform(log_policies=[*ten[1:], "agent-platform-dev-opensearch-logs"]), **same) == []


def test_warned_of_uneven_zones():
    change = given(availability_zones=3, instance_count=4)
    (found,) = warning_lines("opensearch", change, {})
    assert "is not a multiple of 3" in found
    assert warning_lines("opensearch", RIGHT, {}) == []
