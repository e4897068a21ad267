# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the cache, and for what ElastiCache can't make of the one that exists."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import change_warnings
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.components import redis

from .declared import change_fault_lines, fault_lines

ROOT = Path(__file__).parents[3]
FOUND = {"replication_group_id": "demo-redis", "engine": "valkey", "engine_version": "8.1.0"}
OFFERS = {"redis": {"versions": {"valkey": {"8.1": "valkey8", "8.2": "valkey8"}, "redis": {"7.1": "redis7"}}}}
TOPIC = "arn:aws:sns:us-west-2:123456789012:demo"


def lines(**given):
    return fault_lines("redis", given)


def change_lines(found=FOUND, **given):
    platform = {"redis": found, "offers": OFFERS}
    given = {"redis_engine": "valkey", "redis_auto_minor_version_upgrade": True, **given}
    return change_fault_lines("redis", given, platform)


def test_what_is_right_has_no_fault():
    assert lines() == []
    assert (
        lines(
            platform_region="us-west-2",
            platform_account_id="123456789012",
            redis_engine="redis",
            redis_engine_version="7.1",
            redis_node_type="cache.m7g.large",
            redis_nodes=6,
            redis_multi_az=True,
            redis_network_type="dual_stack",
            redis_ip_discovery="ipv6",
            redis_parameters={"timeout": 60, "activerehashing": True, "maxmemory-policy": "noeviction"},
            redis_snapshot_retention_days=0,
            redis_snapshot_window="23:30-00:30",
            redis_maintenance_window="sun:00:30-sun:01:30",
            redis_notification_topic_arn=TOPIC,
            redis_final_snapshot_name="demo-final",
            redis_secret_recovery_days=0,
            redis_token_grace_seconds=60,
        )
        == []
    )


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (
            {"engine": "redis", "engine_version": "5.0.6"},
            "'5.0.6' is not a version of redis that ElastiCache offers: 6.0",
        ),
        (
            {"engine": "valkey", "engine_version": "7.1"},
            "'7.1' is not a version of valkey that ElastiCache offers: 7.2",
        ),
        ({"engine": "valkey", "engine_version": "8"}, "'8' is not a version as major.minor in quotes"),
        ({"nodes": 7}, "redis_nodes: 7 is not from 1 to 6 nodes"),
        ({"nodes": 0}, "redis_nodes: 0 is not from 1 to 6 nodes"),
        ({"nodes": 1, "multi_az": True}, "redis_multi_az: true takes two nodes or more, redis_nodes is 1"),
        ({"node_type": "t4g.micro"}, "'t4g.micro' is not a type of cache nodes"),
        ({"node_type": "cache.t1.micro"}, "knows neither failover nor encryption"),
        ({"node_type": "cache.r6gd.xlarge"}, "keeps a part of the data on a disk (data tiering)"),
        ({"network_type": "ipv4", "ip_discovery": "ipv6"}, "redis_ip_discovery: 'ipv6' can't be told"),
        ({"network_type": "ipv6", "ip_discovery": "ipv4"}, "redis_ip_discovery: 'ipv4' can't be told"),
        ({"snapshot_retention_days": 36}, "redis_snapshot_retention_days: 36 is not from 0 to 35 days"),
        ({"snapshot_retention_days": -1}, "redis_snapshot_retention_days: -1 is not from 0 to 35 days"),
        ({"secret_recovery_days": 3}, "redis_secret_recovery_days: 3 is not 0 or from 7 to 30 days"),
        ({"token_grace_seconds": 0}, "redis_token_grace_seconds: 0 is not from 1 to 86400 seconds"),
        ({"timeout_seconds": 0}, "redis_timeout_seconds: 0 is not 1 or more seconds"),
        ({"snapshot_window": "2:00-3:00"}, "is not a daily window in UTC"),
        ({"snapshot_window": "24:00-25:00"}, "is not a daily window in UTC"),
        ({"snapshot_window": "02:00-02:59"}, "is shorter than 60 minutes"),
        ({"maintenance_window": "03:00-04:00"}, "is not a weekly window in UTC"),
        ({"maintenance_window": "mon:03:00-mon:03:30"}, "is shorter than 60 minutes"),
        (
            {"snapshot_window": "02:00-03:00", "maintenance_window": "mon:02:59-mon:04:00"},
            "redis_maintenance_window: 'mon:02:59-mon:04:00' overlaps redis_snapshot_window 02:00-03:00",
        ),
        (
            {"snapshot_window": "23:30-00:30", "maintenance_window": "sun:00:00-sun:02:00"},
            "overlaps redis_snapshot_window 23:30-00:30",
        ),
        (
            {"snapshot_window": "00:00-01:00", "maintenance_window": "sun:23:00-mon:01:30"},
            "overlaps redis_snapshot_window 00:00-01:00",
        ),
        ({"parameters": {"MaxMemory": 1}}, "redis_parameters: 'MaxMemory' is not the name of a parameter"),
        ({"parameters": {"timeout": [1]}}, "redis_parameters.timeout: [1] is not the value of a parameter"),
        ({"final_snapshot_name": "demo--final"}, "'demo--final' is not the name of a snapshot"),
        ({"final_snapshot_name": "demo-"}, "'demo-' is not the name of a snapshot"),
        ({"notification_topic_arn": "demo"}, "'demo' is not the ARN of an SNS topic"),
    ],
)
def test_faults(given, part):
    (line,) = lines(**{f"redis_{name}": value for name, value in given.items()})
    assert part in line


@pytest.mark.parametrize("name", sorted(redis.SECRETS))
def test_a_secret_among_the_parameters_is_refused_and_not_shown(name):
    (line,) = lines(redis_parameters={name: "hunter2hunter2hunter2"})
    assert "is a secret in plain text" in line
    assert "hunter2" not in line


def test_a_topic_of_another_account_or_region():
    here = {"platform_region": "us-west-2", "platform_account_id": "123456789012"}
    assert lines(redis_notification_topic_arn=TOPIC, **here) == []
    for other in (TOPIC.replace("us-west-2", "eu-west-1"), TOPIC.replace("123456789012", "210987654321")):
        (line,) = lines(redis_notification_topic_arn=other, **here)
        assert "is not a topic of this account and region, 123456789012 in us-west-2" in line


@pytest.mark.parametrize("version", ["8.1", "8.2"])
def test_what_can_become_of_it(version):
    assert change_lines(redis_engine_version=version) == []
    assert change_lines({}, redis_engine_version=version) == []
    assert change_lines({**FOUND, "engine": "redis", "engine_version": "7.1.0"}, redis_engine_version=version) == []


def test_a_version_that_is_no_longer_offered_and_runs_is_kept():
    assert change_lines({**FOUND, "engine_version": "8.0.1"}, redis_engine_version="8.0") == []


def test_without_an_answer_the_table_serves():
    given = {"redis_engine": "valkey", "redis_engine_version": "9.1"}
    assert change_fault_lines("redis", given, {}) == []
    (line,) = change_fault_lines("redis", {**given, "redis_engine_version": "9.9"}, {})
    assert "'9.9' is not a version of valkey that ElastiCache offers: 7.2, 8.0, 8.1, 8.2, 9.0, 9.1" in line


@pytest.mark.parametrize(
    ("found", "given", "part"),
    [
        ({}, {"redis_engine_version": "8.3"}, "'8.3' is not a version of valkey that ElastiCache offers: 8.1, 8.2"),
        (
            {},
            {"redis_engine": "redis", "redis_engine_version": "7.1"},
            "redis_engine: 'redis' can't be had of demo-redis, which runs Valkey",
        ),
        (
            {"engine_version": "9.0.0"},
            {"redis_engine_version": "8.2"},
            "redis_engine_version: '8.2' is older than 9.0.0, which demo-redis runs",
        ),
        (
            {"engine_version": "8.2.0"},
            {"redis_engine_version": "8.1", "redis_auto_minor_version_upgrade": False},
            "redis_engine_version: '8.1' is older than 8.2.0, which demo-redis runs",
        ),
    ],
)
def test_what_elasticache_would_refuse(found, given, part):
    (line,) = change_lines({**FOUND, **found}, **given)
    assert part in line


def test_a_minor_version_that_came_by_itself_is_left():
    assert change_lines({**FOUND, "engine_version": "8.2.0"}, redis_engine_version="8.1") == []


@pytest.mark.parametrize(("day", "count"), [("2026-10-01", 0), ("2026-11-29", 1), ("2027-03-01", 1)])
def test_the_end_of_support_of_redis_6_is_told(monkeypatch, day, count):
    monkeypatch.setattr(redis, "_today", lambda: datetime.date.fromisoformat(day))
    told = list(change_warnings("redis")({"redis_engine": "redis", "redis_engine_version": "6.2"}, {}))
    assert len(told) == count
    assert all("its standard support ends on 2027-01-31" in str(line) for line in told)
    assert list(change_warnings("redis")({"redis_engine": "valkey", "redis_engine_version": "8.2"}, {})) == []


def test_the_playbook_and_the_role_have_the_same_defaults():
    defaults = yaml.safe_load((ROOT / "roles/redis/defaults/main.yml").read_text())
    playbook = (ROOT / "playbooks/rotate_redis_token.yml").read_text()
    found = re.findall(r"(redis_\w+) \| default\((\d+)\)", playbook)
    assert {name: int(value) for name, value in found} == {
        name: defaults[name] for name in ("redis_token_grace_seconds", "redis_timeout_seconds")
    }


@pytest.mark.parametrize(
    ("engine", "version", "family"),
    [
        ("valkey", "7.2", "valkey7"),
        ("valkey", "8.2", "valkey8"),
        ("valkey", "9.1", "valkey9"),
        ("redis", "6.2", "redis6.x"),
        ("redis", "7.1", "redis7"),
    ],
)
def test_the_family_of_a_version(engine, version, family):
    """As AWS names them."""
    assert redis.family(engine, version) == family
