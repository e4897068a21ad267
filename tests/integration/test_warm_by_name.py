# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our modules reach the warm process by their names, and give what they give when Ansible builds archives of them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.playbook import REGION
from tests.support.warm_runs import BY_NAME, LOCAL, ROOT, TOLD, WARM, assert_same, misbehave, results_of, wait_for

every_ansible_core = pytest.mark.every_ansible_core
by_name = pytest.mark.parametrize("way", [BY_NAME], indirect=True)

ACCOUNT = "100000000027"
SECRET = "sentinel-4be1c7"
# How modules find the emulator. As variables they come to all hosts alike.
ACCESS = {"region": REGION, "access_key": ACCOUNT, "secret_key": "not-a-secret-the-emulator-takes-any-value"}
OWNER = {"Project": "by-name"}


@every_ansible_core("oldest")
def test_our_modules_give_the_same(run, emulator):
    """With everything that Ansible adds on the way: defaults of groups and modules, check and diff mode, loops, the
    task's environment, what is repeated, what fails, what is hidden."""
    access = {**ACCESS, "endpoint_url": emulator}
    variables = {
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_ENDPOINT_URL": emulator,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": access["secret_key"],
    }
    key, secret = "agent_platform.aws.kms_key", "agent_platform.aws.secretsmanager_secret"
    groups = {"group/agent_platform.aws.aws": access, "group/agent_platform.aws.platform": {"owned_by": OWNER}}
    dry = {"check_mode": True, "diff": True}
    refused = {"alias": "alias/a", "deletion_window_days": "many"}
    tasks = [
        {"agent_platform.aws.platform_info": {"name": "a", "environment": "b", **access}},
        {"agent_platform.aws.platform_info": {"name": "a", "environment": "b"}, "module_defaults": groups},
        {key: {"alias": "alias/a"}, "module_defaults": groups, **dry},
        {key: {"alias": "alias/a"}, "module_defaults": {**groups, key: {"description": "b"}}, **dry},
        {
            secret: {"name": "{{ item }}", "value": SECRET, "owned_by": {}},
            "loop": ["a", "b"],
            "environment": variables,
            **dry,
        },
        {secret: {"name": "a", "value": SECRET}, "module_defaults": groups, "no_log": True, **dry},
        # Without credentials, then with arguments that are none, or not all.
        {key: {"alias": "alias/a", "region": REGION, "endpoint_url": emulator}, "ignore_errors": True},
        {key: {"alias": "alias/a", "unknown": 1}, "ignore_errors": True, "module_defaults": groups},
        {key: {}, "ignore_errors": True, "module_defaults": groups},
        {key: refused, "ignore_errors": True, "module_defaults": groups},
        {
            key: refused,
            "module_defaults": groups,
            "register": "result",
            "until": "result is succeeded",
            "retries": 2,
            "delay": 0,
            "throttle": 1,
            "timeout": 60,
            "ignore_errors": True,
        },
    ]
    hosts = {"warm": WARM, "local": LOCAL}
    results, printed = run(tasks, hosts, options=["-vvv"], ANSIBLE_INJECT_INVOCATION="true")
    assert_same(results)
    assert len(results) == len(tasks), results[-1]
    warm = [result["warm"] for result in results]
    assert warm[0] == warm[1]
    assert (warm[0]["account_id"], warm[1]["invocation"]["module_args"]["region"]) == (ACCOUNT, REGION)
    for result, description in ((warm[2], None), (warm[3], "b")):
        assert result["changed"] is True
        assert result["diff"]
        arguments = result["invocation"]["module_args"]
        assert (arguments["owned_by"], arguments["description"]) == (OWNER, description)
    assert [item["changed"] for item in warm[4]["results"]] == [True, True]
    assert "censored" in warm[5]
    assert [result.get("failed", False) for result in warm] == [False] * 6 + [True] * 5
    assert warm[10]["attempts"] == 2
    # Each call, and none of them by a command line.
    assert printed.count(f"<warm> {TOLD}agent_platform.aws.") == 14
    assert "<local> EXEC" in printed
    assert "<warm> EXEC" not in printed
    assert SECRET not in printed + json.dumps([result["warm"] for result in results])


@every_ansible_core
@by_name
def test_a_module_is_run_from_its_file(run):
    """Also when a task of another host is delegated to one with this connection."""
    delegated = {**misbehave(act="tell"), "delegate_to": "warm"}
    results, printed = run([misbehave(act="tell"), delegated], {"warm": WARM, "local": LOCAL}, options=["-vvv"])
    assert [results[0][host]["boto3_loaded"] for host in ("warm", "local")] == [True, False]
    assert [results[1][host]["boto3_loaded"] for host in ("warm", "local")] == [True, True]
    assert printed.count(f"<warm> {TOLD}trial.house.plugins.modules.misbehave from disk") == 3
    assert "WARM module of" not in printed
    assert "<warm> EXEC" not in printed


@every_ansible_core
@by_name
def test_warnings_deprecations_and_facts_are_those_of_local(run):
    """Ansible works out what a deprecation is of from where the module's file lies."""
    results = run.both([misbehave(act="warn"), {"ansible.builtin.debug": {"var": "ansible_facts.told"}}])
    assert_same(results)
    (deprecation,) = results[0]["warm"]["deprecations"]
    assert deprecation["collection_name"] == "trial.house"
    assert results[0]["warm"]["warnings"] == ["careful"]
    assert results[1]["warm"]["ansible_facts.told"] == {"by": "module"}


NOT_BY_NAME = {
    "files that are kept": {"ANSIBLE_KEEP_REMOTE_FILES": "true"},
    "a limit on open files": {"ANSIBLE_PYTHON_MODULE_RLIMIT_NOFILE": "512"},
    "coverage": {"_ANSIBLE_ANSIBALLZ_COVERAGE_CONFIG": '{"config": "/dev/null", "output": "{folder}/coverage"}'},
    "shared code of the user": {"ANSIBLE_MODULE_UTILS": "{folder}/module_utils"},
    "no process": {"AGENT_PLATFORM_WARM": "false"},
}


@by_name
@pytest.mark.parametrize("how", NOT_BY_NAME)
def test_what_needs_an_archive_gets_one(run, how):
    (run.folder / "module_utils").mkdir()
    settings = {name: value.replace("{folder}", str(run.folder)) for name, value in NOT_BY_NAME[how].items()}
    (result,), printed = run([misbehave(act="tell")], options=["-vvv"], **settings)
    assert result["host0"]["changed"] is False
    assert TOLD not in printed
    assert "without the warm process" not in printed


@by_name
@pytest.mark.parametrize("how", ["a path for Python", "another interpreter", "async"])
def test_a_task_that_wants_other_surroundings_gets_an_archive_without_a_warning(run, how):
    task = misbehave(act="tell")
    if how == "a path for Python":
        task["environment"] = {"PYTHONPATH": str(run.folder)}
    elif how == "async":
        task |= {"async": 30, "poll": 1}
    else:
        link = run.folder / "python"
        link.symlink_to(sys.executable)
        task["vars"] = {"ansible_python_interpreter": str(link)}
    results, printed = run([task, misbehave(act="tell")], options=["-vvv"])
    assert [result["host0"]["boto3_loaded"] for result in results] == [False, True]
    assert printed.count("/bin/sh -c") >= 1
    assert "without the warm process" not in printed


# What is on disk decides


COUNTING = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from {package} import value

AnsibleModule({{}}).exit_json(module={number}, shared=value.VALUE)
"""
# Its package.
SHARED = "ansible_collections.trial.house.plugins.module_utils"


def write_counting(collections: Path, number: int) -> None:
    """A module with shared code, which both tell the number."""
    plugins = collections / "ansible_collections/trial/house/plugins"
    for name in ("modules", "module_utils"):
        (plugins / name).mkdir(parents=True, exist_ok=True)
    (plugins / "module_utils/value.py").write_text(f"VALUE = {number}\n")
    (plugins / "modules/misbehave.py").write_text(COUNTING.format(package=SHARED, number=number))


@contextlib.contextmanager
def interrupted(run, before: list, after: list, **variables: str) -> Iterator[list[dict]]:
    """Run tasks, stop between two of them for what the test does, and give the results when that is done."""
    mark, go = run.folder / "mark", run.folder / "go"
    wait = {"ansible.builtin.shell": {"cmd": f"touch {mark}; while [ ! -e {go} ]; do sleep 0.05; done"}}
    wait["vars"] = {"ansible_connection": LOCAL}
    process = run.start([*before, wait, *after], options=["-vvv"], **variables)
    results: list[dict] = []
    try:
        wait_for(mark.exists)
        yield results
    finally:
        go.touch()
        out, error = process.communicate(timeout=60)
    ended = [result["host0"] for result in results_of(out, error)]
    results += [{"told": out + error, **result} for result in (*ended[: len(before)], *ended[len(before) + 1 :])]


@by_name
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "not loaded"])
def test_code_that_changes_during_a_run_is_what_runs(run, loaded):
    """Shared code that the process has loaded isn't used any more when its file is another."""
    write_counting(run.folder / "trial", 1)
    libraries = "ansible.module_utils.basic" + (f",{SHARED}.*" if loaded else "")
    with interrupted(run, [misbehave()], [misbehave()], AGENT_PLATFORM_WARM_MODULES=libraries) as results:
        write_counting(run.folder / "trial", 22)
    assert [(result["module"], result["shared"]) for result in results] == [(1, 1), (22, 22)]
    assert results[0]["told"].count("has changed since it was loaded") == (1 if loaded else 0)


@by_name
def test_the_file_that_the_controller_means_is_what_runs(run):
    """Not one that Python finds by the same name in a folder that has come to lie before."""
    write_counting(run.folder / "trial", 1)
    paths = [run.folder / "first", run.folder / "trial", *(run.core.collections or [ROOT / "collections"])]
    variables = {"ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(str, paths))}
    (run.folder / "first/ansible_collections").mkdir(parents=True)
    with interrupted(run, [], [misbehave()], **variables) as results:
        write_counting(run.folder / "first", 22)
    (result,) = results
    assert (result["module"], result["shared"]) == (1, 1)
    assert "it doesn't find" in result["told"]
