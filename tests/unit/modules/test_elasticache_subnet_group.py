# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cache subnet group: found by its name, told apart by its tags, changed in place."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, run, tag_list
from tests.support.scripted_aws import Step, api_error, endless

MODULE = "elasticache_subnet_group"
NAME = {"CacheSubnetGroupName": "demo-redis"}
ARN = "arn:aws:elasticache:us-west-2:123456789012:subnetgroup:demo-redis"
OPTIONS = {
    "name": "Demo-Redis",
    "description": "Private subnets",
    "subnet_ids": ["subnet-a", "subnet-b"],
    "tags": {**OWNER, "Name": "demo-redis"},
    "owned_by": OWNER,
}
TAGS = tag_list(**OPTIONS["tags"])


def described(subnets=("subnet-b", "subnet-a"), description="Private subnets"):
    group = {
        **NAME,
        "ARN": ARN,
        "CacheSubnetGroupDescription": description,
        "Subnets": [{"SubnetIdentifier": subnet} for subnet in subnets],
    }
    return Step("DescribeCacheSubnetGroups", {"CacheSubnetGroups": [group]}, NAME)


def tagged(tags=TAGS):
    return Step("ListTagsForResource", {"TagList": tags}, {"ResourceName": ARN})


def missing():
    return Step(
        "DescribeCacheSubnetGroups", api_error("DescribeCacheSubnetGroups", "CacheSubnetGroupNotFoundFault", "no", 400)
    )


def test_it_is_made_with_its_tags():
    request = {
        **NAME,
        "CacheSubnetGroupDescription": "Private subnets",
        "SubnetIds": ["subnet-a", "subnet-b"],
        "Tags": TAGS,
    }
    result, _aws, _module = run(
        MODULE,
        OPTIONS,
        missing(),
        Step("CreateCacheSubnetGroup", {}, request),
        described(),
        tagged(),
    )
    assert result["changed"] is True
    assert result["subnet_group"]["tags"] == OPTIONS["tags"]


def test_the_order_of_subnets_has_no_meaning():
    result, _aws, _module = run(MODULE, OPTIONS, described(), tagged())
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        (described(("subnet-a",)), {"SubnetIds": ["subnet-a", "subnet-b"]}),
        (described(description="theirs"), {"CacheSubnetGroupDescription": "Private subnets"}),
    ],
)
def test_only_what_differs_is_sent(found, sent):
    result, _aws, _module = run(
        MODULE,
        OPTIONS,
        found,
        tagged(),
        Step("ModifyCacheSubnetGroup", {}, {**NAME, **sent}),
        described(),
        tagged(),
        described(),
        tagged(),
    )
    assert result["changed"] is True


def test_tags_are_set_by_the_arn():
    result, _aws, _module = run(
        MODULE,
        OPTIONS,
        described(),
        tagged([*tag_list(**OWNER), {"Key": "Old", "Value": "1"}]),
        Step("RemoveTagsFromResource", {}, {"ResourceName": ARN, "TagKeys": ["Old"]}),
        Step("AddTagsToResource", {}, {"ResourceName": ARN, "Tags": tag_list(Name="demo-redis")}),
        described(),
        tagged(),
    )
    assert result["changed"] is True


def test_someone_elses_is_left_alone():
    with pytest.raises(ResourceError, match="exists but isn't ours"):
        run(MODULE, OPTIONS, described(), tagged([]))


def test_a_dry_run_shows_the_subnets():
    result, _aws, _module = run(MODULE, OPTIONS, described(("subnet-a",)), tagged(), check_mode=True)
    assert result["diff"]["after"]["subnet_ids"] == ["subnet-a", "subnet-b"]


def test_nodes_that_are_still_going_are_waited_for():
    in_use = api_error("DeleteCacheSubnetGroup", "CacheSubnetGroupInUse", "is currently in use")
    result, _aws, _module = run(
        MODULE,
        {**OPTIONS, "state": "absent"},
        described(),
        tagged(),
        Step("DeleteCacheSubnetGroup", in_use, NAME),
        described(),
        tagged(),
        Step("DeleteCacheSubnetGroup", {}, NAME),
        missing(),
    )
    assert result["changed"] is True


def test_who_uses_it_is_told_in_the_end():
    in_use = api_error("DeleteCacheSubnetGroup", "CacheSubnetGroupInUse", "is currently in use")
    with pytest.raises(ResourceError, match="Remove the clusters that use it first"):
        run(
            MODULE,
            {**OPTIONS, "state": "absent"},
            *endless(described(), tagged(), Step("DeleteCacheSubnetGroup", in_use)),
        )
