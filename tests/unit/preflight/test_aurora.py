# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the database: names, versions, classes, windows, capacity, restoring, and what RDS can't change."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.components import aurora as rules

from .declared import change_fault_lines, fault_lines, removal_fault_lines, warning_lines

PREFIX = "agent-platform-dev"
NAME = f"{PREFIX}-aurora"
ONE, TWO = {"name": "1", "state": "present", "promotion_tier": 1}, {"name": "2", "state": "present"}
RIGHT = {
    "platform_prefix": PREFIX,
    "aurora_engine_version": "17.9",
    "aurora_allow_major_version_upgrade": False,
    "aurora_auto_minor_version_upgrade": True,
    "aurora_database": "postgres",
    "aurora_master_username": "postgres",
    "aurora_instances": [ONE, TWO],
    "aurora_instance_class": "db.t4g.medium",
    "aurora_serverless_capacity": {},
    "aurora_autoscaling": {},
    "aurora_cluster_parameters": {"rds.force_ssl": 1},
    "aurora_instance_parameters": {},
    "aurora_backup_retention_days": 7,
    "aurora_backup_window": "03:00-04:00",
    "aurora_maintenance_window": "sat:05:00-sat:06:00",
    "aurora_log_types": ["postgresql"],
    "aurora_insights_mode": "standard",
    "aurora_insights_retention_days": 7,
    "aurora_event_categories": ["failover"],
    "aurora_restore_snapshot": "",
    "aurora_restore_cluster": "",
    "aurora_restore_time": "",
}
ZONES = {"network": {"network_availability_zones": ["us-west-2a", "us-west-2b"]}}


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(rules, "_now", lambda: datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC))


def lines(**change):
    return fault_lines("aurora", {**RIGHT, **change}, **ZONES)


def line(**change):
    (found,) = lines(**change)
    return found


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert lines(aurora_restore_snapshot="rds:other-2026-11-28-03-00") == []
    assert lines(aurora_restore_cluster="cluster-ABC", aurora_restore_time="2026-11-28T09:30:00Z") == []
    assert lines(aurora_restore_cluster="other", aurora_restore_time="latest") == []
    assert lines(aurora_insights_mode="advanced", aurora_insights_retention_days=465) == []


def test_missing_values_are_the_schemas_business():
    assert fault_lines("aurora", {}) == []


@pytest.mark.parametrize("version", ["17", "17.x", "aurora-postgresql17.9", "17.9.1"])
def test_what_is_no_version(version):
    assert "is not a version as major.minor, such as '17.10'" in line(aurora_engine_version=version)


@pytest.mark.parametrize("name", ["1x", "a-b", "rdsadmin", "template1", "a b", "x" * 64])
def test_names_of_the_database(name):
    assert line(aurora_database=name).startswith(f"aurora_database: '{name}' is not up to 63 letters")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("1x", "is not 1 to 16 letters, digits and '_' with a letter first"),
        ("", "is not 1 to 16 letters"),
        ("x" * 17, "is not 1 to 16 letters"),
        ("admin", "is a name that RDS or PostgreSQL keeps for itself"),
        ("rdsadmin", "is a name that RDS or PostgreSQL keeps for itself"),
    ],
)
def test_names_of_the_master_user(name, rule):
    assert rule in line(aurora_master_username=name)


@pytest.mark.parametrize("name", ["A", "a_b", "-a", "a-", "a--b", "x" * 21])
def test_names_of_instances(name):
    found = line(aurora_instances=[ONE, {"name": name}])
    assert found.startswith(f"aurora_instances[1].name: '{name}' is not 1 to 20 lower-case letters")


@pytest.mark.parametrize(
    ("instances", "told"),
    [
        ([ONE, ONE], "'1' occurs more than once"),
        ([], "has no instance that is present"),
        ([{**ONE, "state": "absent"}], "has no instance that is present"),
        (
            [{"name": str(number)} for number in range(17)],
            "17 are too many: a cluster has a writer and up to 15 readers",
        ),
        ([{**ONE, "availability_zone": "us-west-2z"}, TWO], "is not a zone of the network: us-west-2a, us-west-2b"),
        (
            [{**one, "availability_zone": "us-west-2a"} for one in (ONE, TWO)],
            "all lie in us-west-2a: when that zone fails, none can take over",
        ),
        ([{**ONE, "promotion_tier": 16}, TWO], "16 is not from 0 to 15"),
        ([{**ONE, "instance_class": "t4g.medium"}, TWO], "is not a class of instances, such as db.t4g.medium"),
    ],
)
def test_instances(instances, told):
    assert told in line(aurora_instances=instances)


def test_the_data_api_is_for_no_small_class():
    own = [{**ONE, "instance_class": "db.t3.medium"}, TWO]
    assert line(aurora_data_api=True) == (
        "aurora_instance_class: 'db.t4g.medium' is a class for which AWS has no RDS Data API: take another, such as"
        " db.r8g.large or db.serverless, or set aurora_data_api to false"
    )
    told = line(aurora_data_api=True, aurora_instance_class="db.r8g.large", aurora_instances=own)
    assert told.startswith("aurora_instances[0].instance_class: 'db.t3.medium' is a class for which")


def test_serverless_instances_need_a_capacity():
    assert line(aurora_instance_class="db.serverless").endswith("needs aurora_serverless_capacity")


@pytest.mark.parametrize(
    ("capacity", "told"),
    [
        ({"min_capacity": 4, "max_capacity": 2}, "min_capacity: 4 is greater than max_capacity 2"),
        ({"min_capacity": 0.7, "max_capacity": 2}, "0.7 is not from 0 to 256 units in steps of 0.5"),
        ({"min_capacity": 1, "max_capacity": 257}, "257 is not from 1 to 256 units in steps of 0.5"),
        ({"min_capacity": 0, "max_capacity": 0.5}, "0.5 is not from 1 to 256 units"),
        ({"min_capacity": 1}, "aurora_serverless_capacity.max_capacity: is missing"),
        ({"min_capacity": 0, "max_capacity": 2, "seconds_until_auto_pause": 10}, "10 is not from 300 to 86400 seconds"),
        ({"min_capacity": 1, "max_capacity": 2, "seconds_until_auto_pause": 300}, "has no meaning with min_capacity 1"),
    ],
)
def test_capacity(capacity, told):
    assert told in line(aurora_serverless_capacity=capacity)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"min_readers": 5, "max_readers": 2}, "min_readers: 5 is greater than max_readers 2"),
        ({"max_readers": 16}, "16 is not from 0 to 15 readers"),
        ({"min_readers": 0, "max_readers": 0}, "max_readers: 0 is less than the 1 readers of aurora_instances"),
        ({"target_value": 0}, "target_value: 0 is not a percentage above 0"),
        ({"target_value": 101}, "target_value: 101 is not a percentage above 0"),
        ({"metric": "connections", "target_value": -1}, "target_value: -1 is not above 0"),
        ({"target_value": None}, "target_value: is missing"),
        ({"scale_in_cooldown": -1}, "scale_in_cooldown: -1 is not 0 or more seconds"),
    ],
)
def test_scaling(change, told):
    assert told in line(aurora_autoscaling={"min_readers": 1, "max_readers": 4, "target_value": 60, **change})


@pytest.mark.parametrize(
    ("backup", "maintenance", "told"),
    [
        ("03:00", "sat:05:00-sat:06:00", "aurora_backup_window: '03:00' is not a daily window in UTC"),
        ("24:00-01:00", "sat:05:00-sat:06:00", "is not a daily window in UTC"),
        ("03:00-03:29", "sat:05:00-sat:06:00", "aurora_backup_window: '03:00-03:29' is shorter than 30 minutes"),
        ("03:00-04:00", "05:00-06:00", "is not a weekly window in UTC, such as sat:05:00-sat:06:00"),
        ("03:00-04:00", "Sat:05:00-Sat:06:00", "is not a weekly window in UTC"),
        ("03:00-04:00", "sat:05:00-sat:05:20", "is shorter than 30 minutes"),
        ("03:00-04:00", "sat:03:30-sat:04:30", "overlaps aurora_backup_window 03:00-04:00"),
        # Over midnight, and over the end of the week.
        ("23:30-00:30", "sun:00:00-sun:01:00", "overlaps aurora_backup_window 23:30-00:30"),
        ("00:00-01:00", "sun:23:30-mon:00:30", "overlaps aurora_backup_window 00:00-01:00"),
    ],
)
def test_windows(backup, maintenance, told):
    assert told in line(aurora_backup_window=backup, aurora_maintenance_window=maintenance)


def test_a_maintenance_window_of_more_than_a_day():
    found = lines(aurora_maintenance_window="sat:05:00-mon:02:00")
    assert any("is longer than a day" in text for text in found)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"aurora_backup_retention_days": 0}, "0 is not from 1 to 35 days"),
        ({"aurora_backup_retention_days": 36}, "36 is not from 1 to 35 days"),
        ({"aurora_insights_retention_days": 30}, "30 is not 7, 731, or a multiple of 31 up to 713"),
        ({"aurora_insights_mode": "advanced"}, "7 is less than 465, which aurora_insights_mode advanced needs"),
        ({"aurora_log_types": ["postgresql"] * 2}, "'postgresql' occurs more than once"),
        ({"aurora_event_categories": []}, "names no events"),
        ({"aurora_cluster_parameters": {"a": ["b"]}}, "write a list as a,b"),
    ],
)
def test_other_settings(change, told):
    assert told in line(**change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"snapshot": "last", "cluster": "other"}, "can't both be what the cluster is made of"),
        ({"snapshot": "-last"}, "is not the identifier or ARN of a snapshot of a cluster"),
        ({"cluster": "other--one"}, "is not the identifier or resource ID of a cluster"),
        ({"cluster": NAME}, "is this cluster itself"),
        ({"time": "latest"}, "is a moment of aurora_restore_cluster, which is not given"),
        ({"cluster": "other", "time": "yesterday"}, "is not a moment with a time zone"),
        ({"cluster": "other", "time": "2026-11-28T09:30:00"}, "is not a moment with a time zone"),
        ({"cluster": "other", "time": "2026-12-28T09:30:00Z"}, "is in the future"),
    ],
)
def test_restoring(change, told):
    assert told in line(**{f"aurora_restore_{what}": value for what, value in change.items()})


# ---- what exists, and what RDS offers

INSTANCE = {
    "arn": "arn:db",
    "status": "available",
    "class": "db.t4g.medium",
    "availability_zone": "us-west-2a",
    "promotion_tier": 1,
    "writer": True,
}
OFFERS = {
    "versions": {
        "16.14": [{"version": "17.9", "major": True}],
        "17.9": [{"version": "17.10", "major": False}, {"version": "18.4", "major": True}],
        "17.10": [],
        "18.3": [],
        "18.4": [],
    },
    "classes": {"17": ["db.r8g.large", "db.serverless", "db.t4g.medium"]},
}


def platform(**facts):
    found = {
        "cluster_identifier": NAME,
        "engine_version": "17.9",
        "database": "postgres",
        "master_username": "postgres",
        "instances": {f"{NAME}-1": INSTANCE},
        "other_instances": [],
    }
    return {"aurora": {**found, **facts}, "offers": {"aurora": OFFERS}}


def change_lines(found, **change):
    return change_fault_lines("aurora", {**RIGHT, **change}, found)


def test_what_can_become_of_what_exists():
    assert change_lines(platform()) == []
    assert change_lines({"offers": {"aurora": OFFERS}}) == []
    assert change_lines({}) == []
    assert change_lines(platform(), aurora_engine_version="17.10") == []
    assert change_lines(platform(), aurora_engine_version="18.4", aurora_allow_major_version_upgrade=True) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"aurora_engine_version": "17.11"}, "is not a version that Aurora PostgreSQL has here: 17.9, 17.10"),
        ({"aurora_engine_version": "16.14"}, "is older than 17.9, which runs: an upgrade isn't taken back"),
        (
            {"aurora_engine_version": "18.4"},
            "is another major version than 17.9, which runs: test the upgrade on a restored copy, then set"
            " aurora_allow_major_version_upgrade to true",
        ),
        (
            {"aurora_engine_version": "18.3", "aurora_allow_major_version_upgrade": True},
            "is not one that 17.9, which runs, can be upgraded to: 17.10, 18.4",
        ),
        ({"aurora_database": "other"}, "is not that of agent-platform-dev-aurora, postgres, and RDS can't change it"),
        ({"aurora_master_username": "other"}, "is not that of agent-platform-dev-aurora, postgres"),
        ({"aurora_instance_class": "db.t4g.mediun"}, "that Aurora PostgreSQL 17 has here; did you mean db.t4g.medium?"),
        (
            {"aurora_instances": [{**ONE, "availability_zone": "us-west-2b"}, TWO]},
            "is not that of agent-platform-dev-aurora-1, us-west-2a, which it keeps",
        ),
    ],
)
def test_what_rds_refuses(change, told):
    (found,) = change_lines(platform(), **change)
    assert told in found


def test_a_class_of_an_instance_that_the_engine_does_not_have():
    (found,) = change_lines({"offers": {"aurora": OFFERS}}, aurora_instances=[{**ONE, "instance_class": "db.m5.large"}])
    assert found.startswith(
        "aurora_instances[0].instance_class: 'db.m5.large' is not a class that Aurora PostgreSQL 17"
    )


def test_what_rds_has_upgraded_by_itself():
    found = platform(engine_version="17.10")
    assert change_lines(found) == []
    (warning,) = warning_lines("aurora", RIGHT, found)
    assert "to which RDS has upgraded agent-platform-dev-aurora. The run goes on with 17.10" in warning
    (fault,) = change_lines(found, aurora_auto_minor_version_upgrade=False)
    assert "an upgrade isn't taken back" in fault


def test_other_warnings():
    assert warning_lines("aurora", RIGHT, platform()) == []
    (one,) = warning_lines("aurora", {**RIGHT, "aurora_instances": [ONE]}, platform())
    assert "none can take over when it fails" in one
    (restored,) = warning_lines("aurora", {**RIGHT, "aurora_restore_snapshot": "last"}, platform())
    assert "has no effect any more" in restored


def test_instances_of_others_keep_it():
    assert removal_fault_lines("aurora", RIGHT, platform()) == []
    (found,) = removal_fault_lines("aurora", RIGHT, platform(other_instances=["theirs"]))
    assert "can't be removed while the cluster has instances of others: theirs" in found
