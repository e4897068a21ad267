# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Kubernetes API behind a tunnel, as the role cluster_access opens one through the bastion: asked by the modules
of kubernetes.core, across a session that breaks, and by nobody who is led to another server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import free_port
from tests.support import session_manager
from tests.support.bastion_node import launch_bastion
from tests.support.local_cloud import processes
from tests.support.local_cloud.settings import EMULATORS, REGION, Instance
from tests.support.playbook import OWNER, PREFIX, of_run
from tests.support.remote_host import echo, make_certificate
from tests.support.warm_runs import LOCAL, WARM, Run, wait_for

from .conftest import NEEDS_PROGRAMS
from .test_control_plane import POLICY, Cloud

pytestmark = NEEDS_PROGRAMS
ACCOUNT = "630100000001"
CLUSTER = f"{PREFIX}-eks"
SETTINGS = {
    "platform_name": OWNER["Project"],
    "platform_environment": OWNER["Environment"],
    "platform_prefix": PREFIX,
    "platform_region": REGION,
    "platform_account_id": ACCOUNT,
    "platform_owner_tags": OWNER,
    "platform_cluster_access": "tunnel",
}
QUICKLY = {"Delay": 0.2, "MaxAttempts": 600}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The platform's cluster, which lets in the account's own key, and its bastion."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_CLOUD_KUBERNETES", "1")
        emulator = Instance(EMULATORS[0], free_port(), tmp_path_factory.mktemp("emulator"))
        processes.start(emulator, timeout=60)
    try:
        made = Cloud(emulator, ACCOUNT)
        made.eks.create_cluster(
            name=CLUSTER,
            version="1.36",
            roleArn=made.role("cluster"),
            resourcesVpcConfig={"subnetIds": made.subnets()},
            accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
            tags={**OWNER, "Component": "eks"},
        )
        launch_bastion(made)
        made.eks.get_waiter("cluster_active").wait(name=CLUSTER, WaiterConfig=QUICKLY)
        root = f"arn:aws:iam::{ACCOUNT}:root"
        made.eks.create_access_entry(clusterName=CLUSTER, principalArn=root)
        made.eks.associate_access_policy(
            clusterName=CLUSTER,
            principalArn=root,
            policyArn=f"{POLICY}AmazonEKSClusterAdminPolicy",
            accessScope={"type": "cluster"},
        )
        yield made
    finally:
        processes.stop(emulator)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return session_manager.install_plugin(tmp_path / "bin")


def environment(cloud: Cloud, plugin: Path) -> dict[str, str]:
    return {
        **session_manager.environment(plugin),
        "AWS_ENDPOINT_URL": cloud.instance.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


OPTIONS = ["-e", json.dumps(SETTINGS)]
REACH: dict[str, Any] = {"ansible.builtin.include_role": {"name": "agent_platform.aws.cluster_access"}}
KUBECONFIG = "{{ cluster_access.kubeconfig }}"
LOOK: dict[str, Any] = {
    "kubernetes.core.k8s_info": {"kind": "Namespace", "name": "{{ item }}", "kubeconfig": KUBECONFIG},
    "loop": ["default", "kube-system"],
    "register": "looked",
}


def made(namespace: str) -> dict[str, Any]:
    definition = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    return {"kubernetes.core.k8s": {"kubeconfig": KUBECONFIG, "definition": definition}}


@pytest.mark.parametrize("connection", [WARM, pytest.param(LOCAL, marks=pytest.mark.thorough)])
def test_a_run_goes_through_it_and_on_when_it_breaks(
    run: Run, cloud: Cloud, plugin: Path, tmp_path: Path, connection: str
) -> None:
    ssm = cloud.client("ssm")
    ready, go = tmp_path / "ready", tmp_path / "go"
    pause = {"ansible.builtin.shell": f"touch {ready}; until test -e {go}; do sleep 0.1; done"}
    process = run.start(
        [REACH, LOOK, pause, made(f"by-{connection[-4:]}"), LOOK, REACH],
        connection,
        options=OPTIONS,
        **environment(cloud, plugin),
    )
    wait_for(ready.exists, 180)
    (session,) = ssm.describe_sessions(State="Active")["Sessions"]
    assert session["DocumentName"] == "AWS-StartPortForwardingSessionToRemoteHost"
    ssm.terminate_session(SessionId=session["SessionId"])
    go.touch()
    out, error = process.communicate(timeout=300)

    assert process.returncode == 0, out + error
    results = [task["hosts"]["host0"] for task in json.loads(out[out.index("{\n") :])["plays"][0]["tasks"]]
    looks = [result["results"] for result in results if result.get("results")]
    names = [[item["resources"][0]["metadata"]["name"] for item in look] for look in looks]
    assert names == [["default", "kube-system"]] * 2
    first, last = (result for result in results if "restarts" in result)
    assert (first["restarts"], last["restarts"]) == (0, 1)
    assert first["local_port"] == last["local_port"]
    # Only the new namespace is a change.
    assert [result["changed"] for result in results if result.get("method") == "create"] == [True]
    mark = f"ANSIBLE_LOCAL_TEMP={run.temporary}"
    wait_for(lambda: not of_run(mark) and not ssm.describe_sessions(State="Active")["Sessions"], 2)


def test_another_server_at_the_other_end_is_refused(run: Run, cloud: Cloud, plugin: Path, tmp_path: Path) -> None:
    """By its certificate, before it gets the token."""
    with echo(make_certificate(tmp_path, "elsewhere")) as port:
        session_manager.install_plugin(plugin.parent, hosts={"127.0.0.1": ["127.0.0.1", port]})
        results = run([REACH], options=OPTIONS, **environment(cloud, plugin))[0]

    refused = results[-1]["host0"]
    assert refused["failed"]
    assert "certificate" in refused["msg"]
    assert "\n" not in refused["msg"]
