# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host: its user, what runs and listens, the way out, hardening and security updates."""

from __future__ import annotations

import ipaddress
import json
import re
import time
import typing as t
from collections.abc import Callable, Iterator

import pytest
import yaml
from testinfra.host import Host

from tests.support import bastion_host

Declared = dict[str, t.Any]


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def test_all_services_are_well(host: Host) -> None:
    assert host.check_output("systemctl --failed --no-legend") == ""


def test_the_user_has_no_rights_but_the_declared(host: Host, declared: Declared) -> None:
    user = declared["bastion_user"]
    assert set(host.user(user).groups) == {user, *declared["bastion_user_groups"]}
    assert host.check_output(f"passwd --status {user}").split()[1] == "L"
    assert host.run(f"grep --recursive --word-regexp {user} /etc/sudoers /etc/sudoers.d").rc != 0


def test_docker_runs_only_if_somebody_may_use_it(host: Host, declared: Declared) -> None:
    used = "docker" in declared["bastion_user_groups"]
    for unit in ("docker.service", "docker.socket", "containerd.service"):
        assert host.service(unit).is_running == used
    assert host.service("docker.service").is_enabled == used
    if used:
        assert host.run("docker info").rc == 0
    else:
        assert not host.service("docker.socket").is_enabled
        assert not host.service("containerd.service").is_enabled
    answer = host.run(f"runuser --user {declared['bastion_user']} -- docker info")
    assert (answer.rc == 0) == used, answer


def test_sshd_is_there_and_does_not_run(host: Host) -> None:
    assert host.package("openssh-server").is_installed
    for unit in ("ssh.service", "ssh.socket"):
        assert not host.service(unit).is_running
        assert not host.service(unit).is_enabled


def test_a_run_that_comes_by_sshd_is_known(host: Host) -> None:
    script = yaml.safe_load((bastion_host.ROLE / "vars/main.yml").read_text())["__bastion_state_script"]
    host.check_output("printf %%s %s >/tmp/state", script.partition('echo "network=')[0])
    try:
        # A process of that name stands for it.
        host.check_output("cp /bin/bash /tmp/sshd")
        for shell, known in (("/tmp/sshd", "sshd"), ("/bin/bash", "")):
            assert f"reached_by={known}" in host.check_output(f"{shell} -c 'sh /tmp/state; true'").splitlines()
    finally:
        host.check_output("rm /tmp/state /tmp/sshd")


@pytest.fixture
def metadata(host: Host) -> Iterator[str]:
    """The address of a stand-in for the metadata, on the loopback interface."""
    address = "169.254.169.254"
    host.check_output(f"ip address add {address}/32 dev lo")
    host.check_output(f"systemd-run --unit test-metadata python3 -m http.server --bind {address} 80 --directory /srv")
    try:
        wait_until(lambda: host.run(f"curl --silent --fail http://{address}/").rc == 0)
        yield f"http://{address}/"
    finally:
        host.run("systemctl stop test-metadata")
        host.check_output(f"ip address delete {address}/32 dev lo")


def test_only_some_users_reach_the_metadata(host: Host, declared: Declared, metadata: str) -> None:
    answers = {
        user: host.run(f"runuser --user {user} -- curl --silent --show-error --max-time 5 {metadata}")
        for user in ("root", declared["bastion_user"], "nobody", "_apt")
    }
    assert {user: answer.rc for user, answer in answers.items()} == {
        "root": 0, declared["bastion_user"]: 0, "nobody": 7, "_apt": 7
    }, answers  # fmt: skip
    rules = host.check_output("nft list table inet platform_metadata")
    assert "fd00:ec2::254" in rules
    assert "hook forward" in rules


def test_the_rules_of_the_metadata_come_back_with_those_of_the_host(host: Host) -> None:
    """nftables.service flushes all rules whatever it does."""
    for action in ("start", "reload", "restart", "stop"):
        host.check_output(f"systemctl {action} nftables.service")
        wait_until(lambda: host.run("nft list table inet platform_metadata").rc == 0)


def test_the_rules_of_the_metadata_outlast_a_boot_that_goes_badly(host: Host) -> None:
    told = host.check_output("systemctl show --property After --value platform-metadata.service")
    assert "systemd-tmpfiles-setup.service" in told.split()  # a boot in four failed without, on Debian 12
    rules = "/etc/platform-metadata.nft"
    host.check_output(f"nft delete table inet platform_metadata && mv {rules} {rules}.away")
    try:
        assert host.run("systemctl restart platform-metadata.service").rc != 0
    finally:
        host.check_output(f"mv {rules}.away {rules}")
    wait_until(lambda: host.run("nft list table inet platform_metadata").rc == 0)
    wait_until(lambda: host.check_output("systemctl --failed --no-legend") == "")


def test_services_are_shut_in(host: Host) -> None:
    """From 0, nothing to fear, to 10. What a person works in is given more than what works by itself."""
    most = {"code-server.service": 3.0, "platform-idle.service": 2.0, "platform-metadata.service": 2.0}
    for unit, limit in most.items():
        told = host.check_output(f"systemd-analyze security --no-pager {unit}")
        assert float(re.search(r"exposure level for \S+: ([0-9.]+)", told)[1]) <= limit, told


def test_the_host_gets_out_as_declared(host: Host, declared: Declared) -> None:
    told = host.check_output(f"runuser --login {declared['bastion_user']} --command env").splitlines()
    proxy = declared["bastion_https_proxy"]
    assert (f"https_proxy={proxy}" in told) == (f"HTTPS_PROXY={proxy}" in told) == bool(proxy)
    never = [line for line in told if line.startswith("no_proxy=")]
    assert [all(name in line for name in ("169.254.169.254", "kubernetes.example.com")) for line in never] == (
        [True] if proxy else []
    )
    assert ("Acquire::https::Proxy" in host.check_output("apt-config dump")) == bool(proxy)
    docker = host.check_output("systemctl show --property EnvironmentFiles docker.service")
    assert ("platform-network" in docker) == bool(proxy)
    trusted = declared["bastion_ca_certificates"]
    assert ("NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt" in told) == bool(trusted)
    bundle = host.file("/etc/ssl/certs/ca-certificates.crt").content_string
    assert [text.strip() in bundle for text in trusted] == [True] * len(trusted)
    found = host.check_output("find /usr/local/share/ca-certificates /etc/ssl/certs -name 'platform-*'").split()
    assert len(found) == 2 * len(trusted)
    environment = host.check_output("systemctl show --property EnvironmentFiles code-server.service")
    assert "platform-network" in environment


def test_nothing_listens_on_a_public_address(host: Host) -> None:
    addresses = [line.split()[4].rpartition(":")[0] for line in host.check_output("ss -Hltun").splitlines()]
    assert addresses
    for address in addresses:
        # An interface may follow: 127.0.0.53%lo. * is every address.
        bare = address.partition("%")[0].strip("[]")
        assert bare != "*", addresses
        assert ipaddress.ip_address(bare).is_loopback, addresses


def test_the_kernel_has_the_parameters(host: Host, declared: Declared) -> None:
    wanted = {key: str(value) for key, value in declared["bastion_sysctl"].items()}
    values = host.check_output(f"sysctl --values {' '.join(wanted)}").splitlines()
    assert dict(zip(wanted, values, strict=True)) == wanted


def test_parameters_of_others_come_before_those_of_the_platform(host: Host) -> None:
    """The last one is in force after a boot."""
    files = re.findall(r"^# (/\S+)$", host.check_output("systemd-analyze cat-config sysctl.d"), re.MULTILINE)
    assert files[-1] == "/etc/sysctl.d/99-zz-platform.conf"
    assert len(files) > 1


def test_the_journal_is_limited(host: Host, declared: Declared) -> None:
    in_force = host.check_output("systemd-analyze cat-config systemd/journald.conf").splitlines()
    for key, value in declared["bastion_journald"].items():
        assert [line for line in in_force if line.startswith(f"{key}=")][-1] == f"{key}={value}"
    assert host.file("/var/log/journal").is_directory


def test_security_updates_are_installed_by_themselves(host: Host, declared: Declared) -> None:
    settings = host.check_output("apt-config dump")
    for line in (
        'APT::Periodic::Update-Package-Lists "1";',
        'APT::Periodic::Unattended-Upgrade "1";',
        f'Unattended-Upgrade::Automatic-Reboot-Time "{declared["bastion_unattended_upgrades_reboot_time"]}";',
    ):
        assert line in settings.splitlines()
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(timer).is_running
        assert host.service(timer).is_enabled
    # The program itself says where it would take packages from.
    would = host.run("unattended-upgrade --dry-run --debug")
    assert would.rc == 0, would.stderr
    allowed = [line for line in (would.stdout + would.stderr).splitlines() if line.startswith("Allowed origins are:")]
    assert allowed[0].count("origin=") == 1
    assert "bookworm-security" in allowed[0] or "-security" in allowed[0]


def test_an_idle_host_is_looked_for(host: Host) -> None:
    timer = host.service("platform-idle.timer")
    # Updates come while the host is on.
    for name in ("apt-daily", "apt-daily-upgrade"):
        assert host.check_output(f"systemctl show --property RandomizedDelayUSec --value {name}.timer") == "5min"
    assert timer.is_running
    assert timer.is_enabled
    host.check_output("systemctl start platform-idle.service")
    assert host.file("/run/platform-idle/last-used").exists


def test_what_the_host_tells_is_sent_away_as_long_as_that_is_declared(host: Host, declared: Declared) -> None:
    agent, where = host.service("amazon-cloudwatch-agent"), declared["bastion_log_shipping"]
    if not where:
        assert not host.package("amazon-cloudwatch-agent").is_installed
        assert not agent.is_running
        return
    assert agent.is_running
    assert agent.is_enabled
    # As the service has found it at its start.
    configuration = json.loads(host.file("/run/log-agent.json").content_string)
    assert configuration["agent"]["region"] == where["region"]
    collected = configuration["logs"]["logs_collected"]
    (journal,), (audit,) = collected["journald"]["collect_list"], collected["files"]["collect_list"]
    assert (journal["log_group_name"], audit["log_group_name"]) == (where["journal"], where["audit"])
    assert audit["file_path"] == "/var/log/audit/audit.log"
