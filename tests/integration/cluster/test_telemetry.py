# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What telemetry has in AWS, and what changes of collectors come to.

The operator is the real one (tests/support/local_cloud/kubernetes/controllers/opentelemetry_operator.py). Collectors
don't run, as no pod's program does here: that a configuration is one that they start with isn't shown, only that it
passes the rules which are made of their own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbook import OWNER

from .components.telemetry import COLLECTORS, LOG_GROUPS, configuration, daemon_set
from .conftest import ClusterPlatform
from .objects import Api, differences

COMPONENT = "telemetry"
pytestmark = pytest.mark.by_component(COMPONENT)
RETENTION = 365


def log_groups(platform: ClusterPlatform) -> dict[str, dict[str, Any]]:
    """The log groups, with their tags."""
    logs = platform.account.client("logs")
    found = logs.describe_log_groups(logGroupNamePrefix=LOG_GROUPS[0].rpartition("/")[0])["logGroups"]
    return {
        group["logGroupName"]: {
            "retention": group.get("retentionInDays"),
            "key": group.get("kmsKeyId"),
            "tags": logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"],
        }
        for group in found
    }


def key(platform: ClusterPlatform) -> str:
    kms = platform.account.client("kms")
    aliases = {
        item["AliasName"]: item["TargetKeyId"] for item in kms.list_aliases()["Aliases"] if "TargetKeyId" in item
    }
    (of_the_platform,) = [target for alias, target in aliases.items() if alias.startswith(f"alias/{OWNER['Project']}")]
    return kms.describe_key(KeyId=of_the_platform)["KeyMetadata"]["Arn"]


def run(platform: ClusterPlatform, *args: str, **more: Any):
    return platform.run("--limit", COMPONENT, *args, **more)


class TestLogGroups:
    def test_they_have_key_retention_and_tags(self, cluster_platform: ClusterPlatform):
        arn = key(cluster_platform)
        assert log_groups(cluster_platform) == {
            name: {"retention": RETENTION, "key": arn, "tags": {**OWNER, "Component": COMPONENT, "Name": name}}
            for name in LOG_GROUPS
        }

    def test_what_is_done_to_them_is_put_back(self, cluster_platform: ClusterPlatform, kubernetes: Api):
        before, objects = log_groups(cluster_platform), kubernetes.everything()
        logs = cluster_platform.account.client("logs")
        logs.delete_log_group(logGroupName=LOG_GROUPS[1])
        logs.put_retention_policy(logGroupName=LOG_GROUPS[0], retentionInDays=1)
        logs.disassociate_kms_key(logGroupName=LOG_GROUPS[0])
        mended = run(cluster_platform, note="mends the collectors' log groups").assert_converged()
        (task,) = {task for _host, task in mended.changed}
        assert task.endswith(" : Make the log groups of the collectors"), mended.explain()
        assert log_groups(cluster_platform) == before
        assert differences(objects, kubernetes.everything()) == []


DEBUG = {"otlp": {"spec": {"config": {"exporters": {"debug": {}}, "service": {"pipelines": {}}}}}}
DEBUG["otlp"]["spec"]["config"]["service"]["pipelines"]["traces"] = {"exporters": ["debug"]}


# It keeps what it is asked about, and takes no exporter awsemf.
PROGRAM = """#!/bin/sh
[ "$*" = "validate --config=file:/dev/stdin" ] || exit 9
cat > "{folder}/$$.json"
grep -q awsemf "{folder}/$$.json" || exit 0
printf 'Error: exporters::awsemf:\\n  of no use\\n' >&2
exit 1
"""


class TestChanges:
    def test_a_changed_collector_is_rolled_out_and_waited_for(self, cluster_platform: ClusterPlatform, kubernetes: Api):
        before = daemon_set(kubernetes, "otlp")["spec"]["template"]
        run(cluster_platform, variables={"telemetry_collectors": DEBUG}, note="a collector changed").assert_converged()
        after = daemon_set(kubernetes, "otlp")
        # When the run is over all pods are of the new template.
        assert after["spec"]["template"] != before
        assert after["status"]["updatedNumberScheduled"] == after["status"]["numberAvailable"]
        assert configuration(kubernetes, "otlp")["service"]["pipelines"]["traces"]["exporters"] == ["awsxray", "debug"]
        run(cluster_platform, note="a collector changed back").assert_converged()
        assert configuration(kubernetes, "otlp")["service"]["pipelines"]["traces"]["exporters"] == ["awsxray"]
        assert daemon_set(kubernetes, "otlp")["spec"]["template"] == before

    def test_what_would_not_start_is_refused_before_anything_is_written(
        self, cluster_platform: ClusterPlatform, kubernetes: Api
    ):
        before = kubernetes.everything()
        pipelines = {"logs": {"exporters": ["awsemf"]}}
        wrong = {"otlp": {"spec": {"config": {"service": {"pipelines": pipelines}}}}}
        refused = run(cluster_platform, variables={"telemetry_collectors": wrong}, note="a pipeline of nothing")
        assert refused.returncode != 0
        line = "telemetry_collectors.otlp.spec.config.service.pipelines.logs: names no receiver, so nothing comes in"
        assert line in refused.output, refused.explain()
        assert not refused.calls.writes
        assert differences(before, kubernetes.everything()) == []

    def test_a_collectors_own_program_is_asked_before_anything_is_written(
        self, cluster_platform: ClusterPlatform, kubernetes: Api, tmp_path: Path
    ):
        before = kubernetes.everything()
        program = tmp_path / "otelcol"
        program.write_text(PROGRAM.format(folder=tmp_path))
        program.chmod(0o755)
        variables = {"telemetry_collector_binary": str(program)}
        refused = run(cluster_platform, variables=variables, note="a collector's program refuses")
        assert refused.returncode != 0
        line = f"{program} refuses the configuration of otlp: Error: exporters::awsemf: of no use"
        assert line in " ".join(refused.output.split()), refused.explain()
        assert not refused.calls.writes
        assert differences(before, kubernetes.everything()) == []
        for name in COLLECTORS:
            assert configuration(kubernetes, name) in [json.loads(told.read_text()) for told in tmp_path.glob("*.json")]

    def test_no_value_is_in_clear_that_is_a_secret(self, kubernetes: Api):
        for name in COLLECTORS:
            for exporter in configuration(kubernetes, name)["exporters"].values():
                assert not {"headers", "password", "token"} & set(exporter or {})
