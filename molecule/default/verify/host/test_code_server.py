# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""code-server: how it runs, who gets in, what is on disk."""

from __future__ import annotations

import http.client
import json
import time
import typing as t
import urllib.parse

import argon2
import pytest
import yaml
from testinfra.host import Host

CONFIG = "/etc/code-server/config.yaml"
Declared = dict[str, t.Any]


def request(address: str, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, headers and body of an answer; redirections are not followed."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=30)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = response.status, str(response.headers), response.read().decode()
    connection.close()
    return answer


def log_in(address: str, password: str) -> tuple[int, str, str]:
    form = urllib.parse.urlencode({"password": password})
    return request(address, "POST", "/login", form, **{"Content-Type": "application/x-www-form-urlencoded"})


@pytest.fixture(scope="module")
def status(host: Host) -> dict[str, str]:
    """Of the main process, as the kernel sees it."""
    pid = host.check_output("systemctl show --property MainPID --value code-server")
    lines = host.check_output(f"cat /proc/{pid}/status").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_it_runs_now_and_at_every_boot(host: Host) -> None:
    service = host.service("code-server")
    assert service.is_running
    assert service.is_enabled


def test_it_runs_as_its_user_and_in_its_groups(host: Host, declared: Declared, status: dict[str, str]) -> None:
    user = host.user(declared["bastion_user"])
    assert status["Uid"].split() == [str(user.uid)] * 4
    groups = {host.group(name).gid for name in [declared["bastion_user"], *declared["bastion_user_groups"]]}
    assert {int(gid) for gid in status["Groups"].split()} == groups


def test_it_can_get_no_rights(status: dict[str, str]) -> None:
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapBnd"], 16) == 0


def test_it_listens_on_loopback_only(host: Host, declared: Declared) -> None:
    port = declared["bastion_code_server_port"]
    user = host.user(declared["bastion_user"])
    sockets = [line for line in host.check_output("ss -Hltne").splitlines() if f"uid:{user.uid} " in line]
    assert [line.split()[3] for line in sockets] == [f"127.0.0.1:{port}"]


def test_who_has_not_logged_in_sees_the_login_page_only(code_server: str) -> None:
    status, headers, body = request(code_server, "GET", "/")
    assert (status, "./login" in headers) == (302, True), body


def test_a_wrong_password_is_refused(code_server: str, declared: Declared) -> None:
    for wrong in (declared["bastion_code_server_password"] + "!", ""):
        status, headers, body = log_in(code_server, wrong)
        assert (status, "set-cookie" in headers.lower()) == (200, False)
        assert "Incorrect password" in body or "Missing password" in body


def test_the_right_password_opens_a_session(code_server: str, declared: Declared) -> None:
    status, headers, body = log_in(code_server, declared["bastion_code_server_password"])
    assert status == 302, body
    (cookie,) = [
        line.partition(": ")[2].partition(";")[0]
        for line in headers.splitlines()
        if line.lower().startswith("set-cookie: ")
    ]
    status, _, body = request(code_server, "GET", f"/?folder={declared['bastion_workspace']}", Cookie=cookie)
    assert status == 200
    assert "workbench" in body


def test_the_hash_is_on_disk_for_the_user_alone(host: Host, declared: Declared) -> None:
    file = host.file(CONFIG)
    assert (file.user, file.group, file.mode) == (declared["bastion_user"], declared["bastion_user"], 0o600)
    config = yaml.safe_load(file.content_string)
    assert "password" not in config
    assert config["hashed-password"].startswith("$argon2id$")
    assert argon2.PasswordHasher().verify(config["hashed-password"], declared["bastion_code_server_password"])


def test_the_password_itself_is_not_on_disk(host: Host, declared: Declared) -> None:
    password = declared["bastion_code_server_password"]
    places = "/etc /home /root /run /tmp /usr/local /var/lib/platform /var/log /var/tmp"
    # Status 1: no such line anywhere.
    assert host.run(f"grep --recursive --fixed-strings --devices=skip -- '{password}' {places}").rc == 1
    assert password not in host.check_output("journalctl --no-pager")


def test_it_asks_before_it_trusts_and_tells_nobody(host: Host, declared: Declared) -> None:
    folder = f"/home/{declared['bastion_user']}/.local/share/code-server/User"
    settings = json.loads(host.file(f"{folder}/settings.json").content_string)
    wanted = {
        "extensions.autoUpdate": "off",
        "security.workspace.trust.enabled": True,
        "telemetry.telemetryLevel": "off",
        "update.mode": "none",
        **declared["bastion_code_server_settings"],
    }
    assert {key: settings.get(key) for key in wanted} == wanted


def test_it_is_started_again_when_it_dies(host: Host, code_server: str) -> None:
    show = "systemctl show --property MainPID --value code-server"
    pid = host.check_output(show)
    host.check_output(f"kill -9 {pid}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if host.check_output(show) not in ("0", pid) and host.run("ss -Hltn sport = 8080").stdout:
            break
        time.sleep(1)
    status, _, _ = request(code_server, "GET", "/healthz")
    assert status == 200
