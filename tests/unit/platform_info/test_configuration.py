# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parameters below the platform's path: which are ours is told by the filters for tags."""

from __future__ import annotations

import pytest

from tests.support.scripted_aws import api_error

from .fake_aws import PATH, look, marks, owned, tag_list

OURS = [f"{PATH}/network/VPC_ID", f"{PATH}/platform/REGION"]


def parameters(tagged=OURS, others=()):
    """What DescribeParameters answers: with a filter for tags those that bear them, without one all."""

    def answer(request):
        (path, *tags) = request["ParameterFilters"]
        assert path == {"Key": "Path", "Option": "Recursive", "Values": [PATH]}
        # Each filter asks for a tag of ours.
        assert {item["Key"].removeprefix("tag:"): item["Values"][0] for item in tags}.items() <= marks(
            "configuration"
        ).items()
        names = tagged if tags else [*tagged, *others]
        return {"Parameters": [{"Name": name, "Type": "String"} for name in names]}

    return answer


ANSWERS = {"DescribeParameters": parameters()}
MISSING = {}
# What others have put below the path.
EMPTY_IF_ALL_IS_WELL = ("other_parameters",)


def facts(**answers):
    found, aws = look({**ANSWERS, **answers}, "configuration")
    return found.components["configuration"], found, aws


def test_facts():
    told, found, aws = facts()
    assert {key: told[key] for key in ("exists", "path", "parameters", "other_parameters")} == {
        "exists": True,
        "path": PATH,
        "parameters": OURS,
        "other_parameters": [],
    }
    assert (found.conflicts, found.warnings) == ([], [])
    # All, those with the one half of our tags, and with the other; and no value is read.
    asked = [operation for operation in aws.operations() if operation not in ("GetCallerIdentity",)]
    assert asked.count("DescribeParameters") == 3
    assert not {"GetParameters", "GetParametersByPath", "ListTagsForResource"} & {*asked}


def test_the_summary_counts_them():
    found, _aws = look(ANSWERS, "configuration")
    assert found.summary["configuration"]["lines"][0] == f"2 parameters below {PATH}"


@pytest.mark.parametrize("tags", [[], tag_list(Project="other"), tag_list(Environment="dev")])
def test_what_others_have_put_there_is_told_and_is_none_of_ours(tags):
    name = f"{PATH}/theirs/A"
    told, found, _aws = facts(
        DescribeParameters=parameters(others=[name]), **{"ssm.ListTagsForResource": {"TagList": tags}}
    )
    assert (told["parameters"], told["other_parameters"]) == (OURS, [name])
    assert f"{name} below {PATH} isn't this platform's and is left alone" in found.warnings[0]
    assert found.conflicts == []


def test_one_that_has_lost_a_tag_is_ours():
    name = f"{PATH}/platform/ENVIRONMENT"
    tags = [tag for tag in owned("configuration") if tag["Key"] != "Component"]
    told, found, _aws = facts(
        DescribeParameters=parameters(others=[name]), **{"ssm.ListTagsForResource": {"TagList": tags}}
    )
    assert name in told["parameters"]
    assert found.warnings == []


def test_one_that_goes_while_it_is_looked_at_is_no_ones():
    gone = api_error("ListTagsForResource", "InvalidResourceId")
    told, _found, _aws = facts(DescribeParameters=parameters(others=[f"{PATH}/a"]), **{"ssm.ListTagsForResource": gone})
    assert told["parameters"] == OURS


def test_one_half_of_our_tags_makes_none_ours():
    def answer(request):
        keys = {item["Key"] for item in request["ParameterFilters"]}
        return {"Parameters": [] if "tag:Component" in keys else [{"Name": OURS[0], "Type": "String"}]}

    others = {"ssm.ListTagsForResource": {"TagList": owned("other")}}
    told, _found, _aws = facts(DescribeParameters=answer, **others)
    assert (told["exists"], told["path"]) == (False, None)
