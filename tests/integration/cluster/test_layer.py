# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for all components in the cluster: built once, nothing to do next, mended exactly, and removed."""

from __future__ import annotations

import re
import resource
import time

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.base import Cluster, Scope
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import discover, identify
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import marks
from tests.integration import edge
from tests.integration.components.configuration import PATH
from tests.support.components import COMPONENTS, IN_CLUSTER, entries
from tests.support.playbook import OWNER, PREFIX, REGION, Run

from . import components, harms
from .conftest import ClusterAccount, ClusterPlatform
from .objects import Api, differences, until

pytestmark = pytest.mark.by_component(*IN_CLUSTER)

NONE = {"platform_cluster_access": "none"}
TEARDOWN = "playbooks/teardown.yml"
CONFIRMED = {"platform_teardown_confirm": PREFIX}
# What a run of one component that has nothing to do may take of a processor, as a part of what all of them take.
QUICK = 0.5
GATEWAYS = "gateways"
# First words of what is told as changed whether it's new or not: of a chart's release and of a Secret that is hidden,
# and definitions that the chart has made just before.
UNTOLD = ("Install", "Give", "CustomResourceDefinition")


def processor_seconds() -> float:
    """What the processes that this one has started and seen end have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def changed_hosts(run: Run) -> set[str]:
    return {host for host, _task in run.changed}


class TestRuns:
    def test_first_run_tells_of_every_component(self, cluster_platform: ClusterPlatform):
        run = cluster_platform.first_run
        for component in IN_CLUSTER:
            assert run.recap[component]["changed"] > 0, run.explain()
            assert components.of(component).SUMMARY in run.output, run.explain()
        # What is made for the first time is added, down to the last object.
        changed = re.findall(rf"^(?:{'|'.join(IN_CLUSTER)}) +~ (\w+)", run.output, re.MULTILINE)
        assert {*changed} == {*UNTOLD}, run.explain()

    @pytest.fixture(scope="class")
    def second_run(self, cluster_platform: ClusterPlatform) -> tuple[Run, float]:
        """And how many seconds of a processor it took."""
        before = processor_seconds()
        run = cluster_platform.run(note="second run with the layer cluster")
        return run, processor_seconds() - before

    def test_second_run_changes_nothing(self, kubernetes: Api, request: pytest.FixtureRequest):
        before = kubernetes.everything()
        run, _seconds = request.getfixturevalue("second_run")
        run.assert_nothing_to_do()
        assert differences(before, kubernetes.everything()) == []

    def test_one_component_alone_changes_nothing(
        self, cluster_platform: ClusterPlatform, second_run: tuple[Run, float]
    ):
        before = processor_seconds()
        run = cluster_platform.run("--limit", GATEWAYS, note="gateways alone, no change").assert_nothing_to_do()
        assert set(run.recap) == {GATEWAYS}
        assert processor_seconds() - before < QUICK * second_run[1], run.explain()

    def test_a_dry_run_has_nothing_to_show(self, cluster_platform: ClusterPlatform):
        cluster_platform.run("--check", "--diff", "--limit", "cluster", note="dry run").assert_nothing_to_do()


def test_a_dry_run_in_an_empty_account_tells_what_would_be_made(empty_account: ClusterAccount):
    run = empty_account.run("--check", "--diff", note="dry run before there is a cluster").assert_converged()
    assert not run.calls.writes, run.explain()
    assert {*IN_CLUSTER} <= changed_hosts(run), run.explain()
    assert "Namespace gateways" in run.output, run.explain()


def test_all_that_is_ours_says_so(kubernetes: Api):
    for component in IN_CLUSTER:
        found = kubernetes.everything(component)
        assert found, component
        wanted = marks(PREFIX, component).items()
        assert [name for name, item in found.items() if not wanted <= item["metadata"]["labels"].items()] == []


def test_discovery_agrees_with_what_was_built(cluster_platform: ClusterPlatform, kubernetes: Api):
    account = cluster_platform.account
    scope = Scope(PREFIX, OWNER, REGION, entries("local"), PATH)
    cluster = Cluster.of(str(kubernetes.kubeconfig))
    found = discover(account.client, scope, IN_CLUSTER, identify(account.client), cluster=cluster)
    assert (found.conflicts, found.warnings) == ([], [])
    for component in IN_CLUSTER:
        assert found.components[component]["exists"], component
        components.of(component).check_discovery(kubernetes, found.components[component])


def test_what_was_done_by_hand_is_shown_and_put_back(cluster_platform: ClusterPlatform, kubernetes: Api):
    """All harms to all components at once, and exactly those."""
    before = kubernetes.everything()
    seen = before
    for component in IN_CLUSTER:
        for name, harm in components.of(component).HARMS.items():
            harm(kubernetes)
            harmed = kubernetes.everything()
            assert differences(seen, harmed), f"{name} of {component} did not change anything"
            seen = harmed
        for _name, harm in harms.of_kinds(kubernetes, component):
            harm()
    seen = kubernetes.everything()

    dry = cluster_platform.run("--check", "--diff", "--limit", "cluster", note="shows drift").assert_converged()
    assert changed_hosts(dry) == {*IN_CLUSTER}, dry.explain()
    assert not dry.calls.writes, dry.explain()
    assert differences(seen, kubernetes.everything()) == []

    run = cluster_platform.run("--limit", "cluster", note="mends the layer").assert_converged()
    assert changed_hosts(run) == {*IN_CLUSTER}, run.explain()
    assert differences(before, kubernetes.everything()) == [], run.explain()
    again = cluster_platform.run("--limit", "cluster", note="the layer after that").assert_nothing_to_do()
    assert differences(before, kubernetes.everything()) == [], again.explain()


def a_service(kubernetes: Api) -> dict:
    return kubernetes.ours(GATEWAYS, "Service", "gateways")[0]


class TestOwnership:
    def test_what_is_not_declared_any_more_goes_and_what_others_have_stays(
        self, cluster_platform: ClusterPlatform, kubernetes: Api
    ):
        before = kubernetes.everything()
        where = {"namespace": "gateways"}
        old = {**where, "name": "of-a-gateway-that-was", "labels": marks(PREFIX, GATEWAYS)}
        theirs = {**where, "name": "theirs", "labels": {"app": "theirs"}}
        others = {**where, "name": "of-another-platform", "labels": marks("agent-platform-staging", GATEWAYS)}
        for metadata in (old, theirs, others):
            kubernetes.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

        dry = cluster_platform.run("--check", "--diff", "--limit", GATEWAYS, note="shows what goes").assert_converged()
        assert "ConfigMap of-a-gateway-that-was in gateways" in dry.output, dry.explain()
        assert kubernetes.read("ConfigMap", old["name"], "gateways")
        run = cluster_platform.run("--limit", GATEWAYS, note="prunes").assert_converged()

        assert [task.split(" : ")[-1] for _host, task in run.changed] == ["Delete what is not declared"], run.explain()
        assert differences(before, kubernetes.everything()) == []
        for metadata in (theirs, others):
            assert kubernetes.read("ConfigMap", metadata["name"], "gateways")
            kubernetes.delete("ConfigMap", metadata["name"], "gateways")

    def test_a_name_that_someone_else_has_is_refused_and_nothing_is_applied(
        self, cluster_platform: ClusterPlatform, kubernetes: Api
    ):
        before, service = kubernetes.everything(), a_service(kubernetes)
        name = service["metadata"]["name"]
        kubernetes.delete("Service", name, "gateways")
        kubernetes.create(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name, "namespace": "gateways"},
                "spec": {"ports": [{"port": 1}]},
            }
        )
        taken = kubernetes.everything()

        run = cluster_platform.run("--limit", GATEWAYS, note="a name is taken").assert_refused()

        assert f"Service {name} in gateways exists and isn't this platform's" in " ".join(run.failures), run.explain()
        assert differences(taken, kubernetes.everything()) == []
        assert kubernetes.read("Service", name, "gateways")["spec"]["ports"][0]["port"] == 1
        kubernetes.delete("Service", name, "gateways")
        cluster_platform.run("--limit", GATEWAYS, note="the name is free").assert_converged()
        assert differences(before, kubernetes.everything()) == []


class TestNoWayIn:
    def test_the_layer_is_left_out_in_one_line(self, cluster_platform: ClusterPlatform, kubernetes: Api):
        before = kubernetes.everything()
        # The layer and one component besides, none by its name: who names one means it.
        meant = {*IN_CLUSTER, "configuration"}
        limit = ":".join(["platform", *(f"!{name}" for name in COMPONENTS if name not in meant)])
        run = cluster_platform.run("--limit", limit, "--check", variables=NONE, note="without a way in")
        run.assert_converged()
        lines = [line for line in run.output.splitlines() if "Left out: " in line]
        assert len(lines) == 1, run.explain()
        assert all(component in lines[0] for component in IN_CLUSTER)
        assert differences(before, kubernetes.everything()) == []

    @pytest.mark.parametrize("option", ["--limit", "--tags"])
    def test_one_that_is_named_is_refused(self, cluster_platform: ClusterPlatform, option: str):
        run = cluster_platform.run(option, GATEWAYS, variables=NONE, note="named").assert_refused()
        told, _colon, why = run.failures[0].partition(": platform_cluster_access is none")
        assert why, run.explain()
        assert GATEWAYS in told, run.explain()


def test_a_run_that_was_killed_is_gone_on_with(cluster_platform: ClusterPlatform, kubernetes: Api):
    before = kubernetes.everything()
    for kind in ("Deployment", "NetworkPolicy", "ServiceAccount"):
        for item in kubernetes.ours(GATEWAYS, kind, "gateways"):
            kubernetes.delete(kind, item["metadata"]["name"], "gateways")
    run = cluster_platform.account.start("--limit", GATEWAYS)
    # As soon as the first is there again.
    until(lambda: kubernetes.ours(GATEWAYS, "ServiceAccount", "gateways"), 60)
    run.kill()
    assert run.outlived() == []

    cluster_platform.run("--limit", GATEWAYS, note="after a kill").assert_converged()
    assert differences(before, kubernetes.everything()) == []
    cluster_platform.run("--limit", GATEWAYS, note="after that").assert_nothing_to_do()


def test_two_runs_at_once(cluster_platform: ClusterPlatform, kubernetes: Api):
    before = kubernetes.everything()
    for item in kubernetes.ours(GATEWAYS, "Deployment", "gateways"):
        kubernetes.delete("Deployment", item["metadata"]["name"], "gateways")
    started = [cluster_platform.account.start("--limit", GATEWAYS) for _each in range(2)]
    for run in [each.wait() for each in started]:
        run.assert_converged()
    assert differences(before, kubernetes.everything()) == []


@pytest.mark.ends_the_platform
class TestTeardown:
    def test_what_others_build_on_stays(self, cluster_platform: ClusterPlatform, kubernetes: Api):
        before = kubernetes.everything()
        run = cluster_platform.run(
            "--limit", "cluster_services", playbook=TEARDOWN, variables=CONFIRMED, note="required"
        ).assert_refused()
        assert "still required by" in " ".join(run.failures), run.explain()
        assert differences(before, kubernetes.everything()) == []

    def test_a_half_goes_and_comes_back(self, cluster_platform: ClusterPlatform, kubernetes: Api):
        before = kubernetes.everything()
        # A half of it has gone already.
        for item in kubernetes.ours(GATEWAYS, "Service", "gateways"):
            kubernetes.delete("Service", item["metadata"]["name"], "gateways")
        # AWS keeps the load balancer as long as CloudFront leads to it.
        edge.lead_to_balancer(cluster_platform.account)
        removal = ("--limit", GATEWAYS)
        cluster_platform.run(*removal, playbook=TEARDOWN, variables=CONFIRMED, note="gateways go").assert_converged()
        assert kubernetes.everything(GATEWAYS) == {}
        load_balancers = cluster_platform.account.pages("elbv2", "describe_load_balancers", "LoadBalancers")
        assert load_balancers == []
        again = cluster_platform.run(*removal, playbook=TEARDOWN, variables=CONFIRMED, note="gone").assert_converged()
        assert again.total("changed") == 0, again.explain()

        cluster_platform.run("--limit", GATEWAYS, note="gateways come back").assert_converged()
        assert {*kubernetes.everything()} == {*before}

    def test_all_of_the_layer_goes(self, cluster_platform: ClusterPlatform, kubernetes: Api):
        begun = time.monotonic()
        cluster_platform.run(
            "--limit", "cluster", playbook=TEARDOWN, variables=CONFIRMED, note="teardown of the layer cluster"
        ).assert_converged()
        assert kubernetes.everything() == {}
        assert time.monotonic() - begun < 120
