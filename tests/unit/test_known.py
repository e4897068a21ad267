# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run found before is taken for what it asks later, as long as that is the same and nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.agent_platform.aws.plugins.callback.preload import CallbackModule
from ansible_collections.agent_platform.aws.plugins.plugin_utils import known
from ansible_collections.agent_platform.aws.plugins.plugin_utils.known import Known

ALL = ("network", "eks", "gateways")
SCOPE = {"name": "a", "environment": "b", "owner_tags": None, "entries": {"eks": ["default"]}, "existing_roles": {}}
ASKED = {"name": "a", "environment": "b", "entries": {"eks": ["default"]}, "kubeconfig": "/kubeconfig"}
NOBODY = {"principal_arn": None, "rights": None}
JO = {"principal_arn": "arn:aws:iam::123456789012:role/jo", "rights": "administrator"}


def found(*components: str, at: str = "first", absent: str = "", **more: Any) -> dict[str, Any]:
    """What platform_info returns. at: when it has looked, which all that it found of a component says."""
    account = {"account_id": "123456789012", "arn": "arn:aws:iam::123456789012:role/jo", "region": "us-west-2"}
    about = {
        "conflicts": [{"component": name, "resource": at} for name in components],
        "deployer": JO if "eks" in components else NOBODY,
        "existing_roles": {f"{name}-nodes": {"arn": at} for name in components},
        "replaced_roles": {name: [at] for name in components},
    }
    facts = {
        name: {"exists": name in components and name != absent, "at": at if name in components else None}
        for name in ALL
    }
    result = {
        "summary": {name: {"state": at} for name in components},
        "amiss": {},
        "in_cluster": [name for name in components if name == "gateways"],
        "scope": SCOPE,
        **account,
        **about,
        **more,
    }
    return {**result, "platform": {**facts, **account, **about}}


class Module:
    """Finds what it's asked for, and remembers what that was."""

    def __init__(self, **more: Any):
        self.more, self.asked = more, []

    def __call__(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(arguments)
        return found(*arguments["components"], *arguments["require"], at="later", **self.more)


def looked(run: Known, module: Module, components: list[str], require: list[str], **more: Any) -> dict[str, Any]:
    return run.look({**ASKED, "components": components, "require": require, **more}, module)


@pytest.fixture
def run() -> Known:
    run = Known()
    run.note(found(*ALL))
    return run


def test_only_the_rest_is_asked_for(run):
    module = Module()
    result = looked(run, module, ["gateways", "eks"], ["network"])
    assert module.asked == [{**ASKED, "components": ["gateways"], "require": []}]
    assert {name: result["platform"][name]["at"] for name in ALL} == {
        "network": "first",
        "eks": "first",
        "gateways": "later",
    }
    assert {name: told["state"] for name, told in result["summary"].items()} == {
        "network": "first",
        "eks": "first",
        "gateways": "later",
    }
    assert sorted(conflict["component"] for conflict in result["conflicts"]) == sorted(ALL)
    assert result["replaced_roles"] == {"network": ["first"], "eks": ["first"], "gateways": ["later"]}
    assert result["existing_roles"]["gateways-nodes"] == {"arn": "later"}
    assert result["deployer"] == JO
    for key in ("conflicts", "deployer", "existing_roles", "replaced_roles"):
        assert result["platform"][key] == result[key]


def test_what_was_not_asked_for_looks_as_if_it_did_not_exist(run):
    result = looked(run, Module(), ["network"], [])
    assert (result["platform"]["eks"]["exists"], list(result["summary"])) == (False, ["network"])


def test_several_looks_add_up():
    run = Known()
    run.note(found("network"))
    run.note(found("eks", at="second"))
    module = Module()
    result = looked(run, module, ["network", "eks"], [])
    assert module.asked[0]["components"] == []
    assert [result["platform"][name]["at"] for name in ("network", "eks")] == ["first", "second"]


@pytest.mark.parametrize("result", [found(*ALL, absent="eks"), found(*ALL, amiss={"eks": ["subnet without a tag"]})])
def test_what_can_not_be_built_on_is_looked_at_anew(result):
    run, module = Known(), Module()
    run.note(result)
    looked(run, module, ["network"], ["eks"])
    assert (module.asked[0]["components"], module.asked[0]["require"]) == ([], ["eks"])


@pytest.mark.parametrize(
    "other",
    [
        {"name": "c"},
        {"environment": "c"},
        {"owner_tags": {"Project": "c"}},
        {"entries": {}},
        {"existing_roles": {"eks": "arn"}},
        {"offers": True},
    ],
)
def test_another_question_is_asked_whole(run, other):
    module = Module()
    looked(run, module, ["network", "eks"], [], **other)
    assert module.asked == [{**ASKED, **other, "components": ["network", "eks"], "require": []}]


@pytest.mark.parametrize(
    "other", [{"account_id": "210987654321"}, {"region": "eu-west-1"}, {"arn": "another"}, {"failed": True}]
)
def test_another_account_is_asked_whole(run, other):
    module = Module(**other)
    result = looked(run, module, ["network", "eks"], [])
    assert [asked["components"] for asked in module.asked] == [[], ["network", "eks"]]
    assert result["summary"] == {"network": {"state": "later"}, "eks": {"state": "later"}}


def test_who_asks_for_all_gets_all(run):
    """What is required besides tells nothing of the others."""
    asked = []
    run.look({**ASKED, "require": ["network"]}, asked.append)
    assert asked == [{**ASKED, "require": ["network"]}]


def test_after_a_change_nothing_is_known_any_more(run):
    run.forget()
    run.note(found(*ALL))
    module = Module()
    looked(run, module, ["network"], [])
    assert module.asked[0]["components"] == ["network"]


class Told:
    """A result as a callback gets it."""

    def __init__(self, result=None, changed=False, action="agent_platform.aws.platform_info"):
        self.result, self.task = result or {}, self
        self.action = action
        self.is_changed = lambda: changed


@pytest.mark.parametrize(
    ("event", "told", "known_after"),
    [
        ("v2_runner_on_ok", Told(), True),
        ("v2_runner_on_ok", Told(action="agent_platform.aws.kms_key"), True),
        ("v2_runner_on_ok", Told(action="kubernetes.core.k8s", changed=True), False),
        ("v2_runner_on_failed", Told(action="kubernetes.core.k8s"), False),
        ("v2_runner_on_unreachable", Told(action="ansible.builtin.ping"), False),
    ],
)
def test_the_callback_tells_of_results(event, told, known_after, monkeypatch):
    run = Known()
    monkeypatch.setattr(known, "RUN", run)
    callback = CallbackModule()
    callback.v2_runner_on_ok(Told(found(*ALL)))
    getattr(callback, event)(told)
    assert sorted(run.results) == (["eks", "network"] if known_after else [])
