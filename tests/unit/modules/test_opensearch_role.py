# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Role of an OpenSearch domain."""

from __future__ import annotations

import datetime

import pytest
from botocore.exceptions import ClientError

from ansible_collections.agent_platform.aws.plugins.module_utils import opensearch_api
from ansible_collections.agent_platform.aws.plugins.module_utils.opensearch_api import Domain
from ansible_collections.agent_platform.aws.plugins.modules.opensearch_role import Role
from tests.support.scripted_aws import Step, api_error, endless
from tests.support.scripted_domain import Request, module, run_object

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


# ---- The master role

MASTER = "arn:aws:iam::123456789012:role/demo-search-master"
KEYS = {
    "AccessKeyId": "ASIAEXAMPLEEXAMPLE12",
    "SecretAccessKey": "not-a-real-one",
    "SessionToken": "not-a-real-one-either",
}
DENIED = Step("AssumeRole", api_error("AssumeRole", "AccessDenied", "not authorized to perform sts:AssumeRole", 403))
GRANTED = Step("AssumeRole", {"Credentials": {**KEYS, "Expiration": datetime.datetime(2026, 1, 1)}})


@pytest.fixture
def domain(monkeypatch):
    monkeypatch.setattr(opensearch_api, "get_aws_connection_info", lambda module: ("us-west-2", None, {}))

    def made(*steps, check_mode=False):
        asked = module({"assume_role_arn": MASTER}, check_mode)
        asked.aws.steps = list(steps)
        return Domain(asked, asked.params)

    return made


def test_a_trust_policy_that_has_just_changed_is_waited_for(domain, clock):
    found = domain(DENIED, DENIED, GRANTED)
    assert found.credentials().access_key == KEYS["AccessKeyId"]
    assert 0 < clock[0] < 60


@pytest.mark.parametrize(("check_mode", "least", "most"), [(False, 30, 60), (True, 0, 0)])
def test_a_role_that_does_not_trust_the_run_is_not_waited_for_long(domain, clock, check_mode, least, most):
    with pytest.raises(ClientError, match="AccessDenied"):
        domain(*endless(DENIED), check_mode=check_mode).credentials()
    assert least <= clock[0] <= most


def test_another_failure_is_not_waited_for(domain, clock):
    with pytest.raises(ClientError, match="ExpiredToken"):
        domain(Step("AssumeRole", api_error("AssumeRole", "ExpiredToken"))).credentials()
    assert clock[0] == 0
