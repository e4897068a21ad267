# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is meant for the local AWS never gets to a proxy of the environment, whoever starts the playbooks."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.playbook import ROOT, DirectAccount

ACCOUNT = "270000000104"
VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
# Lookups run in Ansible's own processes.
LOOKUP = "lookup('amazon.aws.secretsmanager_secret', 'absent', on_missing='skip', **platform_lookup_options)"
PLAY = {
    "hosts": "{{ lookup('agent_platform.aws.play_hosts', 'encryption') }}",
    "gather_facts": False,
    "tasks": [{"name": "Look something up", "ansible.builtin.debug": {"msg": "{{ " + LOOKUP + " }}"}}],
}


class Proxy(socketserver.ThreadingTCPServer):
    """Notes the first line of what it gets, and answers as a proxy that lets nothing through."""

    daemon_threads = True

    def __init__(self) -> None:
        self.noted: list[bytes] = []
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.server.noted.append(self.rfile.readline(1000))
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    @property
    def environment(self) -> dict[str, str]:
        """What a shell has that knows of the proxy, and of no exception."""
        address = f"http://127.0.0.1:{self.server_address[1]}"
        return dict.fromkeys(VARIABLES, address) | {"NO_PROXY": "", "no_proxy": ""}


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def account(emulator: str, tmp_path: Path, figures: list[str]) -> Iterator[DirectAccount]:
    made = DirectAccount(ACCOUNT, emulator, tmp_path, figures, ("encryption",), hasty=True)
    yield made
    made.close()


@pytest.mark.by_component("encryption")
def test_the_local_aws_is_reached_past_them(account, proxy, tmp_path):
    play = tmp_path / "lookup.yml"
    play.write_text(json.dumps([PLAY]))
    for playbook in ("site.yml", str(play)):
        run = account.run(playbook=playbook, environment=proxy.environment, note="past a proxy").assert_converged()
        assert run.total("ok"), run.explain()
        assert proxy.noted == []


def test_those_of_the_environment_stay_in_force_for_accounts_of_aws(proxy):
    """The inventories for them say nothing of proxies."""
    for name in ("dev", "prod"):
        for file in (ROOT / "inventories" / name).rglob("*.yml"):
            assert "proxy" not in file.read_text().lower(), file


def test_the_proxy_notes_what_it_gets(proxy):
    """Else the first test would find nothing whatever happened."""
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.environment["HTTP_PROXY"]}))
    with pytest.raises(OSError, match="403"):
        opener.open("http://aws.invalid/")
    assert proxy.noted == [b"GET http://aws.invalid/ HTTP/1.1\r\n"]
