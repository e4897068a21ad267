# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host: its user, what listens, Docker Engine, hardening and security updates."""

from __future__ import annotations

import ipaddress
import json
import typing as t

from testinfra.host import Host

Declared = dict[str, t.Any]


def test_all_services_are_well(host: Host) -> None:
    assert host.check_output("systemctl --failed --no-legend") == ""


def test_the_user_has_no_rights_but_the_declared(host: Host, declared: Declared) -> None:
    user = declared["bastion_user"]
    assert set(host.user(user).groups) == {user, *declared["bastion_user_groups"]}
    assert host.check_output(f"passwd --status {user}").split()[1] == "L"
    assert host.run(f"grep --recursive --word-regexp {user} /etc/sudoers /etc/sudoers.d").rc != 0


def test_docker_runs_and_obeys_members_of_its_group_only(host: Host, declared: Declared) -> None:
    assert host.service("docker").is_running
    assert host.service("docker").is_enabled
    assert host.run("docker info").rc == 0
    answer = host.run(f"runuser --user {declared['bastion_user']} -- docker info")
    assert (answer.rc == 0) == ("docker" in declared["bastion_user_groups"]), answer


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
