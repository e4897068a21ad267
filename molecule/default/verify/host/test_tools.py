# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tools: each answers with the declared version, and nothing else is there."""

from __future__ import annotations

import typing as t

import pytest
from testinfra.host import Host

from tests.support import bastion_host

Declared = dict[str, t.Any]
TOOLS = bastion_host.declared_tools()


def as_user(host: Host, declared: Declared, command: str) -> t.Any:
    """In a login shell, as the terminal of code-server has one."""
    return host.run(f"runuser --login {declared['bastion_user']} --command '{command}'")


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_answers_with_its_version(host: Host, declared: Declared, name: str) -> None:
    answer = as_user(host, declared, TOOLS[name]["check"])
    assert answer.rc == 0, answer.stderr
    words = (answer.stdout + answer.stderr).replace("/", " ").replace("+", " ").replace("v", " ").split()
    assert TOOLS[name]["version"] in words


def test_code_server_answers_with_its_version(host: Host, declared: Declared) -> None:
    answer = as_user(host, declared, "code-server --config /etc/code-server/config.yaml --version")
    assert answer.stdout.startswith(f"{declared['bastion_code_server_version']} "), answer


def test_node_runs_npm(host: Host, declared: Declared) -> None:
    assert as_user(host, declared, "npm --version").rc == 0


def test_only_the_declared_versions_are_there(host: Host, declared: Declared) -> None:
    found = set(host.check_output("find /opt/platform -mindepth 2 -maxdepth 2 -printf '%P\\n'").splitlines())
    expected = {f"{name}/{entry['version']}" for name, entry in TOOLS.items()}
    if declared["bastion_code_server_method"] == "npm":
        expected.add(f"code-server/{declared['bastion_code_server_version']}-node{TOOLS['node']['version']}")
    else:
        expected.add(f"code-server/{declared['bastion_code_server_version']}")
    assert found == expected
    assert set(host.check_output("ls -A /opt/platform").split()) == {path.split("/")[0] for path in expected}


def test_only_the_declared_commands_are_there(host: Host) -> None:
    links = host.check_output("find /usr/local/bin -type l -lname '/opt/platform/*' -printf '%f\\n'").split()
    assert set(links) == {"code-server"}.union(*(entry["executables"] for entry in TOOLS.values()))
    assert host.check_output("find /usr/local/bin -xtype l") == ""


def test_nobody_but_root_can_change_a_tool(host: Host) -> None:
    assert host.check_output("find /opt/platform ! -type l '(' -perm /go+w -o ! -user root ')'") == ""


def test_the_packages_are_there(host: Host, declared: Declared) -> None:
    packages = declared["bastion_packages"]
    states = host.check_output(f"dpkg-query --show --showformat '${{db:Status-Status}}\\n' {' '.join(packages)}")
    assert states.split() == ["installed"] * len(packages)


def test_kubectl_knows_the_cluster(host: Host, declared: Declared) -> None:
    wanted = declared["bastion_kubeconfig"]
    assert as_user(host, declared, "kubectl config current-context").stdout.strip() == wanted["cluster_name"]
    server = as_user(host, declared, "kubectl config view --minify --output jsonpath={.clusters[0].cluster.server}")
    assert server.stdout == wanted["endpoint"]
    assert host.file(f"/home/{declared['bastion_user']}/.kube/config").mode == 0o600


def test_what_is_below_the_home_is_the_users(host: Host, declared: Declared) -> None:
    """Nothing is made there with other rights than the user's."""
    user = declared["bastion_user"]
    assert host.check_output(f"find /home/{user} ! -user {user}") == ""


def test_platform_tells_how_to_reach_the_services(host: Host, declared: Declared) -> None:
    told = as_user(host, declared, "platform").stdout
    for service in declared["bastion_services"]:
        assert service["address"] in told
        assert service["how"] in told
    assert declared["bastion_kubeconfig"]["endpoint"] in told
