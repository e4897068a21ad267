# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control plane behind a cluster of the local AWS: what EKS tells is true of a real Kubernetes API.

A cluster of these tests' own, made with boto3, in an emulator of their own.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import kubernetes.client
import pytest
from botocore.config import Config
from botocore.signers import RequestSigner

from tests.integration.conftest import free_port
from tests.support.local_cloud import processes
from tests.support.local_cloud.kubernetes import programs
from tests.support.local_cloud.settings import EMULATORS, REGION, Instance

from .conftest import NEEDS_PROGRAMS

pytestmark = NEEDS_PROGRAMS

CLUSTER = "plane"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
POLICY = "arn:aws:eks::aws:cluster-access-policy/"


class Cloud:
    """An account in an emulator with control planes, and the cluster in it."""

    def __init__(self, instance: Instance, account_id: str) -> None:
        self.instance = instance
        self.account_id = account_id
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
            session = boto3.Session(self.account_id, "local", region_name=REGION)
            self._clients[service] = session.client(service, endpoint_url=self.instance.endpoint, config=config)
        return self._clients[service]

    @property
    def eks(self) -> Any:
        return self.client("eks")

    def role(self, name: str) -> str:
        return str(self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"])

    def subnets(self) -> list[str]:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        return [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate("abc")
        ]

    def create(self, role: str, subnets: list[str], version: str = "1.36") -> dict[str, Any]:
        cluster = self.eks.create_cluster(
            name=CLUSTER,
            version=version,
            roleArn=role,
            resourcesVpcConfig={"subnetIds": subnets},
            accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        )["cluster"]
        assert cluster["status"] == "CREATING"
        assert "endpoint" not in cluster
        return self.await_active()

    def await_active(self) -> dict[str, Any]:
        self.wait("cluster_active", name=CLUSTER)
        return dict(self.eks.describe_cluster(name=CLUSTER)["cluster"])

    def wait(self, what: str, **of: str) -> None:
        waiter = self.eks.get_waiter(what)
        waiter.config.delay = 0.2
        waiter.config.max_attempts = 600
        waiter.wait(**of)

    def token(self, key: Mapping[str, str] | None = None, cluster: str = CLUSTER) -> str:
        """A token as `aws eks get-token` makes it, of the account's own key or a session's."""
        names = {"AccessKeyId": self.account_id, "SecretAccessKey": "local", **(key or {})}
        session = boto3.Session(names["AccessKeyId"], names["SecretAccessKey"], names.get("SessionToken"), REGION)
        sts = session.client("sts", endpoint_url=self.instance.endpoint)
        signer = RequestSigner(
            sts.meta.service_model.service_id, REGION, "sts", "v4", session.get_credentials(), session.events
        )
        request = {
            "method": "GET",
            "url": f"{self.instance.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": cluster},
            "context": {},
        }
        url = signer.generate_presigned_url(request, region_name=REGION, expires_in=60, operation_name="")
        return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")

    def session_of(self, role: str) -> dict[str, str]:
        return dict(self.client("sts").assume_role(RoleArn=role, RoleSessionName="someone")["Credentials"])

    def api(self, token: str, folder: Path) -> kubernetes.client.ApiClient:
        """The API as whoever has this token, at the address and with the authority that EKS tells."""
        cluster = self.eks.describe_cluster(name=CLUSTER)["cluster"]
        authority = folder / f"{self.account_id}.crt"
        authority.write_bytes(base64.b64decode(cluster["certificateAuthority"]["data"]))
        configuration = kubernetes.client.Configuration()
        configuration.host = cluster["endpoint"]
        configuration.ssl_ca_cert = str(authority)
        configuration.api_key = {"authorization": f"Bearer {token}"}
        configuration.no_proxy = "127.0.0.1"
        return kubernetes.client.ApiClient(configuration)


def processes_below(folder: Path) -> list[str]:
    """The programs that work in this folder and still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        command = processes.command_of(int(entry.name))
        if command and any(str(folder) in part for part in command) and command[1:2] != ["-m"]:
            found.append(Path(command[0]).name)
    return sorted(found)


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it doesn't come about"
        time.sleep(0.1)
    return result


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_CLOUD_KUBERNETES", "1")
        emulator = Instance(EMULATORS[0], free_port(), tmp_path_factory.mktemp("emulator"))
        processes.start(emulator, timeout=60)
    yield emulator
    processes.stop(emulator)


@pytest.fixture(scope="module")
def cloud(instance: Instance, figures: list[str]) -> Cloud:
    """A cluster with a node group of two, and the account's own key as its administrator."""
    made = Cloud(instance, "610100000001")
    role, subnets = made.role("cluster"), made.subnets()
    begun = time.monotonic()
    cluster = made.create(role, subnets)
    figures.append(f"a control plane is ready after {time.monotonic() - begun:.1f} s")
    assert cluster["endpoint"].startswith("https://127.0.0.1:")
    root = f"arn:aws:iam::{made.account_id}:root"
    made.eks.create_access_entry(clusterName=CLUSTER, principalArn=root)
    made.eks.associate_access_policy(
        clusterName=CLUSTER,
        principalArn=root,
        policyArn=f"{POLICY}AmazonEKSClusterAdminPolicy",
        accessScope={"type": "cluster"},
    )
    made.eks.create_nodegroup(
        clusterName=CLUSTER,
        nodegroupName="nodes",
        nodeRole=role,
        subnets=subnets,
        instanceTypes=["m6i.large"],
        scalingConfig={"minSize": 2, "maxSize": 4, "desiredSize": 2},
        labels={"workload": "agents"},
    )
    made.wait("nodegroup_active", clusterName=CLUSTER, nodegroupName="nodes")
    return made


@pytest.fixture(scope="module")
def admin(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> kubernetes.client.ApiClient:
    return cloud.api(cloud.token(), tmp_path_factory.mktemp("admin"))


def nodes(admin: kubernetes.client.ApiClient) -> list[Any]:
    return list(kubernetes.client.CoreV1Api(admin).list_node().items)


def are_ready(admin: kubernetes.client.ApiClient, count: int) -> bool:
    ready = [
        node
        for node in nodes(admin)
        for condition in node.status.conditions or []
        if (condition.type, condition.status) == ("Ready", "True") and not node.spec.taints
    ]
    return len(ready) == len(nodes(admin)) == count


def behaves_as(api: kubernetes.client.ApiClient) -> str:
    """The version of an API: its own, or an older one that it was told to be."""
    version = kubernetes.client.VersionApi(api).get_code()
    return f"{version.emulation_major or version.major}.{version.emulation_minor or version.minor}"


def test_the_api_is_of_the_version_that_was_asked_for(admin: kubernetes.client.ApiClient) -> None:
    assert behaves_as(admin) == "1.36"


def test_nodes_of_the_group_are_ready_and_bear_its_labels(admin: kubernetes.client.ApiClient) -> None:
    until(lambda: are_ready(admin, 2))
    found = nodes(admin)
    labels = [node.metadata.labels for node in found]
    assert {one["eks.amazonaws.com/nodegroup"] for one in labels} == {"nodes"}
    assert {one["node.kubernetes.io/instance-type"] for one in labels} == {"m6i.large"}
    assert {one["topology.kubernetes.io/zone"] for one in labels} == {f"{REGION}a", f"{REGION}b"}
    assert {one["workload"] for one in labels} == {"agents"}
    assert all(node.spec.provider_id.startswith("aws:///us-west-2") for node in found)
    assert {(node.status.capacity["cpu"], node.status.capacity["memory"]) for node in found} == {("2", "8Gi")}


def deployment(name: str, replicas: int, image: str = "example.com/web:1", **container: Any) -> dict[str, Any]:
    labels = {"app": name}
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {"topologySpreadConstraints": [spread], "containers": [{"name": "web", "image": image, **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def pods(admin: kubernetes.client.ApiClient, name: str) -> list[Any]:
    api = kubernetes.client.CoreV1Api(admin)
    return list(api.list_namespaced_pod("default", label_selector=f"app={name}").items)


def test_a_deployment_is_spread_over_zones_and_becomes_available(admin: kubernetes.client.ApiClient) -> None:
    apps = kubernetes.client.AppsV1Api(admin)
    apps.create_namespaced_deployment("default", deployment("web", 2))
    until(lambda: apps.read_namespaced_deployment("web", "default").status.available_replicas == 2)
    assert len({pod.spec.node_name for pod in pods(admin, "web")}) == 2
    addresses = {pod.status.pod_ip for pod in pods(admin, "web")}
    assert len(addresses) == 2
    assert all(address.startswith("10.0.") for address in addresses)
    log = kubernetes.client.CoreV1Api(admin).read_namespaced_pod_log(pods(admin, "web")[0].metadata.name, "default")
    assert "a pod that kwok plays" in log


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("image", {"image": "registry.invalid/web:1"}, "ImagePullBackOff"),
        ("startup", {"startupProbe": {"httpGet": {"path": "/never", "port": 80}}}, "CrashLoopBackOff"),
        ("readiness", {"readinessProbe": {"httpGet": {"path": "/never", "port": 80}}}, None),
    ],
)
def test_pods_fail_when_they_are_made_to(
    admin: kubernetes.client.ApiClient, name: str, settings: dict[str, Any], reason: str | None
) -> None:
    kubernetes.client.AppsV1Api(admin).create_namespaced_deployment("default", deployment(name, 1, **settings))

    def statuses() -> list[Any]:
        return [status for pod in pods(admin, name) for status in pod.status.container_statuses or []]

    (status,) = until(statuses)
    assert status.ready is False
    assert (status.state.waiting.reason if status.state.waiting else None) == reason
    core = kubernetes.client.CoreV1Api(admin)
    pod = pods(admin, name)[0].metadata.name
    until(lambda: core.list_namespaced_event("default", field_selector=f"involvedObject.name={pod},type=Warning").items)


def test_nodes_follow_the_size_labels_and_taints_of_the_group(cloud: Cloud, admin: kubernetes.client.ApiClient) -> None:
    def change(**settings: Any) -> None:
        cloud.eks.update_nodegroup_config(clusterName=CLUSTER, nodegroupName="nodes", **settings)
        cloud.wait("nodegroup_active", clusterName=CLUSTER, nodegroupName="nodes")

    before = {node.metadata.name for node in nodes(admin)}
    change(scalingConfig={"desiredSize": 3})
    until(lambda: are_ready(admin, 3))
    assert before < {node.metadata.name for node in nodes(admin)}
    taint = {"key": "dedicated", "value": "agents", "effect": "NO_SCHEDULE"}
    change(labels={"removeLabels": ["workload"]}, taints={"addOrUpdateTaints": [taint]})
    assert all("workload" not in node.metadata.labels for node in nodes(admin))
    assert {one.key for node in nodes(admin) for one in node.spec.taints} == {"dedicated"}
    change(taints={"removeTaints": [taint]}, scalingConfig={"desiredSize": 2})
    until(lambda: are_ready(admin, 2))
    assert before == {node.metadata.name for node in nodes(admin)}
    apps = kubernetes.client.AppsV1Api(admin)
    until(lambda: apps.read_namespaced_deployment("web", "default").status.available_replicas == 2)


def test_custom_resources_come_and_go_with_their_addon(cloud: Cloud, admin: kubernetes.client.ApiClient) -> None:
    def names() -> set[str]:
        api = kubernetes.client.ApiextensionsV1Api(admin)
        return {one.metadata.name for one in api.list_custom_resource_definition().items}

    assert names() == set()
    for addon in ("cert-manager", "adot"):
        assert cloud.eks.create_addon(clusterName=CLUSTER, addonName=addon)["addon"]["status"] == "CREATING"
    for addon in ("cert-manager", "adot"):
        cloud.wait("addon_active", clusterName=CLUSTER, addonName=addon)
    assert {"issuers.cert-manager.io", "opentelemetrycollectors.opentelemetry.io"} <= names()
    collector = {
        "apiVersion": "opentelemetry.io/v1beta1",
        "kind": "OpenTelemetryCollector",
        "metadata": {"name": "metrics"},
        "spec": {"mode": "deployment", "config": {"receivers": {}, "exporters": {}, "service": {"pipelines": {}}}},
    }
    custom = kubernetes.client.CustomObjectsApi(admin)
    kind = ("opentelemetry.io", "v1beta1", "default", "opentelemetrycollectors")
    custom.create_namespaced_custom_object(*kind, collector)
    collector["spec"] = {"mode": "sometimes"}
    with pytest.raises(kubernetes.client.ApiException, match="Unsupported value"):
        custom.create_namespaced_custom_object(*kind, {**collector, "metadata": {"name": "other"}})
    cloud.eks.delete_addon(clusterName=CLUSTER, addonName="cert-manager")
    cloud.wait("addon_deleted", clusterName=CLUSTER, addonName="cert-manager")
    assert not any("cert-manager" in name for name in names())
    cloud.eks.delete_addon(clusterName=CLUSTER, addonName="adot", preserve=True)
    cloud.wait("addon_deleted", clusterName=CLUSTER, addonName="adot")
    assert "opentelemetrycollectors.opentelemetry.io" in names()


def test_access_entries_decide_who_gets_in(cloud: Cloud, admin: kubernetes.client.ApiClient, tmp_path: Path) -> None:
    reader, nobody = cloud.role("reader"), cloud.role("nobody")
    cloud.eks.create_access_entry(
        clusterName=CLUSTER,
        principalArn=reader,
        kubernetesGroups=["platform:readers"],
        username="reader:{{SessionName}}",
    )
    cloud.eks.associate_access_policy(
        clusterName=CLUSTER,
        principalArn=reader,
        policyArn=f"{POLICY}AmazonEKSViewPolicy",
        accessScope={"type": "namespace", "namespaces": ["default"]},
    )
    refused = kubernetes.client.CoreV1Api(cloud.api(cloud.token(cloud.session_of(nobody)), tmp_path))
    with pytest.raises(kubernetes.client.ApiException) as error:
        refused.list_namespaced_pod("default")
    assert error.value.status == 401
    # A token for another cluster, by someone who is welcome here.
    other = kubernetes.client.CoreV1Api(cloud.api(cloud.token(cluster="another"), tmp_path))
    with pytest.raises(kubernetes.client.ApiException) as error:
        other.list_namespaced_pod("default")
    assert error.value.status == 401

    api = cloud.api(cloud.token(cloud.session_of(reader)), tmp_path)
    who = kubernetes.client.AuthenticationV1Api(api).create_self_subject_review({}).status.user_info
    assert who.username == "reader:someone"
    assert "platform:readers" in who.groups
    core = kubernetes.client.CoreV1Api(api)
    assert core.list_namespaced_pod("default").items
    for attempt in (
        lambda: core.list_namespaced_pod("kube-system"),
        lambda: core.list_namespaced_secret("default"),
        lambda: core.create_namespaced_config_map("default", {"metadata": {"name": "mine"}}),
        lambda: kubernetes.client.AppsV1Api(api).delete_namespaced_deployment("web", "default"),
    ):
        with pytest.raises(kubernetes.client.ApiException) as error:
            attempt()
        assert error.value.status == 403
    # The entry goes, and with it the way in; a token that was taken just now is remembered for some seconds.
    cloud.eks.delete_access_entry(clusterName=CLUSTER, principalArn=reader)
    again = kubernetes.client.CoreV1Api(cloud.api(cloud.token(cloud.session_of(reader)), tmp_path))
    with pytest.raises(kubernetes.client.ApiException) as error:
        again.list_namespaced_pod("default")
    assert error.value.status == 401


def test_pod_security_is_enforced(admin: kubernetes.client.ApiClient) -> None:
    core = kubernetes.client.CoreV1Api(admin)
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    core.create_namespace({"metadata": {"name": "restricted", "labels": label}})
    pod = {"metadata": {"name": "plain"}, "spec": {"containers": [{"name": "a", "image": "example.com/a:1"}]}}
    with pytest.raises(kubernetes.client.ApiException, match="violates PodSecurity"):
        core.create_namespaced_pod("restricted", pod)


def test_status_names_the_administrators_kubeconfig(cloud: Cloud) -> None:
    kubeconfig = cloud.instance.kubernetes / f"{cloud.account_id}-{REGION}-{CLUSTER}" / "admin.kubeconfig"
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    found = programs.find("1.36")
    assert found is not None
    shown = subprocess.run(
        [found.kubectl, f"--kubeconfig={kubeconfig}", "get", "nodes", "--output=name"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.count("node/ip-10-0-") == 2


def test_nothing_of_a_deleted_cluster_runs_on(cloud: Cloud) -> None:
    folder = cloud.instance.kubernetes
    assert processes_below(folder) == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"]
    cloud.eks.delete_nodegroup(clusterName=CLUSTER, nodegroupName="nodes")
    cloud.wait("nodegroup_deleted", clusterName=CLUSTER, nodegroupName="nodes")
    cloud.eks.delete_cluster(name=CLUSTER)
    cloud.wait("cluster_deleted", name=CLUSTER)
    assert processes_below(folder) == []
    assert list(folder.iterdir()) == []


def test_an_older_cluster_is_upgraded_in_place_and_ends_with_a_killed_emulator(
    instance: Instance, tmp_path: Path
) -> None:
    cloud = Cloud(instance, "610100000002")
    cluster = cloud.create(cloud.role("cluster"), cloud.subnets(), version="1.35")
    root = f"arn:aws:iam::{cloud.account_id}:root"
    cloud.eks.create_access_entry(clusterName=CLUSTER, principalArn=root)
    cloud.eks.associate_access_policy(
        clusterName=CLUSTER,
        principalArn=root,
        policyArn=f"{POLICY}AmazonEKSClusterAdminPolicy",
        accessScope={"type": "cluster"},
    )
    api = cloud.api(cloud.token(), tmp_path)
    assert behaves_as(api) == "1.35"
    core = kubernetes.client.CoreV1Api(api)
    core.create_namespaced_config_map("default", {"metadata": {"name": "kept"}})
    cloud.eks.update_cluster_version(name=CLUSTER, version="1.36")
    assert cloud.eks.describe_cluster(name=CLUSTER)["cluster"]["status"] == "UPDATING"
    upgraded = cloud.await_active()
    assert (upgraded["version"], upgraded["endpoint"]) == ("1.36", cluster["endpoint"])
    assert behaves_as(api) == "1.36"
    assert core.read_namespaced_config_map("kept", "default")

    (emulator,) = processes.running_pids(instance)
    assert processes_below(instance.kubernetes)
    os.kill(emulator, signal.SIGKILL)
    until(lambda: processes_below(instance.kubernetes) == [], seconds=5)
