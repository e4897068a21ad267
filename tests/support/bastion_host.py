# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host of the Molecule scenario, for its tests: which container it is, what it is declared to be, a way in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import typing as t
from pathlib import Path

import yaml

ROLE = Path(__file__).resolve().parents[2] / "roles/bastion"

# Runs in the host: standard input and output become a connection to a port of its loopback address.
RELAY = """
import os, socket, sys, threading
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def send():
    while data := os.read(0, 65536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
while data := connection.recv(65536):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""


def chosen() -> dict[str, t.Any]:
    """What molecule/default/create.yml has chosen."""
    return json.loads((_ephemeral() / "host.json").read_text())


def declared() -> dict[str, t.Any]:
    """The role's variables, as the host was last converged with them."""
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    values = {**defaults, **json.loads((_ephemeral() / "declared.json").read_text())}
    # The one default that is a template.
    values["bastion_workspace"] = values["bastion_workspace"].replace("{{ bastion_user }}", values["bastion_user"])
    return values


def known_tools() -> dict[str, dict[str, t.Any]]:
    return yaml.safe_load((ROLE / "vars/main.yml").read_text())["__bastion_known_tools"]


def declared_tools() -> dict[str, dict[str, t.Any]]:
    known = known_tools()
    return {entry["name"]: {**known[entry["name"]], **entry} for entry in declared()["bastion_tools"]}


def _ephemeral() -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


class PortForward:
    """A port on this machine's loopback address that leads to one on the host's, as Session Manager forwards it: each
    connection is a command in the host, so nothing else listens there."""

    def __init__(self, port: int) -> None:
        host = chosen()
        self._command = [*host["command"], "exec", "-i", host["container"], "python3", "-c", RELAY, str(port)]
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]

    def __enter__(self) -> t.Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
            threading.Thread(target=self._send, args=(client, relay), daemon=True).start()
            try:
                while data := relay.stdout.read1(65536):
                    client.sendall(data)
            except OSError:
                relay.terminate()
            # The sender may still be waiting for more.
            client.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _send(client: socket.socket, relay: subprocess.Popen[bytes]) -> None:
        try:
            while data := client.recv(65536):
                relay.stdin.write(data)
                relay.stdin.flush()
            relay.stdin.close()
        except OSError:
            relay.terminate()
