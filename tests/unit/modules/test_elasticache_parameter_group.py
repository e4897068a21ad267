# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cache parameter group: its own parameters, no more and no less."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from tests.support.module_runs import OWNER, run, tag_list
from tests.support.scripted_aws import Step, api_error

MODULE = "elasticache_parameter_group"
NAME = {"CacheParameterGroupName": "demo-valkey8"}
ARN = "arn:aws:elasticache:us-west-2:123456789012:parametergroup:demo-valkey8"
OPTIONS = {
    "name": "demo-valkey8",
    "family": "valkey8",
    "description": "Parameters of demo",
    "parameters": {"timeout": 60, "activerehashing": True},
    "tags": OWNER,
    "owned_by": OWNER,
}
OWN = {"timeout": "60", "activerehashing": "yes"}


def described(own=None, family="valkey8"):
    group = {**NAME, "ARN": ARN, "CacheParameterGroupFamily": family, "Description": "Parameters of demo"}
    parameters = [{"ParameterName": name, "ParameterValue": value} for name, value in (own or {}).items()]
    return [
        Step("DescribeCacheParameterGroups", {"CacheParameterGroups": [group]}, NAME),
        Step("ListTagsForResource", {"TagList": tag_list(**OWNER)}, {"ResourceName": ARN}),
        Step("DescribeCacheParameters", {"Parameters": parameters}, {**NAME, "Source": "user"}),
    ]


def missing():
    return Step(
        "DescribeCacheParameterGroups", api_error("DescribeCacheParameterGroups", "CacheParameterGroupNotFound", "no")
    )


def pairs(**values):
    return [{"ParameterName": name, "ParameterValue": value} for name, value in values.items()]


def test_it_is_made_and_then_given_its_parameters():
    request = {
        **NAME,
        "CacheParameterGroupFamily": "valkey8",
        "Description": "Parameters of demo",
        "Tags": tag_list(**OWNER),
    }
    result, _aws, _module = run(
        MODULE,
        OPTIONS,
        missing(),
        Step("CreateCacheParameterGroup", {}, request),
        *described(),
        Step("ModifyCacheParameterGroup", {}, {**NAME, "ParameterNameValues": pairs(**OWN)}),
        *described(OWN),
        *described(OWN),
    )
    assert result["changed"] is True
    assert result["diff"]["after"]["parameters"] == OWN


def test_nothing_to_do():
    result, _aws, _module = run(MODULE, OPTIONS, *described(OWN))
    assert result["changed"] is False


def test_only_what_differs_is_set_and_the_rest_is_reset():
    result, _aws, _module = run(
        MODULE,
        OPTIONS,
        *described({"timeout": "5", "activerehashing": "yes", "databases": "1"}),
        Step("ModifyCacheParameterGroup", {}, {**NAME, "ParameterNameValues": pairs(timeout="60")}),
        Step("ResetCacheParameterGroup", {}, {**NAME, "ParameterNameValues": [{"ParameterName": "databases"}]}),
        *described(OWN),
        *described(OWN),
    )
    assert result["changed"] is True


def test_many_parameters_go_in_several_calls():
    many = {f"parameter-{number}": str(number) for number in range(45)}
    sent = []

    def note(request):
        sent.append(len(request["ParameterNameValues"]))

    run(
        MODULE,
        {**OPTIONS, "parameters": many},
        *described(),
        *[Step("ModifyCacheParameterGroup", {}, note)] * 3,
        *described(many),
        *described(many),
    )
    assert sent == [20, 20, 5]


def test_parameters_that_are_not_given_are_not_read():
    result, _aws, _module = run(MODULE, {**OPTIONS, "parameters": None}, *described()[:2])
    assert result["changed"] is False


def test_a_dry_run_shows_the_parameters():
    result, _aws, _module = run(MODULE, OPTIONS, *described({"timeout": "5"}), check_mode=True)
    assert result["diff"]["before"]["parameters"] == {"timeout": "5"}
    assert result["diff"]["after"]["parameters"] == OWN


def test_another_family_needs_another_group():
    with pytest.raises(ResourceError, match="A group for another family needs another name"):
        run(MODULE, OPTIONS, *described(OWN, family="redis7"))


def test_nodes_that_still_use_it_are_waited_for():
    used = api_error("DeleteCacheParameterGroup", "InvalidCacheParameterGroupState", "clusters are still using this")
    result, _aws, _module = run(
        MODULE,
        {**OPTIONS, "state": "absent"},
        *described()[:2],
        Step("DeleteCacheParameterGroup", used, NAME),
        *described()[:2],
        Step("DeleteCacheParameterGroup", {}, NAME),
        missing(),
    )
    assert result["changed"] is True
