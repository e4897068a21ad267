# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a run as a whole behaves: order, isolation of failures, selection, refusals, the verdict at its end."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import yaml

from tests.layout.platform_stub import ROOT, StubPlatform

SITE = "agent_platform.aws.site"
TEARDOWN = "agent_platform.aws.teardown"
EVERYTHING = ["encryption", "network", "eks", "redis", "workload_identity"]
CONFIRMED = {"platform_teardown_confirm": "agent-platform-dev"}

NETWORK = {
    "exists": True,
    "vpc_id": "vpc-1",
    "cidr_block": "10.0.0.0/16",
    "availability_zones": ["us-west-2a", "us-west-2b"],
    "subnets": {"public": [{}, {}], "private": [{}, {}]},
    "endpoints": {"s3": "vpce-1", "dynamodb": "vpce-2"},
    "existing": {},
    "nat_gateways": [{"id": "nat-1", "state": "available", "public_ip": "198.51.100.7"}],
}
EKS = {
    "exists": True,
    "cluster_name": "agent-platform-dev-eks",
    "version": "1.34",
    "status": "ACTIVE",
    "node_groups": {"default": {"version": "1.34", "status": "ACTIVE"}},
    "addons": {
        "vpc-cni": {"version": "v1.21.1", "status": "ACTIVE"},
        "adot": {"version": "v0.141.0", "status": "DEGRADED"},
    },
}
ENCRYPTION = {
    "exists": True,
    "key_id": "key-1",
    "key_arn": "arn-1",
    "own_key_arn": "arn-1",
    "alias": "alias/agent-platform-dev-key",
    "state": "Enabled",
    "rotation_enabled": True,
    "deletion_date": None,
    "purposes": [],
    "purpose_keys": {},
    "logs_key_arn": "arn-1",
    "secrets_key_arn": "arn-1",
    "volumes_key_arn": "arn-1",
}
ROLES = {"exists": True, "roles": {"agent": "arn:aws:iam::123456789012:role/x", "llm-gateway": None}}


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    return StubPlatform(tmp_path_factory.mktemp("platform"))


def test_builds_in_order_and_services_side_by_side(stubs):
    stubs.exist(encryption=ENCRYPTION, network=NETWORK, eks=EKS, workload_identity=ROLES)

    run = stubs.run(SITE, stub_seconds={"eks": 1.5, "redis": 1.5})

    assert run.status == 0, run.output
    assert "checked by main" in run.output
    assert run.components[:2] == ["encryption", "network"]
    assert sorted(run.components[2:4]) == ["eks", "redis"]
    assert run.components[4:] == ["workload_identity"]
    eks, redis = sorted(run.calls[2:4], key=lambda call: call["name"])
    assert eks["started"] < redis["ended"]
    assert redis["started"] < eks["ended"]
    # Both reach modules inside a role that a file included by the play includes.
    assert {call["region"] for call in run.calls} == {"us-west-2"}
    assert {call["endpoint"] for call in run.calls} == {"http://127.0.0.1:1"}
    owner = {
        "Project": "agent-platform",
        "Environment": "dev",
        "Region": "us-west-2",
        "ManagedBy": "agent_platform.aws",
    }
    assert all(call["owned_by"] == {**owner, "Component": call["name"]} for call in run.calls)
    # One change per component is the role's own: what the playbooks do besides counts as none.
    assert {host: run.recap(host)["changed"] for host in run.components} == dict.fromkeys(run.components, 1)


def test_summary_says_what_exists(stubs):
    stubs.exist(encryption=ENCRYPTION, network=NETWORK, eks=EKS, workload_identity=ROLES)

    run = stubs.run("agent_platform.aws.status")

    assert run.status == 0
    assert run.calls == []
    summary = run.output[run.output.index("agent-platform-dev, account") :].split("\n\n")[0]
    assert [line.strip() for line in summary.splitlines()] == [
        "agent-platform-dev, account 123456789012, region us-west-2",
        "encryption         exists   key key-1 (alias/agent-platform-dev-key), rotation on",
        "network            exists   vpc-1 10.0.0.0/16 in us-west-2a, us-west-2b",
        "subnets: 2 public, 2 private; endpoints: dynamodb, s3",
        "NAT gateways: nat-1 available 198.51.100.7",
        "eks                exists   agent-platform-dev-eks Kubernetes 1.34 ACTIVE",
        "node groups: default 1.34 ACTIVE",
        "add-ons: adot v0.141.0 DEGRADED, vpc-cni v1.21.1",
        "redis              absent",
        "workload_identity  exists   roles: agent",
        "0 of 5 components failed",
    ]


def test_failed_foundation_starts_nothing_else(stubs):
    stubs.exist()

    run = stubs.run(SITE, stub_failures={"encryption": "Could not create the key: AccessDenied\nsecond line"})

    assert run.status == 2
    assert run.components == ["encryption"]
    assert "network was not started because encryption did not converge in this run" in run.output
    assert "5 of 5 components failed: encryption, network, eks, redis, workload_identity" in run.output
    assert "encryption         FAILED   Note the call: Could not create the key: AccessDenied\n" in run.output
    assert [run.recap(host)["failed"] for host in EVERYTHING] == [1, 1, 1, 1, 1]


def test_failed_service_stops_only_what_requires_it(stubs):
    stubs.exist(network=NETWORK)

    run = stubs.run(SITE, stub_failures={"eks": "Could not create the cluster: LimitExceeded"})

    assert run.status == 2
    assert sorted(run.components) == ["eks", "encryption", "network", "redis"]
    refusal = "workload_identity was not started because eks did not converge in this run"
    assert f"msg: {refusal}" in run.output
    assert "2 of 5 components failed: eks, workload_identity" in run.output
    assert [run.recap(host)["failed"] for host in EVERYTHING] == [0, 0, 1, 0, 1]


def test_failures_are_told_even_if_the_summary_cannot_be_read(stubs):
    stubs.exist(None)

    run = stubs.run(SITE, stub_failures={"redis": "Could not create the cache: X"})

    assert run.status == 2
    assert "1 of 5 components failed: redis" in run.output
    assert "what exists could not be read: Could not read (DescribeVpcs): ExpiredToken: the token has" in run.output
    assert "redis: Note the call: Could not create the cache: X" in run.output
    assert [run.recap(host)["failed"] for host in EVERYTHING] == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "components"),
    [
        (["--tags", "network"], ["network"]),
        (["--limit", "network"], ["network"]),
        (["--tags", "services,encryption", "--skip-tags", "redis"], ["eks", "encryption"]),
    ],
)
def test_selects_components(stubs, arguments, components):
    stubs.exist(network=NETWORK)

    run = stubs.run(SITE, *arguments)

    assert run.status == 0, run.output
    assert sorted(run.components) == components
    assert f"0 of {len(components)} components failed" in run.output


def test_refuses_a_selection_of_nothing(stubs):
    unknown = stubs.run(SITE, "--tags", "netwrok")
    contradiction = stubs.run(SITE, "--limit", "network", "--tags", "eks")

    assert (unknown.status, unknown.calls, contradiction.status, contradiction.calls) == (2, [], 2, [])
    assert "there is no netwrok, there are encryption, network, eks, redis, workload_identity," in unknown.output
    assert "--limit, --tags and --skip-tags together leave no component" in contradiction.output


def error_lines(run):
    """What Ansible tells of errors, without where they have happened."""
    return [line for line in run.output.splitlines() if line.startswith("[ERROR]")]


def test_every_play_has_its_hosts_from_the_lookup_that_refuses():
    """So what follows holds for each playbook, by itself and as a part of another."""
    plays = {
        file.stem: [play["hosts"] for play in yaml.safe_load(file.read_text()) if "hosts" in play]
        for file in (ROOT / "playbooks").glob("*.yml")
    }

    assert {
        "bastion",
        "finish",
        "layer",
        "provision",
        "rotate_bastion_password",
        "rotate_machine_client_secret",
        "rotate_redis_token",
        "status",
        "teardown",
        "tunnel",
    } <= set(plays)
    # It has nothing to do with a platform.
    assert plays.pop("init") == ["localhost"]
    for name, hosts in plays.items():
        assert all(pattern.startswith("{{ lookup('agent_platform.aws.play_hosts', ") for pattern in hosts), name


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--start-at-task", "component | Apply the role"], "--start-at-task would skip the checks that come first."),
        (["--start-at-task", "no such task"], "--start-at-task would skip the checks that come first."),
        (["--step"], "--step could leave out the checks on which the other tasks rely."),
        (["--skip-tags", "always"], "--skip-tags always would skip the checks that come first."),
        (["--skip-tags", "eks,tagged"], "--skip-tags tagged would skip the checks that come first."),
        (["-e", "component_state=absent"], "--extra-vars sets component_state, which the playbooks set themselves."),
        (["-e", '{"component_users": []}'], "--extra-vars sets component_users, which the playbooks set themselves."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_would_skip_the_checks_is_refused(stubs, arguments, text):
    run = stubs.run(SITE, *arguments)

    assert (run.status, run.calls, run.reads) == (4, [], [])
    (line,) = error_lines(run)
    assert text in line


@pytest.mark.parametrize("name", ["layer", "finish"])
def test_a_part_of_a_run_is_refused_without_its_start(stubs, name):
    stubs.exist()

    run = stubs.run(f"agent_platform.aws.{name}")

    assert (run.status, run.calls, run.reads) == (4, [], [])
    (line,) = error_lines(run)
    assert "The first play of this run, which selects the components and checks them, hasn't run." in line


@pytest.mark.parametrize("option", ["--list-hosts", "--list-tasks", "--list-tags", "--syntax-check"])
def test_every_playbook_can_be_looked_at(stubs, option):
    run = stubs.run(SITE, option)

    assert (run.status, run.calls) == (0, [])


def test_two_playbooks_in_one_command_are_two_runs(stubs):
    stubs.exist()

    run = stubs.run(f"{SITE} agent_platform.aws.status", "--limit", "eks")

    assert run.status == 0, run.output
    assert run.components == ["eks"]


@pytest.mark.parametrize(
    ("inventory", "text", "status"),
    [
        (
            {"children": {"bastion": {"hosts": {"encryption": None}}}},
            "The host encryption is in the group platform, which is of components, and in the group bastion, which is",
            4,
        ),
        (
            {"children": {"aws_ec2": {"hosts": {"eks": None}}}},
            "The host eks is in the group platform, which is of components, and in the group aws_ec2, which is",
            4,
        ),
        (
            {"children": {"platform": {"hosts": {"i-0123": None}}}},
            "The host i-0123 is in the group platform, but there is no such component, there are encryption, network,",
            2,
        ),
        (
            {"hosts": {"encryption": {"ansible_host": "i-0123"}}},
            "The host encryption is in the group platform, but its variable ansible_host is a machine's: i-0123.",
            2,
        ),
        (
            {"hosts": {"eks": {"instance_id": "i-0123"}}},
            "The host eks is in the group platform, but its variable instance_id is a machine's: i-0123.",
            2,
        ),
        (
            {"children": {"component_selected": {"hosts": {"eks": None}}}},
            "The inventory has a group component_selected, with eks: the playbooks make that group themselves;",
            2,
        ),
        (
            {"hosts": {"eks": {"component_meta": {}}}},
            "The inventory sets component_meta of eks, which the playbooks set themselves;",
            2,
        ),
    ],
)
def test_a_machine_does_not_become_a_component(stubs, inventory, text, status):
    """Also if the run is about another one."""
    file = stubs.folder / "inventory/dynamic.yml"
    file.write_text(json.dumps({"all": inventory}))
    try:
        run = stubs.run(SITE, "--limit", "network")
    finally:
        file.unlink()

    assert (run.status, run.calls, run.reads) == (status, [], [])
    assert any(text in line for line in error_lines(run)), run.output


def test_a_component_whose_connection_leads_to_a_machine_is_refused(stubs):
    run = stubs.run(SITE, "-e", "ansible_connection=amazon.aws.aws_ssm")

    assert (run.status, run.calls, run.reads) == (2, [], [])
    assert "its connection leads to a machine: amazon.aws.aws_ssm, where a component's is agent_platform.aws.warm" in (
        " ".join(run.output.split())
    )


# In a Python that finds this by PYTHONPATH, the controller can start so many processes of tasks. Then it lacks one of
# the things that another would take.
LACK = """
import errno, os

fork, pipe, controller, left = os.fork, os.pipe, os.getpid(), int(os.environ["PROCESSES"])

def lack(number):
    if os.getpid() == controller and left == 0:
        raise OSError(number, os.strerror(number))

def fork_or_fail():
    global left
    if os.environ["LACK"] == "processes":
        lack(errno.EAGAIN)
    left -= os.getpid() == controller
    return fork()

def pipe_or_fail():
    if os.environ["LACK"] == "open files":
        lack(errno.EMFILE)
    return pipe()

os.fork, os.pipe = fork_or_fail, pipe_or_fail
"""


@pytest.mark.parametrize(
    ("what", "count", "told"),
    [
        ("processes", 0, "[Errno 11] Resource temporarily unavailable"),
        ("processes", 1, "[Errno 11] Resource temporarily unavailable"),
        ("processes", 10, "[Errno 11] Resource temporarily unavailable"),
        ("open files", 1, "[Errno 24] Too many open files"),
    ],
)
def test_a_run_that_can_start_no_more_tasks_fails(stubs, tmp_path, what, count, told):
    """Whenever that happens: Ansible alone passes over the task, and ends well, or waits for it for ever."""
    stubs.exist()
    (tmp_path / "sitecustomize.py").write_text(LACK)

    run = stubs.run(SITE, environment={"PYTHONPATH": str(tmp_path), "PROCESSES": str(count), "LACK": what})

    assert run.status == 1, run.output
    (line,) = error_lines(run)
    assert f"no process could be had for its next task: {told}." in line
    assert "or lower the number of forks, and run again." in line


def test_teardown_asks_for_the_name_of_the_platform(stubs):
    for wrong in ({}, {"platform_teardown_confirm": "agent-platform-prod"}):
        run = stubs.run(TEARDOWN, **wrong)

        assert (run.status, run.calls) == (2, [])
        assert (
            "This removes agent-platform-dev from account 123456789012 in us-west-2 with all data in it;"
            " to confirm, add -e platform_teardown_confirm=agent-platform-dev" in run.output
        )


def test_teardown_removes_in_reverse_order(stubs):
    # A dry run, which has to show all of it: what exists is still there when it comes to what that builds on.
    stubs.exist(encryption=ENCRYPTION, network=NETWORK, eks=EKS, workload_identity=ROLES)

    run = stubs.run(TEARDOWN, "--check", **CONFIRMED)

    assert run.status == 0, run.output
    assert "checked by absent" in run.output
    assert run.components[0] == "workload_identity"
    assert sorted(run.components[1:3]) == ["eks", "redis"]
    assert run.components[3:] == ["network", "encryption"]
    assert {call["state"] for call in run.calls} == {"absent"}
    assert all(call["check"] and call["owned_by"]["ManagedBy"] == "agent_platform.aws" for call in run.calls)
    assert "us-west-2 (dry run, nothing was changed)" in run.output


def test_teardown_keeps_what_others_build_on(stubs):
    stubs.exist(encryption=ENCRYPTION, network={**NETWORK, "exists": False}, eks=EKS)

    failed = stubs.run(TEARDOWN, stub_failures={"eks": "Could not delete the cluster: in use"}, **CONFIRMED)
    alone = stubs.run(TEARDOWN, "--limit", "network", **CONFIRMED)

    assert (failed.status, alone.status) == (2, 2)
    assert sorted(failed.components) == ["eks", "redis", "workload_identity"]
    assert "network was kept because it is still required by eks" in failed.output
    assert "encryption was kept because it is still required by network and eks" in failed.output
    # What went wrong half way counts as there, also where discovery no longer finds what others would need of it.
    assert "network            FAILED" in failed.output
    assert alone.calls == []
    assert "network was kept because it is still required by eks" in alone.output


def test_every_look_at_the_platform_knows_the_names_that_the_inventory_gives(stubs):
    """Looked for by the names of the defaults, what the inventory has in their place would seem not to exist."""
    stubs.exist(workload_identity=ROLES)
    mine = {"workload_identity_list": [{"name": "mine"}]}

    built = stubs.run(SITE, **mine)
    removed = stubs.run(TEARDOWN, "--limit", "eks", **mine, **CONFIRMED)

    # The components of one layer run side by side: which of them looks first is nobody's promise.
    assert Counter(look["required_by"] for look in built.reads) == Counter([*built.components, None])
    assert "eks was kept because it is still required by workload_identity" in removed.output
    assert {look["required_by"]: look["components"] for look in removed.reads} == {
        "eks": ["workload_identity", "eks"],
        None: ["eks"],
    }
    assert [look["entries"] for look in built.reads + removed.reads] == [{"workload_identity": ["mine"]}] * 8


def test_each_component_discovers_once_what_it_needs(stubs):
    stubs.exist()

    run = stubs.run(SITE, "--check")

    assert {look["required_by"]: (look["require"], look["components"]) for look in run.reads} == {
        "encryption": ([], []),
        "network": (["encryption"], ["network"]),
        "eks": (["network", "encryption"], []),
        "redis": (["network"], []),
        "workload_identity": (["eks"], ["redis"]),
        None: ([], EVERYTHING),
    }


def test_long_tasks_are_told(stubs):
    stubs.exist()

    run = stubs.run(
        SITE,
        "--limit",
        "eks",
        config="callbacks_enabled = agent_platform.aws.progress\n[callback_agent_platform_progress]\nafter = 1\n",
        environment={"AGENT_PLATFORM_PROGRESS_INTERVAL": "1"},
        stub_seconds={"eks": 2.6},
    )

    assert run.status == 0, run.output
    # On a busy machine others of its tasks may take more than a second, too.
    told = [line for line in run.output.splitlines() if "still running" in line and "Note the call" in line]
    assert told[:2] == [f"[eks] still running after {seconds}s: Note the call" for seconds in (1, 2)]
