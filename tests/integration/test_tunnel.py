# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tunnel in runs: shared by hosts, mended in the middle, and gone when the run is, however that ends.

Against a stand-in for Session Manager, whose plugin really forwards; see docs/testing.md for what that can't show.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import json
import os
import pty
import shutil
import socket
import ssl
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import session_manager
from tests.support.bastion_node import launch_bastion
from tests.support.playbook import OWNER, PREFIX, REGION, Account, of_run
from tests.support.remote_host import echo, make_certificate
from tests.support.session_manager.endpoint import Endpoint, served
from tests.support.warm_runs import LOCAL, WARM, Run, wait_for

from .test_ends_of_runs import ENDS

HOST = "api.example.internal"
NODE = "i-0123456789abcdef0"
# What a process of the run, and its port, may still take to go.
GRACE = 2.0
TUNNEL = {"target": NODE, "remote_host": HOST, "remote_port": 443, "health_check": "tls"}
# Says what comes back from the port's other end, over TLS and by the name of the host.
TALK = (
    "import socket, ssl, sys; port, authority, name, text = sys.argv[1:]; "
    "plain = socket.create_connection(('127.0.0.1', int(port)), timeout=30); "
    "spoken = ssl.create_default_context(cafile=authority).wrap_socket(plain, server_hostname=name); "
    "spoken.sendall(text.encode()); print(spoken.recv(100).decode())"
)


def opened(**options: Any) -> dict[str, Any]:
    return {"agent_platform.aws.ssm_port_forward": {**TUNNEL, **options}, "register": "tunnel"}


@dataclass
class Site:
    """aws: the stand-in. plugin: that of the runs. certificate: the host's."""

    aws: Endpoint
    plugin: Path
    certificate: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **session_manager.environment(self.plugin),
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_REGION": "us-west-2",
            "AWS_ACCESS_KEY_ID": "AKIATUNNEL",
            "AWS_SECRET_ACCESS_KEY": "of-the-tunnel",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def says(self, text: str, certificate: Path | None = None, **more: Any) -> dict[str, Any]:
        """A task that speaks with the host."""
        talk = ["-c", TALK, "{{ tunnel.local_port }}", str(certificate or self.certificate), HOST, text]
        command = {"argv": ["{{ ansible_playbook_python }}", *talk]}
        return {"ansible.builtin.command": command, "register": "said", **more}

    def lead_to(self, port: int) -> None:
        session_manager.install_plugin(self.plugin.parent, hosts={HOST: ["127.0.0.1", port]})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    pair = make_certificate(tmp_path, HOST)
    with served() as aws, echo(pair) as port:
        plugin = session_manager.install_plugin(tmp_path / "bin", hosts={HOST: ["127.0.0.1", port]})
        yield Site(aws, plugin, pair[0], tmp_path)


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_hosts_of_a_run_share_one_and_it_ends_with_the_run(run: Run, site: Site) -> None:
    """Of both connections, at once."""
    hosts = {"one": WARM, "two": WARM, "three": LOCAL, "four": LOCAL}

    *results, _output = run([opened(), site.says("hello")], hosts, **site.environment)

    tunnels, said = results[0]
    assert [tunnel["changed"] for tunnel in tunnels.values()].count(True) == 1
    assert len({(tunnel["local_port"], tunnel["session_id"]) for tunnel in tunnels.values()}) == 1
    assert {host: answer["stdout"] for host, answer in said.items()} == dict.fromkeys(hosts, "hello")
    assert [name for name, _request in site.aws.asked].count("StartSession") == 1
    wait_for(lambda: not site.aws.active and not of_run(f"ANSIBLE_LOCAL_TEMP={run.temporary}"), GRACE)
    assert not is_open(tunnels["one"]["local_port"])


def test_token_is_in_no_output(run: Run, site: Site) -> None:
    results, output = run([opened()], options=["-vvvv"], **site.environment)

    (session,) = site.aws.sessions.values()
    assert session.id in json.dumps(results)
    assert session.token not in json.dumps(results) + output


@pytest.mark.parametrize(
    ("connection", "name"),
    [
        (WARM, "killed"),
        *(pytest.param(WARM, name, marks=pytest.mark.thorough) for name in ENDS if name != "killed"),
        (LOCAL, "terminated"),
    ],
)
def test_nothing_is_left_of_it(run: Run, site: Site, connection: str, name: str) -> None:
    """Neither process nor port, however the run ends, with a connection through it and a task that goes on."""
    note = site.folder / "port"
    tasks = [
        opened(),
        {"ansible.builtin.copy": {"content": "{{ tunnel.local_port }}", "dest": str(note)}},
        {"ansible.builtin.command": {"argv": ["sleep", "300"]}},
    ]
    terminal, other_end = pty.openpty()
    process = run.start(
        tasks,
        connection,
        popen={"stdin": other_end, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)},
        **site.environment,
    )
    os.close(other_end)
    mark = f"ANSIBLE_LOCAL_TEMP={run.temporary}"
    try:
        wait_for(lambda: note.exists() and note.read_text(), 60)
        port = int(note.read_text())
        with socket.create_connection(("127.0.0.1", port)):
            ENDS[name](process, terminal)
            process.wait(timeout=30)
            wait_for(lambda: not of_run(mark) and not is_open(port), GRACE)
        assert site.aws.active == []
        assert not list(Path(run.temporary).glob("*/run"))
        assert not Path(session_manager.calls(site.plugin)[0]["temporary"]).exists()
    finally:
        for pid in of_run(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        process.communicate()
        shutil.rmtree(run.temporary, ignore_errors=True)


def test_a_session_that_breaks_in_the_middle_of_a_run_is_mended(run: Run, site: Site) -> None:
    """AWS ends it, then its plugin is killed; each time the next task goes through the same port."""
    ready, go = site.folder / "ready", site.folder / "go"
    waited = f"until test $(wc -l < {ready}) -le $(wc -l < {go}); do sleep 0.1; done"
    pause = {"ansible.builtin.shell": f"echo >> {ready}; {waited}"}
    go.touch()
    tasks = [opened(), site.says("before"), pause, site.says("between"), pause, site.says("after"), opened()]
    process = run.start(tasks, **site.environment)

    def lines(file: Path) -> int:
        return len(file.read_text().splitlines()) if file.exists() else 0

    wait_for(lambda: lines(ready) == 1, 60)
    (first,) = site.aws.active
    site.aws.end(first)
    go.write_text("1\n")
    wait_for(lambda: lines(ready) == 2, 60)
    os.kill(session_manager.calls(site.plugin)[-1]["pid"], 9)
    go.write_text("1\n2\n")
    out, error = process.communicate(timeout=120)

    results = [task["hosts"]["host0"] for task in json.loads(out[out.index("{\n") :])["plays"][0]["tasks"]]
    assert process.returncode == 0, out + error
    assert [results[number]["stdout"] for number in (1, 3, 5)] == ["before", "between", "after"]
    assert results[6]["local_port"] == results[0]["local_port"]
    assert (results[6]["changed"], results[6]["restarts"]) == (False, 2)
    wait_for(lambda: not site.aws.active, GRACE)


def test_the_wrong_certificate_is_refused(run: Run, site: Site) -> None:
    """Someone else's at the other end: by a client of Python, and by the modules for a domain."""
    pair = make_certificate(site.folder, "elsewhere.example.internal")
    domain = {
        "endpoint": HOST,
        "connect_to": "127.0.0.1:{{ tunnel.local_port }}",
        "name": "demo",
        "cluster_permissions": [],
        "index_permissions": [],
        "tenant_permissions": [],
        "aws_ca_bundle": str(pair[0]),
    }
    tasks = [
        opened(),
        site.says("hello", certificate=pair[0], ignore_errors=True),
        {"agent_platform.aws.opensearch_role": domain, "ignore_errors": True},
    ]
    with echo(pair) as port:
        site.lead_to(port)
        results = [task["host0"] for task in run(tasks, **site.environment)[0]]

    assert "Hostname mismatch" in results[1]["stderr"]
    assert results[2]["failed"]
    assert f"hostname '{HOST}' doesn't match 'elsewhere.example.internal'" in results[2]["msg"]
    assert "\n" not in results[2]["msg"]


def failed(run: Run, site: Site, connection: str, *tasks: Mapping[str, Any], **environment: str) -> str:
    results = run(tasks, connection, **{**site.environment, **environment})[0]
    failure = results[-1]["host0"]
    assert failure["failed"]
    assert "\n" not in failure["msg"]
    return failure["msg"]


@pytest.mark.parametrize("connection", [WARM, LOCAL])
def test_no_plugin(run: Run, site: Site, connection: str) -> None:
    text = failed(run, site, connection, opened(), PATH=os.defpath)

    assert f"Could not open the tunnel to {HOST}:443: session-manager-plugin isn't in PATH. Install the Session" in text
    assert site.aws.asked == []


def test_another_machine_can_t_open_it(run: Run, site: Site) -> None:
    task = {**opened(), "vars": {"ansible_connection": "ansible.builtin.ssh", "ansible_host": "192.0.2.1"}}

    assert "belongs to the machine of ansible-playbook" in failed(run, site, WARM, task)


def test_a_dry_run_opens_it_where_the_task_says_so(run: Run, site: Site) -> None:
    tasks = [opened(), {**opened(), "check_mode": False}, opened(), opened(state="stopped")]

    results = [task["host0"] for task in run(tasks, options=["--check"], **site.environment)[0]]

    assert [result["changed"] for result in results] == [True, True, False, True]
    assert results[0]["local_port"] is None
    assert results[2]["local_port"] == results[1]["local_port"]


# ---- The API of an OpenSearch domain

ACCOUNT = "630100000002"
# What the role is told of the rest of the platform where the domain exists.
DOMAIN = {
    "platform_name": OWNER["Project"],
    "platform_environment": OWNER["Environment"],
    "platform_prefix": PREFIX,
    "platform_region": REGION,
    "platform_account_id": ACCOUNT,
    "platform_owner_tags": OWNER,
    "platform_iam_path": "/",
    "opensearch_api_access": "tunnel",
    "component_found": {
        "platform": {
            "account_id": ACCOUNT,
            "partition": "aws",
            "region": REGION,
            "opensearch": {"domain_name": "search", "endpoint": HOST},
        },
    },
    "__opensearch_domain": {"domain": {"endpoints": {"vpc": HOST}}},
}
SET_UP: dict[str, Any] = {
    "ansible.builtin.include_role": {"name": "agent_platform.aws.opensearch", "tasks_from": "api"}
}


def shown(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """How a domain tells of an object that was put there."""
    name = path.rpartition("/")[2]
    if "_index_template" in path:
        return {"index_templates": [{"name": name, "index_template": body}]}
    if "_ism" in path:
        return {"_id": name, "_seq_no": 1, "_primary_term": 1, **body}
    return {name: body}


@contextlib.contextmanager
def domain(certificate: tuple[Path, Path]) -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """A domain in which nothing is yet: its port, and what it is asked: verb, path and the host that is meant."""
    asked: list[tuple[str, str, str]] = []
    objects: dict[str, dict[str, Any]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            asked.append((self.command, path, self.headers["Host"]))
            if self.command == "PUT":
                objects[path] = json.loads(body)
            data = json.dumps(shown(path, objects[path]) if path in objects else {}).encode()
            self.send_response(200 if path in objects else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = answer

        def log_message(self, *_told: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()


def environment_of(emulator: str, plugin: Path, certificate: Path) -> dict[str, str]:
    return {
        **session_manager.environment(plugin),
        "AWS_ENDPOINT_URL": emulator,
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_what_is_in_a_domain_is_set_up_through_the_bastion(
    run: Run, emulator: str, new_account: Callable[[str], Account], tmp_path: Path
) -> None:
    """Signed for the domain's own name, and only where the certificate has it. Without a bastion it is left."""
    account = new_account(ACCOUNT)
    pair, foreign = make_certificate(tmp_path, HOST), make_certificate(tmp_path, "elsewhere.example.internal")
    plugin = session_manager.install_plugin(tmp_path / "bin")
    options = ["-e", json.dumps(DOMAIN)]

    def results(certificate: Path) -> list[dict[str, Any]]:
        return [
            task["host0"] for task in run([SET_UP], options=options, **environment_of(emulator, plugin, certificate))[0]
        ]

    told = " ".join(str(result.get("msg", "")) for result in results(pair[0]))
    assert "in the VPC only: there is no bastion yet, so run host0 again after bastion_instance." in told

    launch_bastion(account)
    with domain(pair) as (port, asked):
        session_manager.install_plugin(plugin.parent, hosts={HOST: ["127.0.0.1", port]})
        assert [result["msg"] for result in results(pair[0]) if result.get("failed")] == []
    assert {host for _verb, _path, host in asked} == {HOST}
    assert [path for verb, path, _host in asked if verb == "PUT"] == [
        f"/_plugins/_security/api/roles/{PREFIX}-writer",
        f"/_plugins/_security/api/rolesmapping/{PREFIX}-writer",
        f"/_index_template/{PREFIX}-logs",
        f"/_plugins/_ism/policies/{PREFIX}-logs",
    ]

    with domain(foreign) as (port, asked):
        session_manager.install_plugin(plugin.parent, hosts={HOST: ["127.0.0.1", port]})
        refused = results(foreign[0])[-1]
    assert f"hostname '{HOST}' doesn't match" in refused["msg"]
    assert asked == []
