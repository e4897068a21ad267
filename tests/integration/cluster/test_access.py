# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kubeconfig that eks_kubeconfig writes, as people and playbooks use it.

kubectl, helm and kubernetes.core get in with it by an access entry, with its rights and no others, and not without one.

The API is a real one, and the emulator checks the signature of each token.
"""

from __future__ import annotations

import base64
import functools
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils import eks_token
from tests.support import warm_runs
from tests.support.local_cloud.kubernetes import programs
from tests.support.local_cloud.settings import REGION, Instance

from .test_control_plane import CLUSTER, POLICY, TRUST, Cloud

ACCOUNT = "620100000001"
# The path stands in the ARN of a role, but not in that of its sessions.
ROLES = {"administrators": "/teams/platform/", "viewers": "/teams/", "strangers": "/"}
RIGHTS = {"administrators": "AmazonEKSClusterAdminPolicy", "viewers": "AmazonEKSViewPolicy"}
SECONDS = 60

CHART = {
    "Chart.yaml": {"apiVersion": "v2", "name": "greeting", "version": "0.1.0"},
    "templates/greeting.yaml": {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "greeting", "namespace": "default"},
        "data": {"word": "hello"},
    },
}

Ask = Callable[..., subprocess.CompletedProcess[str]]
Write = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def cloud(cluster_emulator: Instance) -> Iterator[Cloud]:
    """A cluster with an administrator and a viewer, and a role that it doesn't know."""
    made = Cloud(cluster_emulator, ACCOUNT)
    made.create(made.role("cluster"), made.subnets())
    for name, path in ROLES.items():
        made.client("iam").create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=TRUST)
    for name in RIGHTS:
        admit(made, name)
    yield made
    # Its programs end with it.
    made.eks.delete_cluster(name=CLUSTER)


def arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role{ROLES[name]}{name}"


def admit(cloud: Cloud, name: str) -> None:
    cloud.eks.create_access_entry(clusterName=CLUSTER, principalArn=arn(name))
    cloud.eks.associate_access_policy(
        clusterName=CLUSTER, principalArn=arn(name), policyArn=POLICY + RIGHTS[name], accessScope={"type": "cluster"}
    )


@functools.cache
def session_of(cloud: Cloud, name: str) -> dict[str, str]:
    return cloud.session_of(arn(name))


def environment_of(cloud: Cloud, name: str) -> dict[str, str]:
    """The settings of somebody who is a session of the role, as a shell or a run has them."""
    keys = session_of(cloud, name)
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": cloud.instance.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def kubeconfig_task(**options: Any) -> dict[str, Any]:
    return {"agent_platform.aws.eks_kubeconfig": {"cluster_name": CLUSTER, **options}}


@pytest.fixture
def write(run: warm_runs.Run, cloud: Cloud, tmp_path: Path) -> Write:
    """Runs the module as one of the roles, with different options in one playbook; the results."""

    def act(name: str, *options: Mapping[str, Any]) -> list[dict[str, Any]]:
        tasks = [
            {**kubeconfig_task(**{"path": str(tmp_path / "config"), **given}), "ignore_errors": True}
            for given in options
        ]
        results, _rest = run(tasks, **environment_of(cloud, name))
        return [dict(result["host0"]) for result in results]

    return act


@pytest.fixture
def ask(cloud: Cloud, tmp_path: Path) -> Ask:
    """Runs kubectl or helm as one of the roles, with nothing but the kubeconfig and AWS's usual settings."""
    found = programs.find("1.36")
    assert found is not None

    def act(name: str, program: str, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "KUBECONFIG": str(path or tmp_path / "config")}
        return subprocess.run(
            [str(getattr(found, program)), *words],
            env={**home, **environment_of(cloud, name)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return act


def chart(folder: Path) -> str:
    (folder / "greeting" / "templates").mkdir(parents=True)
    for name, content in CHART.items():
        (folder / "greeting" / name).write_text(yaml.safe_dump(content))
    return str(folder / "greeting")


def test_kubectl_and_helm_work_as_an_administrator_and_renew_their_token(
    write: Write, ask: Ask, tmp_path: Path, figures: list[str]
) -> None:
    cache = tmp_path / "token"
    (written,) = write("administrators", {"required_access": "administrator", "cache": str(cache)})
    assert (written["changed"], written["reachable"], written["exists"]) == (True, True, True)
    assert written["cluster_arn"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"

    listed = ask("administrators", "kubectl", "get", "namespaces", "-o", "name")
    assert "namespace/kube-system" in listed.stdout.split(), listed.stderr
    made = ask("administrators", "kubectl", "create", "namespace", "access")
    assert made.stdout == "namespace/access created\n", made.stderr
    installed = ask("administrators", "helm", "install", "greeting", chart(tmp_path), "--wait")
    assert "STATUS: deployed" in installed.stdout, installed.stderr
    releases = json.loads(ask("administrators", "helm", "list", "-o", "json").stdout)
    assert [release["name"] for release in releases] == ["greeting"]
    removed = ask("administrators", "helm", "uninstall", "greeting", "--wait")
    assert removed.returncode == 0, removed.stderr

    begun = time.monotonic()
    assert ask("administrators", "kubectl", "get", "--raw", "/version").returncode == 0
    figures.append(f"kubectl with our kubeconfig: {time.monotonic() - begun:.2f} s")

    # One token for all of that, until it is old.
    first = json.loads(cache.read_text())
    assert ask("administrators", "kubectl", "get", "namespaces").returncode == 0
    assert json.loads(cache.read_text()) == first
    end = time.gmtime(time.time() + eks_token.LEAST_LEFT - 10)
    old = {**first["credential"]["status"], "expirationTimestamp": time.strftime(eks_token.TIME, end)}
    cache.write_text(json.dumps({**first, "credential": {**first["credential"], "status": old}}))
    assert ask("administrators", "kubectl", "get", "namespaces").returncode == 0
    assert json.loads(cache.read_text())["credential"]["status"]["token"] != old["token"]


def test_the_modules_of_kubernetes_core_work(run: warm_runs.Run, cloud: Cloud, tmp_path: Path) -> None:
    """With the kubeconfig, and with a token of the lookup."""
    path, authority = tmp_path / "config", tmp_path / "ca.crt"
    cluster = cloud.eks.describe_cluster(name=CLUSTER)["cluster"]
    authority.write_bytes(base64.b64decode(cluster["certificateAuthority"]["data"]))
    by_file = {"environment": {"K8S_AUTH_KUBECONFIG": str(path)}}
    by_token = {
        "host": cluster["endpoint"],
        "ca_cert": str(authority),
        "api_key": f"{{{{ lookup('agent_platform.aws.eks_token', '{CLUSTER}', region='{REGION}') }}}}",
    }
    definition = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "from-ansible"}}
    tasks = [
        kubeconfig_task(path=str(path), required_access="administrator", cache=str(tmp_path / "token")),
        {"kubernetes.core.k8s": {"definition": definition, "state": "present"}, **by_file},
        {"kubernetes.core.k8s_info": {"kind": "Namespace", "name": "from-ansible"}, **by_file},
        {"kubernetes.core.k8s_info": {"kind": "Namespace", "name": "from-ansible", **by_token}},
    ]
    results, _rest = run(tasks, **environment_of(cloud, "administrators"))
    _written, made, *looks = (result["host0"] for result in results)
    assert made["changed"] is True, made
    for found in looks:
        assert [item["metadata"]["name"] for item in found["resources"]] == ["from-ansible"], found


def test_a_viewer_may_look_and_not_write(write: Write, ask: Ask) -> None:
    refused, written = write(
        "viewers", {"required_access": "administrator", "wait_timeout": 1}, {"required_access": "user"}
    )
    assert "lets this caller in, but not as an administrator" in refused["msg"]
    assert written["reachable"] is True
    assert ask("viewers", "kubectl", "get", "pods", "--all-namespaces").returncode == 0
    made = ask("viewers", "kubectl", "create", "namespace", "of-a-viewer")
    assert made.returncode != 0
    assert "forbidden" in made.stderr.lower()


def test_without_an_entry_nobody_gets_in(write: Write, ask: Ask) -> None:
    asked = {"required_access": "user"}
    refused, tolerated, unasked = write("strangers", asked, {**asked, "tolerated": ["refused"]}, {})
    assert f"refuses {arn('strangers')}, which has no access entry" in refused["msg"]
    assert f"principal_arn: '{arn('strangers')}'" in refused["msg"]
    assert (tolerated["exists"], tolerated["reachable"]) == (True, False)
    assert (unasked["reachable"], unasked["changed"]) == (True, False)
    for words in (("kubectl", "get", "--raw", "/api/v1/namespaces"), ("helm", "list")):
        answer = ask("strangers", *words)
        assert answer.returncode != 0
        assert "provide credentials" in answer.stderr or "Unauthorized" in answer.stderr, answer.stderr


def test_whose_entry_is_taken_away_is_out_and_whose_is_given_back_is_in(cloud: Cloud, write: Write, ask: Ask) -> None:
    cloud.eks.delete_access_entry(clusterName=CLUSTER, principalArn=arn("viewers"))
    refused, _written = write("viewers", {"required_access": "user"}, {})
    assert "no access entry" in refused["msg"]
    look = ("kubectl", "get", "--raw", "/api/v1/namespaces")
    assert ask("viewers", *look).returncode != 0
    admit(cloud, "viewers")
    assert ask("viewers", *look).returncode == 0


def test_another_clusters_file_and_another_api_are_refused(write: Write, cloud: Cloud, tmp_path: Path) -> None:
    """Whatever answers at an address, it is not the cluster without the cluster's certificate."""
    other = yaml.safe_dump({"clusters": [{"name": "arn:aws:eks:us-west-2:111122223333:cluster/theirs", "cluster": {}}]})
    theirs = tmp_path / "theirs"
    theirs.write_text(other)
    endpoint = cloud.eks.describe_cluster(name=CLUSTER)["cluster"]["endpoint"]
    asked = {"required_access": "user", "tolerated": ["unreachable"], "wait_timeout": 1}
    file, no_tls, other_name = write(
        "administrators",
        {"path": str(theirs)},
        {**asked, "server": f"https://127.0.0.1:{cloud.instance.port}"},
        # The API itself, by another name than its own.
        {**asked, "server": endpoint, "tls_server_name": "other.gr7.us-west-2.eks.amazonaws.com"},
    )
    assert "is the kubeconfig of another cluster" in file["msg"]
    assert theirs.read_text() == other
    assert no_tls["reachable"] is False
    assert "presents a certificate that isn't" in other_name["msg"]
