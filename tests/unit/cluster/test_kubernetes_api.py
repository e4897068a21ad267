# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests to a cluster's API: what is repeated, what isn't, and what is told."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.module_utils import kubernetes_api
from ansible_collections.agent_platform.aws.plugins.module_utils.faults import ResourceError
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes_api import (
    Answer,
    Api,
    ApiError,
    Kind,
    Unreachable,
    connect,
)
from tests.support.scripted_kubernetes import ScriptedKubernetes, failure

PODS = Kind("", "v1", "Pod", "pods", True)
WEBHOOK = (
    'Internal error occurred: failed calling webhook "vingress.elbv2.k8s.aws": failed to call webhook: Post '
    '"https://aws-load-balancer-webhook-service.kube-system.svc:443/validate?timeout=10s": no endpoints available for '
    'service "aws-load-balancer-webhook-service"'
)


@pytest.fixture
def slept(monkeypatch):
    """Time passes by pauses alone."""
    pauses: list[float] = []
    monkeypatch.setattr(kubernetes_api.time, "sleep", pauses.append)
    monkeypatch.setattr(kubernetes_api.time, "monotonic", lambda: sum(pauses))
    return pauses


def answering(*answers):
    """An API that answers so, one after the other."""
    left = list(answers)

    def send(_method, _target, **_sent):
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(200, json.dumps(answer).encode())

    return Api(send), left


@pytest.mark.parametrize(
    "fault",
    [
        failure(429, "TooManyRequests", "too many requests"),
        failure(500, "InternalError", WEBHOOK),
        failure(400, "BadRequest", WEBHOOK),
        failure(503, "ServiceUnavailable", "etcdserver: leader changed"),
        failure(504, "Timeout", "Timeout: request did not complete within requested timeout"),
        failure(409, "Conflict", 'Operation cannot be fulfilled on pods "x": the object has been modified'),
        ConnectionResetError("Connection reset by peer"),
        Answer(502, b"<html>bad gateway</html>"),
    ],
)
def test_what_may_pass_is_asked_again(slept, fault):
    api, left = answering(fault, fault, {"kind": "Pod"})
    assert api.read(PODS, "x", "a") == {"kind": "Pod"}
    assert left == []
    assert len(slept) == 2
    assert max(slept) <= kubernetes_api.LONGEST_PAUSE


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (failure(400, "BadRequest", "no such field"), r"Could not read Pod x in a: no such field\.$"),
        (failure(401, "Unauthorized", "Unauthorized"), r"give the run's role an access entry"),
        (failure(403, "Forbidden", "pods is forbidden"), r"AmazonEKSClusterAdminPolicy"),
        (failure(403, "Forbidden", "unable to create: a is being terminated"), r"Wait until it has gone"),
        (failure(422, "Invalid", "spec is immutable"), r"spec is immutable"),
        (failure(409, "Conflict", "Precondition failed: UID in precondition: 1, UID in object meta: 2"), r"UID"),
        (failure(409, "AlreadyExists", "it exists"), r"it exists"),
    ],
)
def test_what_is_decided_is_told_at_once(slept, fault, said):
    api, left = answering(fault, {"kind": "Pod"})
    with pytest.raises(ApiError, match=said):
        api.read(PODS, "x", "a")
    assert len(left) == 1
    assert slept == []


def test_it_is_given_up_after_a_while(slept):
    api = Api(lambda *_request, **_sent: failure(429, "TooManyRequests", "too many requests"))
    with pytest.raises(ApiError, match=r"too many requests\. Run again"):
        api.read(PODS, "x", "a")
    assert kubernetes_api.PATIENCE * 0.8 < sum(slept) <= kubernetes_api.PATIENCE


def test_the_server_says_how_long_to_wait(slept):
    api, _left = answering(failure(429, "TooManyRequests", "too many requests", retry_after=3.0), {})
    api.read(PODS, "x", "a")
    assert slept == [3.0]


def test_no_certificate_gets_right_by_waiting(slept):
    api, _left = answering(OSError("[SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch"), {})
    with pytest.raises(Unreachable, match="Hostname mismatch"):
        api.read(PODS, "x", "a")
    assert slept == []


def test_what_is_not_there_is_none():
    assert ScriptedKubernetes().api().read(PODS, "x", "a") is None


def test_kinds_are_asked_for_once():
    kubernetes = ScriptedKubernetes(kinds=[("v1", "Namespace"), ("apps/v1", "Deployment")])
    api = kubernetes.api()
    assert api.kind("v1", "Namespace").path(name="a") == "/api/v1/namespaces/a"
    assert api.kind("apps/v1", "Deployment").path("a", "b") == "/apis/apps/v1/namespaces/a/deployments/b"
    assert api.kind("apps/v1", "Deployment").path() == "/apis/apps/v1/deployments"
    assert api.kind("apps/v1", "Namespace") is None
    assert len(kubernetes.requests) == 2


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.headers.append(dict(self.headers))
        body = b'{"kind": "Pod"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    started = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    started.headers = []
    with contextlib.closing(started.socket):
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


def kubeconfig(folder, address, user):
    file = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file.write_text(yaml.safe_dump(config))
    return str(file)


def test_a_kubeconfig_leads_there_with_its_token(server, tmp_path):
    api = connect(kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}", {"token": "word"}))
    assert api.read(PODS, "x", "a") == {"kind": "Pod"}
    assert server.headers[0]["authorization"] == "Bearer word"
    assert server.headers[0]["User-Agent"] == kubernetes_api.MANAGER


def test_a_kubeconfig_of_something_else_is_refused(tmp_path):
    (tmp_path / "kubeconfig").write_text("[]")
    with pytest.raises(ResourceError, match="can't be used"):
        connect(str(tmp_path / "kubeconfig"))
