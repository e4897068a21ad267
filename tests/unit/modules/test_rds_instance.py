# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instances of an Aurora cluster."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.databases import Database
from ansible_collections.agent_platform.aws.plugins.modules.rds_instance import RdsInstance
from tests.support.scripted_aws import Step, api_error, refuse_resource, run_resource

ARN = "arn:aws:rds:us-west-2:123456789012:db:demo-1"
NAME = {"DBInstanceIdentifier": "demo-1"}
TAGS = {"Project": "demo"}
PARAMS = {
    "name": "demo-1",
    "db_cluster_identifier": "demo",
    "engine": "aurora-postgresql",
    "db_instance_class": "db.t4g.medium",
    "availability_zone": "us-west-2a",
    "promotion_tier": 1,
    "db_parameter_group_name": "demo-17",
    "preferred_maintenance_window": "sat:05:00-sat:06:00",
    "auto_minor_version_upgrade": True,
    "publicly_accessible": False,
    "ca_certificate_identifier": "rds-ca-rsa2048-g1",
    "monitoring_interval": 60,
    "monitoring_role_arn": "arn:role",
    "apply_immediately": True,
    "tags": TAGS,
    "owned_by": TAGS,
}
CREATED = {
    **NAME,
    "DBClusterIdentifier": "demo",
    "Engine": "aurora-postgresql",
    "DBInstanceClass": "db.t4g.medium",
    "AvailabilityZone": "us-west-2a",
    "PromotionTier": 1,
    "DBParameterGroupName": "demo-17",
    "PreferredMaintenanceWindow": "sat:05:00-sat:06:00",
    "AutoMinorVersionUpgrade": True,
    "PubliclyAccessible": False,
    "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    "MonitoringInterval": 60,
    "MonitoringRoleArn": "arn:role",
    "Tags": [{"Key": "Project", "Value": "demo"}],
}
THERE = {
    **{name: value for name, value in CREATED.items() if name not in ("DBParameterGroupName", "Tags")},
    "DBInstanceArn": ARN,
    "DbiResourceId": "db-ABC",
    "DBInstanceStatus": "available",
    "DBParameterGroups": [{"DBParameterGroupName": "demo-17", "ParameterApplyStatus": "in-sync"}],
    "TagList": [{"Key": "Project", "Value": "demo"}],
}


def seen(**members):
    return Step("DescribeDBInstances", {"DBInstances": [{**THERE, **members}]}, NAME)


def nothing():
    return Step("DescribeDBInstances", api_error("DescribeDBInstances", "DBInstanceNotFound", status=404), NAME)


def modify(immediately=True, **members):
    return Step("ModifyDBInstance", {}, {**NAME, **members, "ApplyImmediately": immediately})


def run(params, *steps, **kwargs):
    return run_resource(RdsInstance, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps, **kwargs):
    return refuse_resource(RdsInstance, {**PARAMS, **params}, *steps, **kwargs)


@pytest.fixture
def _no_pauses(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.mark.usefixtures("_no_pauses")
class TestOne:
    def test_create_and_wait(self):
        result, _aws, _module = run(
            {},
            nothing(),
            Step("CreateDBInstance", {}, CREATED),
            seen(DBInstanceStatus="creating"),
            seen(DBInstanceStatus="configuring-enhanced-monitoring"),
            seen(),
        )
        assert result["changed"]

    def test_second_run_changes_nothing(self):
        result, _aws, module = run({}, seen())
        assert not result["changed"]
        assert module.warnings == []

    @pytest.mark.parametrize(
        ("params", "members", "after"),
        [
            ({"promotion_tier": 0}, {"PromotionTier": 0}, {"PromotionTier": 0}),
            (
                {"db_parameter_group_name": "other"},
                {"DBParameterGroupName": "other"},
                {"DBParameterGroups": [{"DBParameterGroupName": "other", "ParameterApplyStatus": "in-sync"}]},
            ),
            (
                {"monitoring_interval": 30},
                {"MonitoringInterval": 30, "MonitoringRoleArn": "arn:role"},
                {"MonitoringInterval": 30},
            ),
        ],
    )
    def test_a_change(self, params, members, after):
        run(params, seen(), modify(**members), seen(), seen(DBInstanceStatus="modifying"), seen(**after), seen(**after))

    @pytest.mark.parametrize(
        ("params", "members"),
        [
            ({"db_instance_class": "db.r8g.large"}, {"DBInstanceClass": "db.r8g.large"}),
            ({"ca_certificate_identifier": "rds-ca-ecc384-g1"}, {"CACertificateIdentifier": "rds-ca-ecc384-g1"}),
        ],
    )
    def test_what_restarts_it_is_waited_for(self, params, members):
        run(
            params,
            seen(),
            modify(**members),
            seen(),
            seen(DBInstanceStatus="modifying"),
            *[seen(**members)] * 3,
        )

    def test_what_waits_for_the_window_is_told_and_not_sent_again(self):
        params = {"db_instance_class": "db.r8g.large", "apply_immediately": False}
        waiting = {"PendingModifiedValues": {"DBInstanceClass": "db.r8g.large"}}
        run(params, seen(), modify(False, DBInstanceClass="db.r8g.large"), *[seen(**waiting)] * 2)
        result, _aws, module = run(params, seen(**waiting))
        assert not result["changed"]
        assert "db_instance_class (db.r8g.large) takes effect in the maintenance window" in module.warnings[0]

    def test_one_that_has_to_be_restarted(self):
        groups = [{"DBParameterGroupName": "demo-17", "ParameterApplyStatus": "pending-reboot"}]
        _result, _aws, module = run({}, seen(DBParameterGroups=groups))
        assert "must be restarted (aws rds reboot-db-instance)" in module.warnings[0]

    def test_its_zone_stays(self):
        told = refuse({"availability_zone": "us-west-2b"}, seen())
        assert "availability_zone: is 'us-west-2a', declared 'us-west-2b'" in told
        assert "Another instance can be made beside it first." in told

    def test_no_capacity_says_what_helps(self):
        message = "db.t4g.medium is not available in us-west-2a."
        refused = api_error("CreateDBInstance", "InsufficientDBInstanceCapacity", message)
        assert "take another class or zone" in refuse({}, nothing(), Step("CreateDBInstance", refused))

    def test_a_cluster_that_is_busy_is_waited_for(self):
        message = "DBCluster demo is not currently in the available state."
        refused = api_error("CreateDBInstance", "InvalidDBClusterStateFault", message)
        run(
            {},
            nothing(),
            Step("CreateDBInstance", refused),
            nothing(),
            Step("CreateDBInstance", {}, CREATED),
            seen(),
        )

    def test_delete(self):
        run(
            {"state": "absent"},
            seen(),
            Step("DeleteDBInstance", {}, NAME),
            seen(DBInstanceStatus="deleting"),
            nothing(),
        )

    def test_a_dry_run_writes_nothing(self):
        for steps in ([nothing()], [seen(DBParameterGroups=[])]):
            result, aws, _module = run({}, *steps, check_mode=True)
            assert result["changed"]
            assert aws.operations() == ["DescribeDBInstances"]
            assert result["diff"]["after"]["db_parameter_group_name"] == "demo-17"

    def test_a_failed_one_says_what_helps(self):
        assert "take another class or zone" in refuse({}, seen(DBInstanceStatus="insufficient-capacity"))

    def test_someone_elses_is_left_alone(self):
        assert "exists but isn't ours" in refuse({"state": "absent"}, seen(TagList=[]))
        assert "exists but isn't ours" in refuse({}, seen(TagList=[{"Key": "Project", "Value": "other"}]))

    def test_one_in_our_cluster_that_has_lost_a_tag_gets_it_back(self):
        name = [{"Key": "Name", "Value": "demo-1"}]
        run(
            {"tags": {**TAGS, "Name": "demo-1"}},
            seen(TagList=name),
            Step("AddTagsToResource", {}, {"ResourceName": ARN, "Tags": THERE["TagList"]}),
            seen(TagList=[*name, *THERE["TagList"]]),
        )


def test_instances_of_a_call_are_restarted_one_after_the_other(monkeypatch):
    """As long as one is being restarted, no other begins."""
    order = []

    class Instance(RdsInstance):
        def __init__(self, name):
            self.options = {"name": name, "apply_immediately": True}

        def until_shown(self, _update, _current):
            order.append(("ended", self.options["name"]))

    def begin(self, *_given):
        order.append(("began", self.options["name"]))
        time.sleep(0.05)

    monkeypatch.setattr(Database, "apply_update", begin)
    threads = [threading.Thread(target=Instance(name).apply_update, args=("restart", {}, {})) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [text for text, _name in order] == ["began", "ended", "began", "ended"]
    assert order[0][1] == order[1][1]
