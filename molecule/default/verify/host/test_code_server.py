# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""code-server: how it runs, who gets in, what is on disk."""

from __future__ import annotations

import http.client
import json
import re
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
def session(code_server: str, declared: Declared) -> str:
    """The cookie of who has logged in."""
    status, headers, body = log_in(code_server, declared["bastion_code_server_password"])
    assert status == 302, body
    (cookie,) = [
        line.partition(": ")[2].partition(";")[0]
        for line in headers.splitlines()
        if line.lower().startswith("set-cookie: ")
    ]
    return cookie


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
    assert status["Seccomp"] == "2"
    assert status["Umask"] == "0077"


def test_it_forwards_to_no_other_port(code_server: str, session: str) -> None:
    for path in ("/proxy/22/", "/absproxy/22/"):
        assert request(code_server, "GET", path, Cookie=session)[0] == 403


@pytest.fixture
def inside(host: Host, declared: Declared) -> t.Callable[[str], t.Any]:
    """Runs a command line as a terminal of code-server does: a service of the same settings."""
    unit = host.file("/etc/systemd/system/code-server.service").content_string
    settings = dict.fromkeys(
        re.findall(r"^((?!Exec|Type=|Restart|OOM|Documentation|Description|Wants|After)[A-Z]\w+=.*)$", unit, re.M)
    )
    options = " ".join(f"--property '{line}'" for line in settings if not line.startswith("WantedBy"))

    def run(line: str) -> t.Any:
        return host.run(f"systemd-run --quiet --collect --wait --pipe {options} bash -c %s", line)

    return run


@pytest.mark.parametrize(
    "line",
    [
        "git init --quiet x && cd x && git -c user.name=x -c user.email=x@x commit --quiet --allow-empty --message x",
        "kubectl config current-context",
        "aws --version",
        "session-manager-plugin --version",
        "uv venv --quiet --python python3 v && v/bin/python -c 'import ssl, sqlite3, multiprocessing as m; m.Lock()'",
        "node --eval 'let s = 0; for (let i = 0; i < 1e7; i++) s += i; console.log(s, os.cpus().length)'",
        "npm --version",
        "python3 -m venv w && w/bin/python -c 'import os; assert os.sysconf(\"SC_NPROCESSORS_ONLN\")'",
        "psql --version && redis-cli --version && jq --version && curl --version && less --version",
        "ssh -G example.com && nice -n 5 true && free && top -b -n 1 && ps -ef",
        "script --quiet --command 'test -t 0 && stty -a' /dev/null",
        "cp --archive /etc/hostname h && tar -cf t.tar h && tar -xf t.tar && mktemp && flock h true",
    ],
)
def test_a_developer_can_work_in_it(inside: t.Callable[[str], t.Any], line: str) -> None:
    answer = inside(f'cd "$(mktemp --directory)" && {{ {line}; }}')
    assert answer.rc == 0, answer


def test_docker_is_there_for_who_is_in_its_group(inside: t.Callable[[str], t.Any], declared: Declared) -> None:
    assert (inside("docker info").rc == 0) == ("docker" in declared["bastion_user_groups"])


def test_the_system_is_not_there_to_be_changed(inside: t.Callable[[str], t.Any], host: Host) -> None:
    host.check_output("install --directory --mode 0777 /home/other /var/open")
    try:
        for line in (
            "touch /var/open/x",
            "ls /home/other",
            "unshare --user true",
            "mount --bind /tmp /tmp",
            "test -e /proc/1",
            "ls /tmp/* /var/tmp/*",
            "runuser --user root true || sudo --non-interactive true",
        ):
            assert inside(line).rc != 0, line
    finally:
        host.check_output("rm --recursive /home/other /var/open")


def test_the_extensions_are_the_declared_ones(host: Host, declared: Declared) -> None:
    folder = f"/home/{declared['bastion_user']}/.local/share/code-server/extensions"
    found = host.check_output(f"find {folder} -mindepth 1 -maxdepth 1 -type d -printf '%f\\n'").split()
    wanted = {f"{entry['name']}-{entry['version']}" for entry in declared["bastion_code_server_extensions"]}
    assert {name.removesuffix("-universal") for name in found} == wanted
    assert host.check_output("find /var/lib/platform -name '*.vsix'") == ""


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


def test_the_right_password_opens_a_session(code_server: str, declared: Declared, session: str) -> None:
    status, _, body = request(code_server, "GET", f"/?folder={declared['bastion_workspace']}", Cookie=session)
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
