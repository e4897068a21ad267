# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects in a domain, made in a real OpenSearch with its security plugin through a door that checks signatures."""

from __future__ import annotations

import copy
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules.opensearch_index_template import IndexTemplate
from ansible_collections.agent_platform.aws.plugins.modules.opensearch_ism_policy import IsmPolicy
from ansible_collections.agent_platform.aws.plugins.modules.opensearch_role import Role
from ansible_collections.agent_platform.aws.plugins.modules.opensearch_role_mapping import RoleMapping
from tests.support.opensearch_server import door as doors
from tests.support.opensearch_server import node

pytestmark = pytest.mark.by_component("opensearch")

COLLECTOR_ROLE = "arn:aws:iam::123456789012:role/demo-otel-collector"
DEPLOYER_ROLE = "arn:aws:iam::123456789012:role/deployer"
SESSION = "arn:aws:sts::123456789012:assumed-role"
TOKEN = "a-token-of-the-session-that-nobody-may-see"
MASTER = doors.Caller("ASIAMASTER", "master-secret", f"{SESSION}/search-master/x", (node.MASTER,), TOKEN)
COLLECTOR = doors.Caller("ASIACOLLECTOR", "collector-secret", f"{SESSION}/demo-otel-collector/x", (COLLECTOR_ROLE,))
DEPLOYER = doors.Caller("AKIADEPLOYER", "deployer-secret", "arn:aws:iam::123456789012:user/deployer", (DEPLOYER_ROLE,))

ROLE = {
    "name": "demo-collector",
    "description": "Writes logs",
    "cluster_permissions": ["cluster:monitor/main", "indices:data/write/bulk"],
    "index_permissions": [{"index_patterns": ["demo-logs-*"], "allowed_actions": ["create_index", "write"]}],
    "tenant_permissions": [],
}
MAPPING = {
    "name": "demo-collector",
    "backend_roles": [COLLECTOR_ROLE],
    "and_backend_roles": None,
    "users": [],
    "hosts": [],
    "description": None,
    "purge_backend_roles": True,
    "purge_users": True,
}
TEMPLATE = {
    "name": "demo-logs",
    "index_patterns": ["demo-logs-*"],
    "template": {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0, "index": {"refresh_interval": "30s"}},
        "mappings": {"dynamic": False, "properties": {"@timestamp": {"type": "date"}, "kindOf": {"type": "keyword"}}},
    },
    "priority": 100,
    "composed_of": None,
    "data_stream": None,
    "version": None,
    "meta": {"managed_by": "agent_platform.aws"},
}
POLICY = {
    "name": "demo-logs",
    "policy": {
        "description": "Logs for 30 days",
        "default_state": "hot",
        "states": [
            {"name": "hot", "transitions": [{"state_name": "gone", "conditions": {"min_index_age": "30d"}}]},
            {"name": "gone", "actions": [{"delete": {}}]},
        ],
        "ism_template": [{"index_patterns": ["demo-logs-*"], "priority": 100}],
    },
}
OBJECTS: dict[str, tuple[type, dict[str, Any]]] = {
    "role": (Role, ROLE),
    "mapping": (RoleMapping, MAPPING),
    "template": (IndexTemplate, TEMPLATE),
    "policy": (IsmPolicy, POLICY),
}
EVERY = pytest.mark.parametrize("kind", OBJECTS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("opensearch")
    try:
        node.software()
    except node.UnavailableError as error:
        pytest.skip(f"no OpenSearch on this machine: {error}")
    with node.running(folder) as url:
        yield url, folder / "config"


@pytest.fixture
def door(server: tuple[str, Path], request: pytest.FixtureRequest) -> Iterator[doors.Door]:
    """One that knows these callers, in front of a server that holds nothing of the tests but the role to be mapped."""
    url, certificates = server
    params = getattr(request.node, "callspec", SimpleNamespace(params={})).params
    if params.get("kind") == "mapping" or "master" in request.node.name:
        assert ask(url, "PUT", "/_plugins/_security/api/roles/demo-collector", {"cluster_permissions": []})[0] == 201
    with doors.opened(url, certificates) as opened:
        for caller in (MASTER, COLLECTOR, DEPLOYER):
            opened.know(caller)
        opened.certificate = str(certificates / "node.pem")  # type: ignore[attr-defined]
        yield opened
    for path in ("_plugins/_security/api/rolesmapping/demo-collector", "_plugins/_security/api/roles/demo-collector"):
        ask(url, "DELETE", f"/{path}")
    for path in ("_index_template/demo-logs", "_index_template/theirs", "demo-logs-1", "other-1"):
        ask(url, "DELETE", f"/{path}")


def ask(url: str, method: str, path: str, body: Any = None, who: doors.Caller = MASTER) -> tuple[int, Any]:
    """What the server itself answers to someone."""
    headers = {**node.identity(who.arn, *who.roles), "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts a tenth as long."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 10))


class Module:
    """Looks like an AnsibleAWSModule."""

    def __init__(self, door: doors.Door, params: Mapping[str, Any], caller: doors.Caller, check_mode: bool):
        defaults = {"state": "present", "wait": True, "wait_timeout": None, "owned_by": {"Project": "x"}}
        keys = {"access_key": caller.key, "secret_key": caller.secret, "session_token": caller.token, "profile": None}
        place = {"endpoint": node.HOST, "connect_to": f"127.0.0.1:{door.port}", "skip_unreachable": False}
        checks = {"validate_certs": True, "aws_ca_bundle": door.certificate}  # type: ignore[attr-defined]
        region = {"region": doors.REGION, "assume_role_arn": None}
        self.params = {**defaults, **keys, **place, **checks, **region, **params}
        self.check_mode = check_mode
        self._diff = True
        self.warnings: list[str] = []
        self.no_log_values: set[str] = set()
        self.assumed: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def client(self, service: str, **_config: Any) -> Any:
        assert service == "sts"
        return SimpleNamespace(assume_role=self.assume_role)

    def assume_role(self, RoleArn: str, RoleSessionName: str) -> dict:
        assert RoleSessionName
        self.assumed.append(RoleArn)
        keys = {"AccessKeyId": MASTER.key, "SecretAccessKey": MASTER.secret, "SessionToken": MASTER.token}
        return {"Credentials": keys}


def run(
    door: doors.Door, kind: str, caller: doors.Caller = MASTER, *, check_mode: bool = False, **params: Any
) -> tuple[dict, Module]:
    resource, declared = OBJECTS[kind]
    module = Module(door, {**copy.deepcopy(declared), **params}, caller, check_mode)
    return resource(module).run(), module  # type: ignore[arg-type]


def refused(door: doors.Door, kind: str, caller: doors.Caller = MASTER, **params: Any) -> str:
    with pytest.raises(ResourceError) as raised:
        run(door, kind, caller, **params)
    return str(raised.value)


def writes(door: doors.Door) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _who in door.requests if method != "GET"]


@EVERY
def test_made_left_alone_and_removed(door, kind):
    """With what OpenSearch itself makes of the declared value."""
    dry, _module = run(door, kind, check_mode=True)
    assert dry["changed"] is True
    assert writes(door) == []
    result, module = run(door, kind)
    assert result["changed"] is True
    assert {MASTER.secret, TOKEN} <= module.no_log_values
    door.requests.clear()
    again, _module = run(door, kind)
    assert (again["changed"], again["reached"], writes(door)) == (False, True, [])
    gone, _module = run(door, kind, state="absent")
    assert gone["changed"] is True
    assert run(door, kind, state="absent")[0]["changed"] is False
    assert run(door, kind, check_mode=True)[0]["changed"] is True


CHANGES: dict[str, tuple[str, Callable[[dict], Any]]] = {
    "role": (
        "/_plugins/_security/api/roles/demo-collector",
        lambda _body: {"cluster_permissions": ["*"], "index_permissions": []},
    ),
    "mapping": ("/_plugins/_security/api/rolesmapping/demo-collector", lambda _body: {"users": ["someone"]}),
    "template": ("/_index_template/demo-logs", lambda _body: {"index_patterns": ["demo-*"], "priority": 7}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_others_have_made_of_it_is_shown_and_set_back(door, server, kind):
    run(door, kind)
    path, change = CHANGES[kind]
    status, answer = ask(server[0], "PUT", path, change({}))
    assert status == 200, answer
    dry, _module = run(door, kind, check_mode=True)
    assert dry["diff"]["before"] != dry["diff"]["after"]
    result, _module = run(door, kind)
    assert result["changed"] is True
    assert run(door, kind)[0]["changed"] is False


def test_the_role_is_all_that_the_collector_has(door, server):
    url, _certificates = server
    log = {"@timestamp": "2026-11-29T00:00:00Z", "kindOf": "test"}
    for kind in ("role", "template"):
        run(door, kind)
    status, answer = ask(url, "PUT", "/demo-logs-1/_doc/1", log, COLLECTOR)
    assert status == 403, answer
    run(door, "mapping")
    assert ask(url, "PUT", "/demo-logs-1/_doc/1", log, COLLECTOR)[0] == 201
    settings = ask(url, "GET", "/demo-logs-1/_settings?flat_settings=true")[1]["demo-logs-1"]["settings"]
    assert settings["index.refresh_interval"] == "30s"
    for method, path, body in (
        ("PUT", "/other-1/_doc/1", log),
        ("DELETE", "/demo-logs-1", None),
        ("GET", "/demo-logs-1/_search", None),
        ("GET", "/_plugins/_security/api/roles", None),
        ("PUT", "/_index_template/theirs", {"index_patterns": ["x"]}),
    ):
        assert ask(url, method, path, body, COLLECTOR)[0] == 403, path
    run(door, "mapping", state="absent")
    assert ask(url, "PUT", "/demo-logs-1/_doc/2", log, COLLECTOR)[0] == 403


def test_the_master_role_is_assumed(door):
    result, module = run(door, "mapping", DEPLOYER, assume_role_arn=node.MASTER)
    assert result["changed"] is True
    assert module.assumed
    assert {who for _method, _path, who in door.requests} == {MASTER.arn}


def test_a_role_that_is_not_there_can_not_be_mapped(door):
    told = refused(door, "mapping")
    assert told.endswith("NOT_FOUND: role 'demo-collector' not found. (HTTP 404). Make that first, and run again.")


def test_who_has_no_role_is_told_what_helps(door):
    told = refused(door, "mapping", DEPLOYER)
    assert (
        "OpenSearch role mapping 'demo-collector' (GET /_plugins/_security/api/rolesmapping/demo-collector at" in told
    )
    assert "(HTTP 403)" in told
    assert "The identity of this run has no role in the domain that may do so: give assume_role_arn" in told


def test_a_wrong_signature_is_told_without_the_token(door):
    wrong = doors.Caller(MASTER.key, "wrong-secret", MASTER.arn, MASTER.roles, TOKEN)
    told = refused(door, "template", wrong)
    assert "signature we calculated does not match" in told
    assert "Check the credentials, the clock and the region" in told
    assert TOKEN not in told
    assert "Canonical" not in told


@EVERY
@pytest.mark.usefixtures("quickly")
def test_a_run_stands_faults_of_each_write(door, kind):
    """Throttled, not done, and at last done without an answer: of a new one and of a removal."""
    for params in ({}, {"state": "absent"}):
        door.faults[:] = ["429", "500", "503", "reset", "lost"]
        result, _module = run(door, kind, **params)
        assert result["changed"] is True
        assert door.faults == []
        assert run(door, kind, **params)[0]["changed"] is False


@EVERY
@pytest.mark.usefixtures("quickly")
def test_two_runs_at_once(door, kind):
    results, errors = [], []

    def one() -> None:
        try:
            results.append(run(door, kind)[0])
        except ResourceError as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(results) == 4
    assert run(door, kind)[0]["changed"] is False


def test_a_policy_that_someone_changes_meanwhile_is_not_overwritten_unseen(door, monkeypatch):
    run(door, "policy")
    door.policies["demo-logs"]["policy"]["description"] = "theirs"
    policy, answer = door._policy, door.answer
    assert policy

    def meanwhile(method, path, headers, body):
        if method == "PUT":
            monkeypatch.undo()
            door.policies["demo-logs"]["_seq_no"] += 1
        return answer(method, path, headers, body)

    monkeypatch.setattr(door, "answer", meanwhile)
    assert run(door, "policy")[0]["changed"] is True
    assert [method for method, _path in writes(door)] == ["PUT", "PUT", "PUT"]
    assert run(door, "policy")[0]["changed"] is False


def test_templates_that_meet_are_refused_by_opensearch(door, server):
    theirs = {"index_patterns": ["demo-*"], "priority": 100}
    assert ask(server[0], "PUT", "/_index_template/theirs", theirs)[0] == 200
    told = refused(door, "template")
    assert "Could not create OpenSearch index template 'demo-logs' (PUT /_index_template/demo-logs at" in told
    assert "has index patterns [demo-logs-*] matching patterns from existing templates [theirs]" in told


def test_the_certificate_must_be_the_domains(door):
    told = refused(door, "role", endpoint="other.example.com")
    assert "hostname 'other.example.com' doesn't match" in told
    assert "SSL validation failed" in told


def test_a_domain_out_of_reach_is_an_error_or_a_word(door):
    nobody = f"127.0.0.1:{node.free_port()}"
    told = refused(door, "role", connect_to=nobody)
    assert f'Could not connect to the endpoint URL: "https://{nobody}"' in told, told
    assert "A domain in a VPC answers only there: run from inside, such as from the bastion" in told
    result, module = run(door, "role", connect_to=nobody, skip_unreachable=True)
    assert (result["changed"], result["skipped"], result["reached"]) == (False, True, False)
    assert "OpenSearch role 'demo-collector' is left as it is. Could not" in module.warnings[0]
    # What answers, and be it with an error, isn't out of reach.
    assert "(HTTP 403)" in refused(door, "role", DEPLOYER, skip_unreachable=True)
