# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The control plane of one cluster: its processes, its files, and its administrator's access."""

from __future__ import annotations

import base64
import contextlib
import http.client
import importlib
import ipaddress
import json
import logging
import pkgutil
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import traceback
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ...bound import bound
from . import controllers, pki
from .programs import Programs

if TYPE_CHECKING:
    import kubernetes.client

HERE = Path(__file__).parent
_START_SECONDS = 90.0
_PATIENCE_SECONDS = 0.05
# Between looks at what runs.
_LOOK_SECONDS = 0.2
_logger = logging.getLogger(__name__)

# What a cluster of this machine has no use for; less to do while nothing happens.
_WITHOUT_CONTROLLERS = (
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "cloud-node-lifecycle-controller",
    "ephemeral-volume-controller",
    "legacy-serviceaccount-token-cleaner-controller",
    "node-ipam-controller",
    "node-route-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-expander-controller",
    "resourceclaim-controller",
    "service-lb-controller",
    "storageversion-garbage-collector-controller",
    "ttl-controller",
)


class PlaneError(Exception):
    """Why a control plane doesn't start, or what its API refuses."""


class Webhooks(NamedTuple):
    """Where the API server asks who somebody is, and what they may do."""

    authentication: str
    authorization: str
    # What the users' groups whose rights aren't in RBAC begin with.
    group_prefix: str


class Plane:
    """A cluster's control plane. Everything that it writes is in its folder, and goes with it."""

    def __init__(
        self,
        *,
        account_id: str,
        region: str,
        cluster_name: str,
        version: str,
        programs: Programs,
        folder: Path,
        aws_endpoint: str,
        webhooks: Webhooks,
        issuer: str,
        service_range: str,
        host_name: str,
        pod_range: str = "10.0.0.0/16",
    ) -> None:
        self.account_id = account_id
        self.region = region
        self.cluster_name = cluster_name
        self.version = version
        self.folder = folder
        self.aws_endpoint = aws_endpoint
        self.failure = ""
        self.ready = threading.Event()
        self._programs = programs
        self._webhooks = webhooks
        self._issuer = issuer
        self._service_range = ipaddress.ip_network(service_range)
        self._host_name = host_name
        self._pod_range = pod_range
        self._ending = threading.Event()
        self._restart = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._orders: list[tuple[str, list[str], Mapping[str, str] | None]] = []
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._authority: pki.Authority | None = None
        self._ports: dict[str, int] = {}

    # -- what others use ----------------------------------------------------

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self._ports['api']}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "admin.kubeconfig"

    @property
    def certificate_authority(self) -> str:
        """The certificate authority as DescribeCluster gives it."""
        assert self._authority is not None
        return base64.b64encode(self._authority.certificate).decode()

    def client(self) -> kubernetes.client.ApiClient:
        """A new client of the API, as the cluster's administrator."""
        import kubernetes.client

        configuration = kubernetes.client.Configuration()
        configuration.host = self.endpoint
        configuration.ssl_ca_cert = str(self.folder / "ca.crt")
        configuration.cert_file = str(self.folder / "admin.crt")
        configuration.key_file = str(self.folder / "admin.key")
        configuration.proxy = None
        configuration.no_proxy = "127.0.0.1"
        return kubernetes.client.ApiClient(configuration)

    def boto(self, service: str) -> Any:
        """A client of this service of the emulator, in the cluster's account and region."""
        import boto3
        import botocore.session
        from botocore.config import Config

        # A profile of the user's is none of the emulator's, and may not exist.
        core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        session = boto3.Session(self.account_id, "unused", region_name=self.region, botocore_session=core)
        return session.client(service, endpoint_url=self.aws_endpoint, config=Config(proxies={}))

    def spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a program that ends with the cluster; what it prints is in <folder>/<name>.log."""
        with self._lock:
            self._orders.append((name, list(command), environment))

    def log(self, line: str) -> None:
        # A deleted cluster has no log any more.
        with self._lock, contextlib.suppress(FileNotFoundError):
            file = (self.folder / "controllers.log").open("a", encoding="utf-8")
            with file:
                file.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", absent_ok: bool = False
    ) -> Any:
        """A call of the API as the administrator, with the standard library alone."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")
        connection = http.client.HTTPSConnection("127.0.0.1", self._ports["api"], timeout=30, context=context)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": content_type, "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status == 404 and absent_ok:
            return None
        if answer.status >= 300:
            raise PlaneError(f"{method} {path}: {answer.status} {text.decode(errors='replace')[:500]}")
        return json.loads(text) if text.startswith((b"{", b"[")) else text.decode()

    def apply(self, path: str, definition: Mapping[str, Any]) -> None:
        """Apply a definition to the collection at this path."""
        query = urllib.parse.urlencode({"fieldManager": "eks", "force": "true"})
        url = f"{path}/{definition['metadata']['name']}?{query}"
        self.request("PATCH", url, definition, "application/apply-patch+yaml")

    # -- life ---------------------------------------------------------------

    def start(self, then: Callable[[Plane], None]) -> None:
        """Start in the background. then: what else is to be done before the cluster counts as ready."""
        self.folder.mkdir(parents=True)
        self._keeper = threading.Thread(target=self._keep, args=(then,), name=f"plane-{self.cluster_name}", daemon=True)
        self._keeper.start()

    def restart(self, version: str, programs: Programs) -> None:
        """Go on with another version of the programs, at the same address and with the same data."""
        self.ready.clear()
        self.version = version
        self._programs = programs
        self._restart.set()

    def stop(self) -> None:
        """End all processes and remove the folder."""
        self._ending.set()
        if self._keeper is not None:
            self._keeper.join(30)

    @property
    def has_ended(self) -> bool:
        return self._ending.is_set() and (self._keeper is None or not self._keeper.is_alive())

    def _keep(self, then: Callable[[Plane], None]) -> None:
        """The thread that starts all processes: the system ends them when it ends (see bound), and so does this."""
        stop_controllers = threading.Event()
        threads: list[threading.Thread] = []
        try:
            self._prepare()
            while not self._ending.is_set():
                self._restart.clear()
                self._start_api()
                then(self)
                self._start_others()
                self.ready.set()
                if not threads:
                    threads = self._start_controllers(stop_controllers)
                while not (self._ending.is_set() or self._restart.is_set()):
                    self._look_after()
                    self._ending.wait(_LOOK_SECONDS)
                if self._restart.is_set():
                    self._end_processes(self._own_names())
        except Exception as problem:
            self.failure = f"{type(problem).__name__}: {problem}"
            _logger.exception("the control plane of %s doesn't run", self.cluster_name)
            self._end_processes(list(self._processes))
            self._ending.wait()
        finally:
            stop_controllers.set()
            self._end_processes(list(self._processes))
            for thread in threads:
                thread.join(5)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _own_names(self) -> list[str]:
        return [name for name in self._processes if name in ("etcd", *_PARTS)]

    def _look_after(self) -> None:
        with self._lock:
            orders, self._orders = self._orders, []
        for name, command, environment in orders:
            self._run(name, command, environment)
        for name in self._own_names():
            status = self._processes[name].poll()
            if status is not None:
                raise PlaneError(f"{name} has ended with status {status}: {self._last_words(name)}")

    def _prepare(self) -> None:
        self._ports = dict(zip(("api", "etcd", "peer", "kwok"), _free_ports(4), strict=True))
        self._authority = authority = pki.Authority(self.folder)
        service_names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        service_names.append("kubernetes.default.svc.cluster.local")
        hosts = ["127.0.0.1", "localhost", self._host_name, *service_names, str(self._service_range[1])]
        authority.serving("api", hosts)
        authority.serving("kubelet", ["127.0.0.1"])
        for name in ("admin", *_PARTS[1:]):
            # A controller manager without accounts of its own for its controllers needs the rights of all of them.
            authority.client(name, f"system:{name}", "system:masters")
            self._write_kubeconfig(name)
        authority.client("api-client", "system:kube-apiserver", "system:masters")
        pki.new_key(self.folder / "service-accounts.key")
        # What `kubectl logs` shows, see stages.yaml.
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime())
        (self.folder / "pod.log").write_text(f"{now} stdout F a pod that kwok plays says nothing\n", encoding="utf-8")
        self._write_webhook("authentication", self._webhooks.authentication)
        self._write_webhook("authorization", self._webhooks.authorization)
        self._write("authorization.yaml", self._authorization())

    def _authorization(self) -> dict[str, Any]:
        webhook = {
            "timeout": "5s",
            "authorizedTTL": "1s",
            "unauthorizedTTL": "1s",
            "subjectAccessReviewVersion": "v1",
            "matchConditionSubjectAccessReviewVersion": "v1",
            "failurePolicy": "NoOpinion",
            "connectionInfo": {
                "type": "KubeConfigFile",
                "kubeConfigFile": str(self.folder / "webhook-authorization.kubeconfig"),
            },
            # Everybody else's rights are in RBAC, so nobody asks for them.
            "matchConditions": [
                {"expression": f"request.groups.exists(group, group.startsWith('{self._webhooks.group_prefix}'))"}
            ],
        }
        return {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthorizationConfiguration",
            "authorizers": [
                {"type": "Node", "name": "node"},
                {"type": "RBAC", "name": "rbac"},
                {"type": "Webhook", "name": "access-policies", "webhook": webhook},
            ],
        }

    def _write_kubeconfig(self, name: str) -> None:
        user = {
            "client-certificate": str(self.folder / f"{name}.crt"),
            "client-key": str(self.folder / f"{name}.key"),
        }
        cluster = {"server": self.endpoint, "certificate-authority": str(self.folder / "ca.crt")}
        self._write(f"{name}.kubeconfig", _kubeconfig(cluster, user))

    def _write_webhook(self, name: str, address: str) -> None:
        self._write(f"webhook-{name}.kubeconfig", _kubeconfig({"server": address}, {}))

    def _write(self, name: str, content: Any) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")

    def _start_api(self) -> None:
        etcd = f"http://127.0.0.1:{self._ports['etcd']}"
        peer = f"http://127.0.0.1:{self._ports['peer']}"
        self._run(
            "etcd",
            [
                str(self._programs.etcd),
                "--name=local",
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=local={peer}",
                # Nothing here outlives the emulator.
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
        )
        issuers = [f"--service-account-issuer={self._issuer}"]
        self._run(
            "kube-apiserver",
            [
                str(self._programs.kube_apiserver),
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                f"--secure-port={self._ports['api']}",
                f"--etcd-servers={etcd}",
                f"--service-cluster-ip-range={self._service_range}",
                f"--tls-cert-file={self.folder / 'api.crt'}",
                f"--tls-private-key-file={self.folder / 'api.key'}",
                f"--client-ca-file={self.folder / 'ca.crt'}",
                f"--kubelet-certificate-authority={self.folder / 'ca.crt'}",
                f"--kubelet-client-certificate={self.folder / 'api-client.crt'}",
                f"--kubelet-client-key={self.folder / 'api-client.key'}",
                "--kubelet-preferred-address-types=InternalIP",
                *issuers,
                f"--service-account-key-file={self.folder / 'service-accounts.key'}",
                f"--service-account-signing-key-file={self.folder / 'service-accounts.key'}",
                "--api-audiences=https://kubernetes.default.svc",
                f"--authorization-config={self.folder / 'authorization.yaml'}",
                f"--authentication-token-webhook-config-file={self.folder / 'webhook-authentication.kubeconfig'}",
                "--authentication-token-webhook-version=v1",
                "--authentication-token-webhook-cache-ttl=1s",
                "--allow-privileged=true",
                # There is one API server, and it has no load to share out.
                "--endpoint-reconciler-type=none",
                "--enable-priority-and-fairness=false",
                # Streamed lists need an etcd from 3.5.13 on; kwok would ask for them again and again, and see nothing.
                "--feature-gates=WatchList=false",
                "--profiling=false",
                *self._emulation(),
            ],
        )
        self._wait_for_api()

    def _emulation(self) -> list[str]:
        """Programs of a later version behave as those of the cluster's version, where they know it."""
        if self._programs.minor == self.version:
            return []
        return [f"--emulated-version=kube={self.version}"] if self._programs.emulates(self.version) else []

    def _wait_for_api(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._ending.is_set():
            try:
                self.request("GET", "/readyz")
            except (OSError, PlaneError, http.client.HTTPException) as problem:
                if time.monotonic() > deadline:
                    raise PlaneError(f"the API isn't ready within {_START_SECONDS:.0f} s: {problem}") from None
            else:
                return
            self._look_after()
            time.sleep(_PATIENCE_SECONDS)
        raise PlaneError("ended while starting")

    def _start_others(self) -> None:
        without = ",".join(f"-{name}" for name in _WITHOUT_CONTROLLERS)
        common = ["--leader-elect=false", "--profiling=false", "--secure-port=0"]
        self._run(
            "kube-controller-manager",
            [
                str(self._programs.kube_controller_manager),
                f"--kubeconfig={self.folder / 'kube-controller-manager.kubeconfig'}",
                f"--controllers=*,{without}",
                f"--root-ca-file={self.folder / 'ca.crt'}",
                f"--service-account-private-key-file={self.folder / 'service-accounts.key'}",
                # Nobody's heart stops here; looking at it every few seconds costs more than all the rest.
                "--node-monitor-period=30s",
                "--node-monitor-grace-period=24h",
                # A Deployment with an autoscaler begins with one pod until that looks at it, on AWS within 15 s.
                "--horizontal-pod-autoscaler-sync-period=1s",
                *common,
                *self._emulation(),
            ],
        )
        self._run(
            "kube-scheduler",
            [
                str(self._programs.kube_scheduler),
                f"--kubeconfig={self.folder / 'kube-scheduler.kubeconfig'}",
                *common,
                *self._emulation(),
            ],
        )
        self._run(
            "kwok",
            [
                str(self._programs.kwok),
                f"--kubeconfig={self.folder / 'kwok.kubeconfig'}",
                f"--config={HERE / 'stages.yaml'}",
                "--manage-all-nodes",
                "--node-ip=127.0.0.1",
                f"--node-port={self._ports['kwok']}",
                f"--server-address=127.0.0.1:{self._ports['kwok']}",
                f"--tls-cert-file={self.folder / 'kubelet.crt'}",
                f"--tls-private-key-file={self.folder / 'kubelet.key'}",
                f"--cidr={self._pod_range}",
                "--node-lease-duration-seconds=0",
                "--v=WARN",
            ],
        )

    def _run(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                bound(command, signal.SIGKILL),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**_environment(self.folder), **(environment or {})},
            )

    def _end_processes(self, names: Sequence[str]) -> None:
        """Without farewell, since there is nothing to save; but etcd writes what it has when it's asked to end."""
        for name in names:
            self._processes[name].kill() if name != "etcd" else self._processes[name].terminate()
        for name in names:
            try:
                self._processes[name].wait(5)
            except subprocess.TimeoutExpired:
                self._processes[name].kill()
                self._processes[name].wait()
            del self._processes[name]

    def _last_words(self, name: str) -> str:
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(lines[-3:])[:800]

    def _start_controllers(self, stop: threading.Event) -> list[threading.Thread]:
        threads = []
        for found in pkgutil.iter_modules(controllers.__path__):
            thread = threading.Thread(target=self._control, args=(found.name, stop), daemon=True, name=found.name)
            thread.start()
            threads.append(thread)
        return threads

    def _control(self, name: str, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                importlib.import_module(f"{controllers.__name__}.{name}").run(self, stop)
                return
            except Exception:
                if not stop.is_set():
                    self.log(f"{name}: {traceback.format_exc()}")
                    stop.wait(2)


_PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")


def _kubeconfig(cluster: Mapping[str, str], user: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": dict(cluster)}],
        "users": [{"name": "local", "user": dict(user)}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        "current-context": "local",
    }


def _environment(folder: Path) -> dict[str, str]:
    return {
        # No proxy for the web, no kubeconfig and no settings of the user's.
        "HOME": str(folder),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "NO_PROXY": "*",
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _number in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
