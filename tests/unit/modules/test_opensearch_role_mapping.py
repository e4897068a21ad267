# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Role mapping of an OpenSearch domain."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.opensearch_role_mapping import RoleMapping
from tests.support.scripted_aws import sides
from tests.support.scripted_domain import Request, refuse_object, run_object

PATH = "/_plugins/_security/api/rolesmapping/demo-collector"
ROLE = "arn:aws:iam::123456789012:role/demo-otel-collector"
PARAMS = {
    "name": "demo-collector",
    "backend_roles": [ROLE],
    "and_backend_roles": None,
    "users": None,
    "hosts": None,
    "description": None,
    "purge_backend_roles": True,
    "purge_users": True,
}
GONE = Request("GET", PATH, {"status": "NOT_FOUND", "message": "rolesmapping 'demo-collector' not found."}, 404)


def seen(**members):
    mapping = {"hosts": [], "users": [], "reserved": False, "hidden": False, "and_backend_roles": [], **members}
    return Request("GET", PATH, {"demo-collector": mapping})


def run(params, *requests, **kwargs):
    return run_object(RoleMapping, {**PARAMS, **params}, *requests, **kwargs)


def test_made_and_left_alone():
    put = Request(
        "PUT", PATH, {"status": "CREATED", "message": "'demo-collector' created."}, 201, {"backend_roles": [ROLE]}
    )
    result, _module = run({}, GONE, put, seen(backend_roles=[ROLE]))
    assert result["changed"] is True
    assert result["role_mapping"]["backend_roles"] == [ROLE]
    result, _module = run({}, seen(backend_roles=[ROLE]))
    assert (result["changed"], result["reached"]) == (False, True)


def test_what_is_not_declared_goes_along_with_a_change():
    """The API replaces the whole mapping."""
    before = {"backend_roles": ["other"], "users": ["someone"], "description": "theirs"}
    put = Request("PUT", PATH, {}, 200, {"backend_roles": [ROLE], "users": ["someone"], "description": "theirs"})
    after = {**before, "backend_roles": [ROLE]}
    result, _module = run({}, seen(**before), put, seen(**after), seen(**after))
    assert sides(result) == {"before": {"backend_roles": ["other"]}, "after": {"backend_roles": [ROLE]}}


def test_others_keep_the_role_where_that_is_declared():
    put = Request("PUT", PATH, {}, 200, {"backend_roles": ["other", ROLE]})
    both = seen(backend_roles=["other", ROLE])
    run({"purge_backend_roles": False}, seen(backend_roles=["other"]), put, both, both)
    result, _module = run({"purge_backend_roles": False}, seen(backend_roles=[ROLE, "other"]))
    assert result["changed"] is False


def test_the_order_means_nothing():
    result, _module = run({"backend_roles": ["a", "b"]}, seen(backend_roles=["b", "a"]))
    assert result["changed"] is False


def test_nobody_keeps_the_role():
    put = Request("PUT", PATH, {}, 200, {})
    run({"backend_roles": []}, seen(backend_roles=[ROLE]), put, seen(), seen())


def test_removed():
    delete = Request("DELETE", PATH, {"status": "OK"})
    result, _module = run({"state": "absent"}, seen(backend_roles=[ROLE]), delete, GONE)
    assert (result["changed"], result["role_mapping"]) == (True, {})
    result, _module = run({"state": "absent"}, GONE)
    assert result["changed"] is False


def test_check_mode_predicts_without_writing():
    result, _module = run({}, GONE, check_mode=True)
    assert sides(result) == {"before": {}, "after": {"backend_roles": [ROLE]}}


@pytest.mark.parametrize("params", [{}, {"state": "absent"}])
def test_what_is_opensearchs_own_is_refused(params):
    text = refuse_object(RoleMapping, {**PARAMS, **params}, seen(reserved=True))
    assert (
        text
        == "OpenSearch role mapping 'demo-collector' is OpenSearch's own and can't be changed. Give yours another name."
    )
    result, _module = run({}, seen(reserved=True, backend_roles=[ROLE]))
    assert result["changed"] is False
