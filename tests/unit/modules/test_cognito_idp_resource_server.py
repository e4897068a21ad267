# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resource server of a Cognito user pool."""

from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER
from ansible_collections.agent_platform.aws.plugins.modules.cognito_idp_resource_server import ResourceServer
from tests.support.scripted_aws import Step, api_error, lost_reply, refuse_resource, run_resource

POOL = "us-west-2_aBcDeFgHi"
ID = {"UserPoolId": POOL, "Identifier": "demo-api"}
PARAMS = {"user_pool_id": POOL, "identifier": "demo-api", "name": None, "scopes": None}
READ, WRITE = ({"ScopeName": name, "ScopeDescription": name.title()} for name in ("read", "write"))
SCOPES = [{"name": "read", "description": "Read"}, {"name": "write", "description": "Write"}]
ALL = {"name": "Demo API", "scopes": SCOPES}
MISSING = api_error("DescribeResourceServer", "ResourceNotFoundException")


def seen(*scopes, name="Demo API"):
    return Step("DescribeResourceServer", {"ResourceServer": {**ID, "Name": name, "Scopes": list(scopes)}}, ID)


def none():
    return Step("DescribeResourceServer", MISSING, ID)


def run(params, *steps, **kwargs):
    return run_resource(ResourceServer, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps):
    return refuse_resource(ResourceServer, {**PARAMS, **params}, *steps)


def test_it_is_made_with_its_scopes():
    result, _aws, _module = run(
        ALL,
        none(),
        Step("CreateResourceServer", {}, {**ID, "Name": "Demo API", "Scopes": [READ, WRITE]}),
        seen(READ, WRITE),
    )
    assert result["changed"] is True
    assert result["resource_server"]["identifier"] == "demo-api"


def test_scopes_are_compared_in_any_order():
    result, _aws, _module = run(ALL, seen(WRITE, READ))
    assert result["changed"] is False


def test_a_change_of_the_scopes_keeps_the_name():
    run(
        {"scopes": SCOPES[:1]},
        seen(READ, WRITE),
        Step("UpdateResourceServer", {}, {**ID, "Name": "Demo API", "Scopes": [READ]}),
        seen(READ),
        seen(READ),
    )


def test_a_change_of_the_name_keeps_the_scopes():
    """What isn't sent is emptied."""
    run(
        {"name": "New"},
        seen(READ, WRITE),
        Step("UpdateResourceServer", {}, {**ID, "Name": "New", "Scopes": [READ, WRITE]}),
        seen(READ, WRITE, name="New"),
        seen(READ, WRITE, name="New"),
    )


def test_another_description_is_a_change():
    changed = {**READ, "ScopeDescription": "Look"}
    run(
        {"scopes": [{"name": "read", "description": "Look"}]},
        seen(READ),
        Step("UpdateResourceServer", {}, {**ID, "Name": "Demo API", "Scopes": [changed]}),
        seen(changed),
        seen(changed),
    )


def test_no_scopes_are_left():
    run({"scopes": []}, seen(READ), Step("UpdateResourceServer", {}, {**ID, "Name": "Demo API"}), seen(), seen())


def test_a_scope_twice_is_refused():
    assert "have the name read more than once" in refuse({"scopes": [SCOPES[0], SCOPES[0]]}, seen(READ))


def test_a_name_is_needed_to_make_it():
    assert "to create it name must be given" in refuse({"scopes": SCOPES}, none())


def test_a_lost_reply_makes_no_second_call():
    _result, aws, _module = run(ALL, none(), Step("CreateResourceServer", lost_reply()), seen(READ, WRITE))
    assert aws.operations().count("CreateResourceServer") == 1


def test_one_that_another_run_has_made_meanwhile_is_taken():
    there = api_error("CreateResourceServer", "InvalidParameterException", "demo-api already exists in user pool.")
    run(ALL, none(), Step("CreateResourceServer", there), seen(READ, WRITE), seen(READ, WRITE))


def test_a_pool_that_was_made_a_moment_ago_is_waited_for():
    unknown = api_error("CreateResourceServer", "ResourceNotFoundException", "User pool does not exist.")
    run(ALL, none(), Step("CreateResourceServer", unknown), none(), Step("CreateResourceServer", {}), seen(READ, WRITE))


def test_in_a_dry_run_the_pool_may_not_exist_yet():
    result, _aws, _module = run({**ALL, "user_pool_id": PLACEHOLDER}, check_mode=True)
    assert result["changed"] is True


def test_it_is_removed():
    run({"state": "absent"}, seen(READ), Step("DeleteResourceServer", {}, ID), none())
    result, _aws, _module = run({"state": "absent"}, none())
    assert result["changed"] is False
