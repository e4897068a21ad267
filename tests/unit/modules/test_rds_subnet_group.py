# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RDS DB subnet group."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.rds_subnet_group import DbSubnetGroup
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource, sides

ARN = "arn:aws:rds:us-west-2:123456789012:subgrp:demo"
NAME = {"DBSubnetGroupName": "demo"}
TAGS = {"Project": "demo"}
PARAMS = {
    "name": "demo",
    "description": None,
    "subnet_ids": ["subnet-b", "subnet-a"],
    "tags": TAGS,
    "owned_by": TAGS,
}


def seen(*subnet_ids, tags=TAGS, description="demo"):
    group = {
        **NAME,
        "DBSubnetGroupArn": ARN,
        "DBSubnetGroupDescription": description,
        "SubnetGroupStatus": "Complete",
        "Subnets": [
            {"SubnetIdentifier": one, "SubnetStatus": "Active"} for one in subnet_ids or ("subnet-a", "subnet-b")
        ],
    }
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [
        Step("DescribeDBSubnetGroups", {"DBSubnetGroups": [group]}, NAME),
        Step("ListTagsForResource", {"TagList": listed}, {"ResourceName": ARN}),
    ]


def nothing():
    return Step("DescribeDBSubnetGroups", api_error("DescribeDBSubnetGroups", "DBSubnetGroupNotFoundFault", status=404))


def run(params, *steps, **kwargs):
    return run_resource(DbSubnetGroup, {**PARAMS, **params}, *steps, **kwargs)


def test_create():
    request = {
        **NAME,
        "DBSubnetGroupDescription": "demo",
        "SubnetIds": ["subnet-b", "subnet-a"],
        "Tags": [{"Key": "Project", "Value": "demo"}],
    }
    result, _aws, _module = run({"name": "Demo"}, nothing(), Step("CreateDBSubnetGroup", {}, request), *seen())
    assert result["changed"] is True
    assert result["subnet_group"]["db_subnet_group_arn"] == ARN


def test_second_run_changes_nothing_whatever_the_order():
    result, _aws, _module = run({}, *seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("params", "request_"),
    [
        ({"subnet_ids": ["subnet-a", "subnet-c"]}, {"SubnetIds": ["subnet-a", "subnet-c"]}),
        (
            {"description": "Private"},
            {"DBSubnetGroupDescription": "Private", "SubnetIds": ["subnet-a", "subnet-b"]},
        ),
        (
            {"description": "Private", "subnet_ids": None},
            {"DBSubnetGroupDescription": "Private", "SubnetIds": ["subnet-a", "subnet-b"]},
        ),
    ],
)
def test_each_change_sends_the_subnets(params, request_):
    after = seen(*request_["SubnetIds"], description=params.get("description", "demo"))
    result, _aws, _module = run(params, *seen(), Step("ModifyDBSubnetGroup", {}, {**NAME, **request_}), *after * 2)
    assert result["changed"] is True


def test_check_mode_predicts_the_subnets():
    result, _aws, _module = run({"subnet_ids": ["subnet-a", "subnet-c"]}, *seen(), check_mode=True)
    assert sides(result) == {
        "before": {"subnet_ids": ["subnet-a", "subnet-b"], "tags": TAGS},
        "after": {"subnet_ids": ["subnet-a", "subnet-c"], "tags": TAGS},
    }


def test_lost_reply_of_create_makes_no_second_call():
    _result, aws, _module = run({}, nothing(), Step("CreateDBSubnetGroup", lost_reply()), *seen())
    assert aws.operations().count("CreateDBSubnetGroup") == 1


def test_a_group_of_someone_else_stays_untouched():
    assert "isn't ours" in refuse_resource(DbSubnetGroup, PARAMS, *seen("subnet-x", tags={"Project": "other"}))


def test_delete_waits_for_a_database_that_is_just_gone():
    code = "InvalidDBSubnetGroupStateFault"
    text = "Cannot delete the subnet group 'demo' because at least one database instance: demo-1 is still using it."
    result, _aws, _module = run(
        {"state": "absent"},
        *seen(),
        Step("DeleteDBSubnetGroup", api_error("DeleteDBSubnetGroup", code, text)),
        *seen(),
        Step("DeleteDBSubnetGroup", {}, NAME),
        nothing(),
    )
    assert result["changed"] is True


def test_what_helps_where_a_zone_is_missing():
    refusal = api_error("CreateDBSubnetGroup", "DBSubnetGroupDoesNotCoverEnoughAZs", "Add subnets to cover 2 zones.")
    told = refuse_resource(
        DbSubnetGroup, {**PARAMS, "subnet_ids": ["subnet-a"]}, nothing(), Step("CreateDBSubnetGroup", refusal)
    )
    assert "Give subnets in two availability zones or more." in told
