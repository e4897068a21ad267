# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict

from ansible_collections.agent_platform.aws.plugins.callback import changes
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_objects import difference
from ansible_collections.agent_platform.aws.plugins.plugin_utils import output
from ansible_collections.agent_platform.aws.plugins.plugin_utils.changes import MOST_CHARACTERS, MOST_SETTINGS, OBJECTS


class Display:
    verbosity = 0

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stderr: set[bool] = set()

    def display(self, text: str, color: str | None = None, stderr: bool = False) -> None:
        self.lines.append(text.strip("* \n") if "*" in text else text)
        self.stderr.add(stderr)


class Run:
    """A run with the callback, to which results of tasks are told."""

    def __init__(self, path: str | None = None) -> None:
        self.callback = changes.CallbackModule(display=Display())
        self.callback.get_option = {"path": path}.get

    def plays(self, **variables: Any) -> Run:
        self.callback.v2_playbook_on_play_start(SimpleNamespace(get_vars=lambda: variables))
        return self

    def told(self, host: str, result: dict, name: str = "main | Do it", failed: bool = False, **task: Any) -> Run:
        told = SimpleNamespace(
            host=SimpleNamespace(get_name=lambda: host),
            task=SimpleNamespace(**{"name": name, "action": "amazon.aws.some", "loop": None, "args": {}, **task}),
            result=result,
            is_changed=lambda: bool(result.get("changed")),
        )
        (self.callback.v2_runner_on_failed if failed else self.callback.v2_runner_on_ok)(told)
        return self

    def ends(self, failures: bool = False) -> list[str]:
        self.callback.v2_playbook_on_stats(SimpleNamespace(failures={"eks": 1} if failures else {}))
        return self.callback._display.lines


def diff(before: Any, after: Any, title: str = "key k") -> dict[str, Any]:
    headers = {"before_header": title, "after_header": title} if title else {}
    return {"changed": True, "diff": {"before": before, "after": after, **headers}}


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(check=False))


def test_each_kind_of_change_is_a_line_and_counted() -> None:
    run = Run().told("network", diff({}, {"cidr": "10.0.0.0/16"}, "VPC v")).told("redis", diff({"x": 1}, {}, "group g"))
    run.told(
        "network",
        diff({"days": 7, "tags": {"a": "1", "b": "2"}, "same": 0}, {"days": 14, "tags": {"a": "3"}, "same": 0}),
    )

    assert run.ends() == [
        "CHANGED",
        "network  + VPC v",
        "network  ~ key k  days: 7 → 14",
        "network  ~ key k  tags.a: 1 → 3",
        "network  ~ key k  tags.b: 2 → (not set)",
        "redis    - group g",
        "1 added, 1 changed, 1 removed",
    ]


def test_a_dry_run_says_what_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(check=True))

    assert Run().told("network", diff({}, {"a": 1}, "VPC v")).ends() == ["WOULD CHANGE", "network  + VPC v", "1 to add"]
    assert Run().plays(component_state="present").ends() == ["WOULD CHANGE", "nothing to change"]


def test_nothing_is_said_of_runs_that_only_look_or_have_failed() -> None:
    assert Run().plays(component_state="absent").ends() == ["CHANGED", "nothing changed"]
    assert Run().plays(layer_title="x").ends() == []
    assert Run().plays(component_state="present").ends(failures=True) == []


def test_what_failed_in_part_has_changed_the_rest() -> None:
    result = {**diff({}, {"a": 1}, "role r"), "failed": True}

    assert Run().told("eks", result, failed=True).ends(failures=True) == ["CHANGED", "eks  + role r", "1 added"]


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        ([({}, {"a": 1}), ({"a": 1}, {"a": 2})], ["c  + key k", "1 added"]),
        ([({}, {"a": 1}), ({"a": 1}, {})], ["nothing changed"]),
        ([({"a": 1}, {}), ({}, {"a": 1})], ["c  ± key k", "1 replaced"]),
        ([({"a": 1}, {"a": 2}), ({"a": 2}, {})], ["c  - key k", "1 removed"]),
        (
            [({"a": 1, "b": 0}, {"a": 2, "b": 0}), ({"a": 2, "b": 0}, {"a": 3, "b": 9})],
            ["c  ~ key k  a: 1 → 3", "c  ~ key k  b: 0 → 9", "1 changed"],
        ),
    ],
    ids=["made and changed", "made and removed", "removed and made", "changed and removed", "changed twice"],
)
def test_what_happens_to_a_resource_one_after_the_other_is_one_thing(steps: list, lines: list[str]) -> None:
    run = Run().plays(component_state="present")
    for before, after in steps:
        run.told("c", diff(before, after))

    assert run.ends()[1:] == lines


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ({"a": ["x", "y"]}, {"a": ["y", "z"]}, 'a: ["x"] → ["z"]'),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, 'a: ["x", "y"] → ["y", "x"]'),
        ({"a": True, "b": 1}, {"a": False, "b": 1}, "a: true → false"),
        ({"a": "", "b": 1}, {"a": "ü\nv", "b": 1}, 'a: "" → ü v'),
        ({"a": "o" * 200}, {"a": "n"}, f"a: {'o' * (MOST_CHARACTERS - 1)}… → n"),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, "a.b.c: 1 → 2"),
    ],
)
def test_values_are_short(before: dict, after: dict, text: str) -> None:
    assert Run().told("c", diff(before, after)).ends()[1] == f"c  ~ key k  {text}"


def test_many_settings_are_counted() -> None:
    before, after = ({f"s{number}": value for number in range(MOST_SETTINGS + 5)} for value in (1, 2))

    assert Run().told("c", diff(before, after)).ends()[-2:] == ["c  ~ key k  and 5 settings more", "1 changed"]


def test_modules_that_tell_no_difference_are_told_by_their_task() -> None:
    run = Run().told("c", {"changed": True}).told("c", {"changed": True}, name="x | Go", args={"state": "absent"})
    run.told("c", {"censored": "hidden", "changed": True}, name="Rotate")
    run.told("c", {"changed": True, "diff": {"before": "a\n", "after": "b\n"}}, name="Write")
    items = [{"changed": True, "item": {"k": 1}, "_ansible_item_label": "one"}, {"changed": False, "item": "two"}]
    run.told("c", {"changed": True, "results": items}, name="main | Each", loop=["one", "two"])

    assert run.ends()[1:-1] == ["c  ~ Do it", "c  - Go", "c  ~ Rotate", "c  ~ Write", "c  ~ Each: one"]


def test_what_is_removed_without_a_declared_setting_has_its_name() -> None:
    run = Run().told("c", diff({}, {}, "group g"), args={"state": "absent"}).told("c", diff({}, {}, "secret s"))

    assert run.ends()[1:] == ["c  - group g", "c  ~ secret s", "1 changed, 1 removed"]


def test_several_resources_of_one_call_are_told_one_by_one() -> None:
    several = [diff({}, {"a": 1}, "subnet a")["diff"], diff({"b": 1}, {"b": 1}, "subnet b")["diff"]]
    several += [diff({"b": 1}, {"b": 2}, "subnet c")["diff"]]
    # Those that are as they are to be have a difference where --diff asks for it.
    run = Run().told("network", {"changed": True, "diff": several, "results": [{}, {}]})

    assert run.ends()[1:] == ["network  + subnet a", "network  ~ subnet c  b: 1 → 2", "1 added, 1 changed"]


def an_object(kind: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "a", **metadata}}


def managed_at(time: str) -> dict[str, Any]:
    """Of an object made at noon that has been written to at a time."""
    return {"creationTimestamp": "12:00:00Z", "managedFields": [{"manager": "agent_platform.aws", "time": time}]}


def test_objects_of_the_cluster_are_told_when_they_are_applied() -> None:
    job = {**an_object("Job", "c"), "spec": {"x": 1}}
    look = {
        "changed": False,
        "diff": [difference({}, an_object("ConfigMap", "b")), difference(job, {**job, "spec": {"x": 2}})],
    }
    times = {("ConfigMap", "b"): "00", ("Job", "c"): "01", ("Secret", "d"): "01", ("Service", "e"): "00"}
    applied = [
        {"changed": True, "method": "apply", "result": an_object(*whose, **managed_at(f"12:00:{second}Z"))}
        for whose, second in times.items()
    ]
    run = Run().told("gateways", look, action=OBJECTS)
    run.told("gateways", {"changed": True, "result": {"results": applied}}, action="kubernetes.core.k8s")

    assert run.ends()[1:] == [
        "gateways  + ConfigMap b in a",
        "gateways  ~ Job c in a  spec.x: 1 → 2",
        "gateways  ~ Secret d in a",
        "gateways  + Service e in a",
        "2 added, 2 changed",
    ]
    # Nothing is announced that isn't done.
    assert Run().told("gateways", look, action=OBJECTS).ends() == []


def test_objects_that_a_dry_run_tells_of_at_once_are_told_once() -> None:
    look = {"changed": True, "diff": [difference({}, an_object("ConfigMap", "b"))]}
    one = {"changed": True, "method": "create", "result": an_object("ConfigMap", "b")}
    gone = {"changed": True, "method": "delete", "result": {"kind": "Status"}}
    run = Run().told("gateways", look, action=OBJECTS).told("gateways", one, action="kubernetes.core.k8s")
    run.told("gateways", gone, action="kubernetes.core.k8s", name="absent | Remove the Job")

    assert run.ends()[1:] == ["gateways  + ConfigMap b in a", "gateways  - Remove the Job", "1 added, 1 removed"]


def test_a_file_for_pipelines(tmp_path) -> None:
    path = tmp_path / "changes.json"
    Run(str(path)).told("redis", diff({"days": 7}, {"days": 14})).ends()

    assert json.loads(path.read_text()) == [
        {
            "component": "redis",
            "action": "change",
            "resource": "key k",
            "settings": [{"setting": "days", "old": 7, "new": 14}],
        }
    ]
    Run(str(path)).ends()
    assert json.loads(path.read_text()) == []


@pytest.mark.parametrize(("stdout", "elsewhere"), [("default", False), ("ansible.posix.json", True), ("jsonl", True)])
def test_nothing_is_put_behind_the_json_of_a_run(monkeypatch, stdout: str, elsewhere: bool) -> None:
    monkeypatch.setattr(output.C, "DEFAULT_STDOUT_CALLBACK", stdout)
    run = Run().told("c", diff({}, {"a": 1}))
    run.ends()
    assert run.callback._display.stderr == {elsewhere}
