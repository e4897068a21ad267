# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of auditd, as they are written for each architecture. The kernel of a test's machine isn't given them."""

from __future__ import annotations

from pathlib import Path

import jinja2
import jinja2.nativetypes
import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles/bastion"
CONSTANTS = yaml.safe_load((ROLE / "vars/main.yml").read_text())
# System calls that 64-bit ARM has never had.
OLD = {"chmod", "chown", "creat", "lchown", "open", "rename", "rmdir", "unlink"}
PATHS = {
    "__bastion_home": "/home/developer",
    "__bastion_code_server_config": "/etc/code-server/config.yaml",
    "__bastion_folder": "/opt/platform",
    "__bastion_links": "/usr/local/bin",
    "__bastion_metadata_rules": "/etc/platform-metadata.nft",
    "__bastion_network_file": "/etc/default/platform-network",
    "__bastion_log_agent_file_of_settings": CONSTANTS["__bastion_log_agent_file_of_settings"],
}


def lines(machine: str, **variables: object) -> list[str]:
    environment = jinja2.Environment(trim_blocks=True, autoescape=False)
    native = jinja2.nativetypes.NativeEnvironment()
    native.filters["dirname"] = lambda path: str(Path(path).parent)
    given = {**PATHS, "bastion_user": "developer", "bastion_log_shipping": {}, **variables}

    def fill(value):
        if isinstance(value, dict):
            return {key: fill(one) for key, one in value.items()}
        if isinstance(value, list):
            return [fill(one) for one in value]
        return native.from_string(value).render(given)

    text = environment.from_string((ROLE / "templates/audit.rules.j2").read_text()).render(
        __bastion_audit_calls=fill(CONSTANTS["__bastion_audit_calls"]),
        __bastion_audit_paths=fill(CONSTANTS["__bastion_audit_paths"]),
        ansible_facts={"architecture": machine},
    )
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_rules_are_complete_and_immutable(machine):
    found = lines(machine)

    assert (found[0], found[-1]) == ("-i", "-e 2")
    assert all(line.startswith(("-w /", "-a always,exit -F arch=b", "-a never,exit -F arch=b")) for line in found[1:-1])
    for rule in (
        "-a always,exit -F arch=b64 -S execve -C uid!=euid -k privileged",
        "-a always,exit -F arch=b32 -S init_module,finit_module,delete_module -k kernel-modules",
        "-a always,exit -F arch=b64 -S adjtimex,settimeofday -k time-change",
        "-w /etc/sudoers.d/ -p wa -k privileges",
        "-w /etc/shadow -p wa -k identity",
        "-w /var/log/wtmp -p wa -k session",
        "-w /etc/audit/ -p wa -k audit-configuration",
        "-w /etc/amazon/ -p wa -k agents",
        "-w /opt/platform/ -p wa -k tools",
    ):
        assert rule in found
    assert any(" -S unlinkat,renameat,renameat2" in line and line.endswith("-F uid>=1000 -k delete") for line in found)


def test_no_rule_asks_for_calls_that_the_kernel_does_not_have():
    calls = {
        call
        for line in lines("aarch64")
        if " -F arch=b64 " in line
        for call in line.partition(" -S ")[2].split()[0].split(",")
    }
    assert not calls & OLD
    assert any(" -F arch=b32 " in line and "unlink," in line for line in lines("aarch64"))


def test_what_is_left_out_is_the_users_own_and_of_nothing_that_is_watched():
    """The first rule that fits decides: files that are watched come before all that is left out."""
    found = lines("x86_64")
    never = [number for number, line in enumerate(found) if line.startswith("-a never")]

    assert never
    assert all(found[number].endswith("-F dir=/home/developer -F uid=developer") for number in never)
    assert max(number for number, line in enumerate(found) if line.startswith("-w")) < min(never)


def test_the_agent_of_the_logs_is_watched_where_there_is_one():
    """As a declared one makes other rules, a kernel that takes none is rebooted for it."""
    rule = "-w /opt/aws/amazon-cloudwatch-agent/etc/ -p wa -k agents"

    assert rule not in lines("x86_64")
    assert rule in lines("x86_64", bastion_log_shipping={"audit": "a", "journal": "j"})


def test_what_is_watched_is_there_before():
    """What isn't there when the rules are loaded isn't watched until the next boot."""
    tasks = yaml.safe_load((ROLE / "tasks/main.yml").read_text())
    files = [task.get(f"ansible.builtin.{how}_tasks") for task in tasks for how in ("import", "include")]
    order = [file for file in files if file]

    assert order.index("auditd.yml") > max(
        order.index(file)
        for file in ("network.yml", "packages.yml", "tools.yml", "code_server.yml", "metadata.yml", "log_shipping.yml")
    )
