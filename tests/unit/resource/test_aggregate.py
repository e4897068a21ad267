# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several resources in one call of a module: its options, what runs beside what, results, failures."""

from __future__ import annotations

import json
import threading

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.module_utils import resource
from ansible_collections.agent_platform.aws.plugins.module_utils.aggregate import Aggregate, Clients, Part
from ansible_collections.agent_platform.aws.plugins.module_utils.calls import Calls
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.modules import ec2_nat_gateway, ec2_route_table, logs_log_group
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step

ARN = "arn:aws:logs:us-west-2:123456789012:log-group"


class Run:
    """A module's main() with the run of its resource replaced by a function of the options."""

    def __init__(self, monkeypatch, capsys):
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.seen = []

    def __call__(self, act=None, check_mode=False, diff=False, of=(logs_log_group, "LogGroup"), **arguments):
        def run(group):
            self.seen.append(group.options)
            return act(group) if act else {"changed": False, "log_group": {"name": group.options.get("name")}}

        module, resource_name = of
        self.monkeypatch.setattr(getattr(module, resource_name), "run", run)
        flags = {"_ansible_check_mode": check_mode, "_ansible_diff": diff}
        with patch_module_args({"region": "us-west-2", **arguments, **flags}), pytest.raises(SystemExit):
            module.main()
        return json.loads(self.capsys.readouterr().out)


@pytest.fixture
def run(monkeypatch, capsys):
    return Run(monkeypatch, capsys)


def test_without_it_there_is_one_resource_and_its_own_result(run):
    result = run(name="/demo", retention_days=30)
    assert result["log_group"] == {"name": "/demo"}
    assert "results" not in result
    assert [options["retention_days"] for options in run.seen] == [30]


def test_each_has_what_is_common_its_own_counts_and_defaults_are_filled_in(run):
    entries = [{"name": "/a"}, {"name": "/b", "retention_days": 7, "tags": {"Name": "b"}}]
    result = run(aggregate=entries, retention_days=30, tags={"Project": "demo"})
    seen = {options["name"]: options for options in run.seen}
    assert seen["/a"]["retention_days"] == 30
    assert seen["/b"]["retention_days"] == 7
    assert seen["/a"]["tags"] == {"Project": "demo"}
    assert seen["/b"]["tags"] == {"Name": "b"}
    assert {(options["state"], options["wait"], options["adopt_untagged"]) for options in run.seen} == {
        ("present", True, False)
    }
    assert all("aggregate" not in options for options in run.seen)
    # Those of amazon.aws for the connection are there, too.
    assert {options["region"] for options in run.seen} == {"us-west-2"}
    assert [one["item"] for one in result["results"]] == entries
    assert [one["log_group"]["name"] for one in result["results"]] == ["/a", "/b"]
    assert result["changed"] is False


def test_they_run_side_by_side(run):
    meeting = threading.Barrier(3, timeout=10)

    def meet(group):
        meeting.wait()
        return {"changed": group.options["name"] == "/b", "log_group": {}}

    result = run(meet, aggregate=[{"name": name} for name in ("/a", "/b", "/c")])
    assert result["changed"] is True
    assert [one["changed"] for one in result["results"]] == [False, True, False]


def test_a_module_may_read_for_all_of_them_before_each_has_its_turn(run, monkeypatch):
    class ReadTogether(Aggregate):
        side_by_side = 1

        def parts(self, options):
            found = super().parts(options)
            for part in found:
                part.seen = [other.params["name"] for other in found]
            return found

    monkeypatch.setattr(logs_log_group.LogGroup, "together", ReadTogether)

    def act(group):
        return {"changed": False, "log_group": {"seen": group.module.seen, "threads": threading.active_count()}}

    before = threading.active_count()
    result = run(act, aggregate=[{"name": "/a"}, {"name": "/b"}])
    assert [one["log_group"] for one in result["results"]] == [{"seen": ["/a", "/b"], "threads": before + 1}] * 2


def test_the_diffs_are_one_list_and_each_says_whose_it_is(run):
    def differ(group):
        result = {"changed": True, "log_group": {}}
        return group.with_difference(result, lambda: ({}, {"name": group.options["name"]}))

    result = run(differ, aggregate=[{"name": "/a"}, {"name": "/b"}], diff=True, check_mode=True)
    assert [one["after_header"] for one in result["diff"]] == ["log group '/a'", "log group '/b'"]
    assert [one["after"]["name"] for one in result["diff"]] == ["/a", "/b"]
    assert not any("diff" in one for one in result["results"])


def test_a_failure_of_one_keeps_no_other_from_its_state_and_is_told(run):
    def fail(group):
        if group.options["name"] != "/b":
            group.changed = True
            raise ResourceError(f"{group.title} is in the way.")
        return {"changed": True, "log_group": {"name": "/b"}}

    result = run(fail, aggregate=[{"name": name} for name in ("/a", "/b", "/c")])
    assert result["failed"] is True
    assert result["changed"] is True
    assert result["msg"] == "log group '/a' is in the way.\nlog group '/c' is in the way."
    assert [bool(one.get("failed")) for one in result["results"]] == [True, False, True]
    assert result["results"][1]["log_group"] == {"name": "/b"}


@pytest.mark.parametrize(("skipped", "all_of_them"), [({"/a", "/b"}, True), ({"/a"}, False)])
def test_it_is_skipped_where_each_of_them_is(run, skipped, all_of_them):
    def skip(group):
        return {"changed": False, "log_group": {}, "skipped": group.options["name"] in skipped, "skip_reason": "why"}

    result = run(skip, aggregate=[{"name": "/a"}, {"name": "/b"}])
    assert result.get("skipped", False) is all_of_them
    assert result.get("skip_reason") == ("why" if all_of_them else None)


ROUTES = [{"destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}]


@pytest.mark.parametrize("arguments", [{"name": "public"}, {"aggregate": [{"name": "public"}]}])
def test_suboptions_that_exclude_each_other_may_stand_beside_it_or_alone(run, arguments):
    result = run(of=(ec2_route_table, "RouteTable"), vpc_id="vpc-1", routes=ROUTES, **arguments)
    assert not result.get("failed"), result
    assert [options["routes"][0]["gateway_id"] for options in run.seen] == ["igw-1"]


def test_twins_are_told_apart_by_their_ids(run):
    nat = (ec2_nat_gateway, "NatGateway")
    twins = [{"subnet_id": "subnet-1", "nat_gateway_id": f"nat-{number}"} for number in (1, 2)]
    assert not run(of=nat, state="absent", aggregate=twins).get("failed")
    assert "more than once" in run(of=nat, state="absent", aggregate=[twins[0], twins[0]])["msg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "missing required arguments: name"),
        ({"aggregate": [{"name": "/a"}, {"retention_days": 7}]}, "aggregate[1]: missing required arguments: name"),
        ({"aggregate": [{"name": "/a", "retention": 7}]}, "aggregate[0]: retention. Supported parameters include: "),
        (
            {"aggregate": [{"name": "/a", "retention_days": 8}]},
            "aggregate[0]: value of retention_days must be one of: 0, 1, 3",
        ),
        ({"aggregate": [{"name": "/a"}, {"name": "/a"}]}, "The aggregate has the log group '/a' more than once."),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(run, arguments, message):
    result = run(**arguments)
    assert result["failed"] is True
    assert message in result["msg"]
    assert run.seen == []


def test_none_at_all_is_nothing_to_do(run):
    result = run(aggregate=[])
    assert result["changed"] is False
    assert result["results"] == []


def test_the_base_works_on_each_with_the_clients_of_all():
    made = []

    class Module(ScriptedModule):
        def client(self, service, **config):
            made.append(service)
            return super().client(service, **config)

    def group(name):
        return {"logGroupName": name, "arn": f"{ARN}:{name}:*", "retentionInDays": 7}

    steps = [
        step
        for name in ("/a", "/b")
        for step in (
            Step("DescribeLogGroups", {"logGroups": [group(name)]}, {"logGroupNamePrefix": name}),
            Step("ListTagsForResource", {"tags": {}}, {"resourceArn": f"{ARN}:{name}"}),
        )
    ]
    module = Module(ScriptedAws(*steps), {})
    clients = Clients(module)
    options = dict.fromkeys(logs_log_group_options()) | {"state": "present", "wait": True, "retention_days": 7}
    for name in ("/a", "/b"):
        result = logs_log_group.LogGroup(Part(module, clients, {**options, "name": name})).run()
        assert result["log_group"]["log_group_name"] == name
    assert made == ["logs"]
    module.aws.assert_done()


def logs_log_group_options():
    return resource.argument_spec(logs_log_group.DOCUMENTATION)


def test_a_client_that_cannot_be_made_is_told_once():
    class Module:
        told = 0

        def client(self, _service, config=None):
            self.told += 1
            raise SystemExit(1)

    module = Module()
    clients = Clients(module)
    for _time in range(2):
        with pytest.raises(SystemExit):
            clients.client("logs")
    assert module.told == 1


def test_one_of_them_may_lie_in_a_region_of_its_own():
    class Module:
        params = {"region": "us-west-2", "aggregate": []}

        def __init__(self):
            self.made = []

        def client(self, service, config=None, **more):
            self.made.append((service, more))
            return object()

    module = Module()
    clients = Clients(module)
    here, there, here_too = (
        Part(module, clients, {"region": region}) for region in ("us-west-2", "us-east-1", "us-west-2")
    )
    assert here.client("acm") is here_too.client("acm")
    assert here.client("acm") is not there.client("acm")
    assert module.made == [("acm", {"region": "us-west-2"}), ("acm", {"region": "us-east-1"})]


def test_calls_may_go_to_another_region():
    class There(Calls):
        service = "acm"
        region = "eu-west-1"

    class Module:
        params, check_mode = {}, False

        def client(self, service, config=None, **more):
            return service, more

    assert There(Module()).reader == ("acm", {"region": "eu-west-1"})
