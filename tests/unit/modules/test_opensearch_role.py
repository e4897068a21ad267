# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Role of an OpenSearch domain."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.opensearch_role import Role
from tests.support.scripted_domain import Request, run_object

PATH = "/_plugins/_security/api/roles/demo"
INDICES = [{"index_patterns": ["demo-*"], "allowed_actions": ["create_index", "write"]}]
# As Ansible gives it: what is left out is null.
DECLARED = [{**INDICES[0], "dls": None, "fls": None, "masked_fields": None}]
PARAMS = {
    "name": "demo",
    "description": "Writes",
    "cluster_permissions": ["cluster:monitor/main", "indices:data/write/bulk"],
    "index_permissions": DECLARED,
    "tenant_permissions": [],
}
BODY = {"description": "Writes", "cluster_permissions": PARAMS["cluster_permissions"], "index_permissions": INDICES}
KEPT = {
    "reserved": False,
    "hidden": False,
    "static": False,
    "description": "Writes",
    "cluster_permissions": PARAMS["cluster_permissions"][::-1],
    "index_permissions": [{**INDICES[0], "allowed_actions": ["write", "create_index"], "fls": [], "masked_fields": []}],
    "tenant_permissions": [],
}
GONE = Request("GET", PATH, {"status": "NOT_FOUND", "message": "role 'demo' not found."}, 404)


def seen(**members):
    return Request("GET", PATH, {"demo": {**KEPT, **members}})


def test_made_and_left_alone():
    put = Request("PUT", PATH, {"status": "CREATED"}, 201, BODY)
    result, _module = run_object(Role, PARAMS, GONE, put, seen())
    assert result["changed"] is True
    result, _module = run_object(Role, PARAMS, seen())
    assert result["changed"] is False


@pytest.mark.parametrize(
    "wider",
    [
        {"index_permissions": [{**INDICES[0], "index_patterns": ["*"]}]},
        {"index_permissions": [*INDICES, {"index_patterns": ["*"], "allowed_actions": ["read"]}]},
        {"index_permissions": [{**INDICES[0], "dls": '{"match_all": {}}'}]},
        {"cluster_permissions": ["*"]},
        {"tenant_permissions": [{"tenant_patterns": ["*"], "allowed_actions": ["kibana_all_write"]}]},
        {"description": "theirs"},
    ],
)
def test_what_others_have_made_of_it_is_set_back(wider):
    put = Request("PUT", PATH, {"status": "OK"}, 200, BODY)
    result, _module = run_object(Role, PARAMS, seen(**wider), put, seen(), seen())
    assert result["changed"] is True
