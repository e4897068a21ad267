# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion's tools, and what is wrong with its variables."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.filter.bastion_extensions import bastion_extensions
from ansible_collections.agent_platform.aws.plugins.filter.bastion_faults import bastion_faults
from ansible_collections.agent_platform.aws.plugins.filter.bastion_tools import bastion_tools

ROLE = Path(__file__).resolve().parents[3] / "roles/bastion"
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
CONSTANTS = yaml.safe_load((ROLE / "vars/main.yml").read_text())
KNOWN = CONSTANTS["__bastion_known_tools"]
METHODS = CONSTANTS["__bastion_code_server_methods"]

VERSION = DEFAULTS["bastion_code_server_version"]
SHA256 = "sha256:" + "0" * 64
OTHER = "sha256:" + "1" * 64
EXTENSION = {"name": "redhat.ansible", "version": "1", "checksums": {"any": SHA256}}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\nAA==\n-----END CERTIFICATE-----\n"
OWN = {
    "name": "own",
    "version": "1.0",
    "source": "archive",
    "url": "https://example.com/own-{version}-{arch}.tar.gz",
    "checksums": {"any": SHA256},
    "executables": {"own": "own-{version}/bin/own"},
    "check": "own --version",
}

LOGS = {"region": "us-west-2", "journal": "/aws/ec2/demo/journal", "audit": "/aws/ec2/demo/audit"}
LOG_AGENT = {
    "name": "amazon-cloudwatch-agent",
    "version": "1.300070.0b1",
    "url": DEFAULTS["bastion_log_agent_url"],
    "checksums": {"amd64": SHA256},
}


def code_server(method="standalone", **members):
    checksums = DEFAULTS["bastion_code_server_checksums"].get(method, {})
    entry = {"name": "code-server", "version": VERSION, "check": "code-server --version", "checksums": checksums}
    return {**METHODS[method], **entry, **members}


def values(**changes):
    return {
        "distribution": "Debian",
        "distribution_version": "12.9",
        "machine": "x86_64",
        "user": "developer",
        "user_groups": [],
        "docker": True,
        "sshd": False,
        "reached_by": "",
        "metadata_users": ["root", "developer"],
        "http_proxy": "",
        "https_proxy": "",
        "no_proxy": [],
        "ca_certificates": [],
        "tools": DEFAULTS["bastion_tools"],
        "known_tools": KNOWN,
        "code_server": code_server(),
        "code_server_method": "standalone",
        "port": 8080,
        "password": "given",
        "extensions": [],
        "kubeconfig": {},
        "log_shipping": {},
        "log_agent": LOG_AGENT | {"version": "", "checksums": {}},
        "reboot_time": "",
        "idle_minutes": 0,
    } | changes


def faults(**changes):
    return bastion_faults(values(**changes))


def tool_faults(*entries, **changes):
    return faults(tools=list(entries), **changes)


# What the tests give is what the role gives


def test_the_values_are_those_of_the_role():
    assert set(values()) == set(CONSTANTS["__bastion_checked"])


def test_entries_have_the_keys_that_the_spec_has():
    spec = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    known = set(spec["bastion_tools"]["options"])

    assert {
        key for entry in (OWN, *({"name": name, **entry} for name, entry in KNOWN.items())) for key in entry
    } == known


# What is accepted


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("release", [("Debian", "12"), ("Debian", "12.11"), ("Ubuntu", "22.04"), ("Ubuntu", "24.04")])
def test_the_defaults_need_a_password_and_nothing_else(machine, release):
    distribution, version = release

    assert faults(distribution=distribution, distribution_version=version, machine=machine) == []


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_default_npm_package_is_for_every_architecture(machine):
    assert faults(machine=machine, code_server=code_server("npm"), code_server_method="npm") == []


def test_the_default_list_has_all_known_tools_complete():
    assert [entry["name"] for entry in DEFAULTS["bastion_tools"]] == list(KNOWN)
    for machine in ("x86_64", "aarch64"):
        for tool in bastion_tools(DEFAULTS["bastion_tools"], KNOWN, machine, "/opt"):
            assert "{" not in "".join([tool["url"], *(one["path"] for one in tool["executables"])])
            assert tool["version"] in tool["url"]


def test_a_tool_of_ones_own_and_another_version_of_a_known_one():
    newer = {"name": "helm", "version": "9.9.9", "checksums": {"amd64": SHA256}}

    assert tool_faults(OWN, newer) == []


def test_checksums_of_other_lengths():
    for algorithm, length in (("sha384", 96), ("sha512", 128)):
        assert tool_faults({**OWN, "checksums": {"amd64": f"{algorithm}:{'a' * length}"}}) == []


# Bad input: one line for each fault


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            {"name": "kubctl"},
            "bastion_tools[0].name: 'kubctl' is not a tool that the role knows (kubectl, helm, aws-cli,"
            " session-manager-plugin, uv, node), and one of your own needs version, source, url, checksums,"
            " executables, check, too; did you mean kubectl?",
        ),
        (
            {**OWN, "name": "terraform", "check": ""},
            "bastion_tools[0].name: 'terraform' is not a tool that the role knows (kubectl, helm, aws-cli,"
            " session-manager-plugin, uv, node), and one of your own needs check, too",
        ),
        (
            {"name": "helm", "version": "9.9.9"},
            "bastion_tools[0].checksums: helm 9.9.9 has no checksum for amd64",
        ),
        (
            {"name": "helm", "checksums": {"arm64": SHA256}},
            f"bastion_tools[0].checksums: helm {KNOWN['helm']['version']} has no checksum for amd64",
        ),
        (
            {**OWN, "checksums": {"any": "0" * 64}},
            f"bastion_tools[0].checksums: '{'0' * 64}' is not a checksum: sha256, sha384 or sha512, a colon, and the"
            " digest in hex",
        ),
        (
            {**OWN, "checksums": {"any": "md5:" + "0" * 32}},
            f"bastion_tools[0].checksums: 'md5:{'0' * 32}' is not a checksum: sha256, sha384 or sha512, a colon, and"
            " the digest in hex",
        ),
        (
            {**OWN, "checksums": {"any": "sha256:https://example.com/SHA256SUMS"}},
            "bastion_tools[0].checksums: 'sha256:https://example.com/SHA256SUMS' is not a checksum: sha256, sha384 or"
            " sha512, a colon, and the digest in hex",
        ),
        (
            {**OWN, "version": 1.0},
            "bastion_tools[0].version: 1.0 is not a version: letters, digits and + . _ ~ -, in quotes",
        ),
        (
            {**OWN, "version": "../1"},
            "bastion_tools[0].version: '../1' is not a version: letters, digits and + . _ ~ -, in quotes",
        ),
        (
            {**OWN, "name": "../own"},
            "bastion_tools[0].name: '../own' is not a name: lower-case letters, digits and + . _ -",
        ),
        (
            {**OWN, "name": "code-server"},
            "bastion_tools[0].name: 'code-server' is installed by the role itself, see bastion_code_server_method",
        ),
        (
            {**OWN, "url": "ftp://example.com/own.tar.gz"},
            "bastion_tools[0].url: 'ftp://example.com/own.tar.gz' is not an address that begins with https://, http://"
            " or file://",
        ),
        (
            {**OWN, "url": "https://example.com/own.rar"},
            "bastion_tools[0].url: 'https://example.com/own.rar' is no archive that the role unpacks:"
            " .tar.gz .tgz .tar.xz .tar.bz2 .zip",
        ),
        (
            {**OWN, "url": "https://example.com/{os}.zip"},
            "bastion_tools[0].url: 'https://example.com/{os}.zip' has the placeholder {os}: there are {version} and"
            " {arch}",
        ),
        (
            {**OWN, "executables": {"own": "/usr/bin/own"}},
            "bastion_tools[0].executables.own: '/usr/bin/own' is not a path inside the tool's folder",
        ),
        (
            {**OWN, "executables": {"own": "a/../../b"}},
            "bastion_tools[0].executables.own: 'a/../../b' is not a path inside the tool's folder",
        ),
        (
            {**OWN, "executables": {"own": "own", "../x": "x"}},
            "bastion_tools[0].executables: '../x' is not the name of a command",
        ),
        (
            {**OWN, "executables": {"own": "own", "platform": "x"}},
            "bastion_tools[0].executables: 'platform' is a command of the role itself",
        ),
        (
            {**OWN, "source": "binary", "executables": {"own": "own", "two": "two"}},
            "bastion_tools[0].executables: ['own', 'two'] are not one command: a binary is a single file",
        ),
        (
            {**OWN, "check": "true"},
            "bastion_tools[0].check: 'true' does not begin with a command of own: own",
        ),
    ],
)
def test_a_tool_with_a_fault(entry, expected):
    assert tool_faults(entry) == [expected]


def test_tools_that_disturb_each_other():
    assert tool_faults(OWN, {**OWN, "name": "other"}) == [
        "bastion_tools[1].executables: 'own' is a command of own, too"
    ]
    assert tool_faults(OWN, {"name": "helm"}, OWN) == ["bastion_tools[].name: 'own' occurs more than once"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"distribution": "Fedora", "distribution_version": "43"},
            "ansible_distribution: Fedora 43 is not supported; the role knows Debian 12, Ubuntu 22.04 and 24.04",
        ),
        (
            {"distribution_version": "13.1"},
            "ansible_distribution: Debian 13.1 is not supported; the role knows Debian 12, Ubuntu 22.04 and 24.04",
        ),
        (
            {"distribution": "Ubuntu", "distribution_version": "20.04"},
            "ansible_distribution: Ubuntu 20.04 is not supported; the role knows Debian 12, Ubuntu 22.04 and 24.04",
        ),
        (
            {"machine": "ppc64le"},
            "ansible_architecture: 'ppc64le' is not supported; the role knows x86_64, aarch64",
        ),
        (
            {"password": "empty"},
            "bastion_code_server_password: is empty; give the password, of which the host gets a hash only",
        ),
        (
            {"password": "padded"},
            "bastion_code_server_password: begins or ends with white space, which code-server drops from what is typed",
        ),
        (
            {"code_server": code_server(version=4.1)},
            "bastion_code_server_version: 4.1 is not a version: letters, digits and + . _ ~ -, in quotes",
        ),
        (
            {"code_server": code_server("deb"), "code_server_method": "deb"},
            f"bastion_code_server_checksums.deb: code-server {VERSION} has no checksum for amd64",
        ),
        (
            {"code_server": code_server("npm"), "code_server_method": "npm", "tools": [{"name": "uv"}]},
            "bastion_code_server_method: 'npm' needs node, which bastion_tools doesn't list",
        ),
        (
            {"port": 80},
            "bastion_code_server_port: 80 is not from 1024 to 65535 (ports that a user may open)",
        ),
        (
            {"code_server": code_server(version="4.15.0")},
            "bastion_code_server_version: '4.15.0' forwards to other ports, which 4.16 can be told not to",
        ),
        (
            {"extensions": [{"name": "redhat.ansible", "version": "1"}]},
            "bastion_code_server_extensions[0].checksums: redhat.ansible 1 has no checksum for amd64",
        ),
        (
            {"extensions": [{"name": "redhat.ansible", "version": "1", "checksums": {"any": "sha256:1"}}]},
            "bastion_code_server_extensions[0].checksums: 'sha256:1' is not a checksum: sha256, sha384 or sha512, a"
            " colon, and the digest in hex",
        ),
        (
            {"extensions": [{**EXTENSION, "url": "https://example.com/{arch}.vsix"}]},
            "bastion_code_server_extensions[0].url: 'https://example.com/{arch}.vsix' is not an address with {version}"
            " and {target} that begins with https://, http:// or file://",
        ),
        (
            {"reached_by": "sshd"},
            "bastion_sshd_enabled: is false, and sshd is the way by which Ansible has reached this host, so that it"
            " would be the last time; say true, or come by Session Manager, see docs/bastion.md",
        ),
        (
            {"metadata_users": ["developer"]},
            "bastion_metadata_users: lacks root, as which the agent of Session Manager runs",
        ),
        (
            {"metadata_users": ["root", 'a" } accept']},
            "bastion_metadata_users: 'a\" } accept' is not the name of a user: up to 32 of a-z 0-9 _ -",
        ),
        (
            {"https_proxy": "http://me:secret@proxy.example.com:3128"},
            "bastion_https_proxy: is not the address of a proxy such as http://proxy.example.com:3128; it has no user"
            " and no password, which every user of the host could read",
        ),
        (
            {"no_proxy": ["a b"]},
            "bastion_no_proxy: 'a b' is neither a name, such as .example.com, nor an address",
        ),
        (
            {"ca_certificates": [CERTIFICATE, CERTIFICATE * 2]},
            "bastion_ca_certificates[1]: is not one certificate in PEM, and nothing besides",
        ),
        (
            {"extensions": [{"name": "ansible", "version": "1"}]},
            "bastion_code_server_extensions[0].name: 'ansible' is not the name of an extension: publisher.name",
        ),
        (
            {"extensions": [{"name": "redhat.ansible", "version": 25.1}]},
            "bastion_code_server_extensions[0].version: 25.1 is not a version: letters, digits and + . _ ~ -,"
            " in quotes",
        ),
        (
            {"extensions": [{**EXTENSION, "name": f"red{hat}.ansible"} for hat in ("hat", "Hat")]},
            "bastion_code_server_extensions[].name: 'redhat.ansible' occurs more than once",
        ),
        (
            {"user": "root"},
            "bastion_user: 'root' is not the name of an unprivileged user: up to 32 of a-z 0-9 _ -",
        ),
        (
            {"user": "Dev Eloper"},
            "bastion_user: 'Dev Eloper' is not the name of an unprivileged user: up to 32 of a-z 0-9 _ -",
        ),
        (
            {"user_groups": ["sudo"]},
            "bastion_user_groups: 'sudo' would make the user an administrator",
        ),
        (
            {"user_groups": ["lxd"]},
            "bastion_user_groups: 'lxd' would let the user start machines that may do everything on this one",
        ),
        (
            {"user_groups": ["disk"]},
            "bastion_user_groups: 'disk' would let the user read and write past all rights of files",
        ),
        (
            {"user_groups": ["shadow"]},
            "bastion_user_groups: 'shadow' would let the user read the hashes of all passwords",
        ),
        (
            {"user_groups": ["docker"], "docker": False},
            "bastion_user_groups: 'docker' needs bastion_docker_enabled: true",
        ),
        (
            {"kubeconfig": {"cluster_name": "eks", "region": "us-west-2"}},
            "bastion_kubeconfig: has no endpoint and no certificate_authority; empty means none at all",
        ),
        (
            {"reboot_time": "4:00"},
            "bastion_unattended_upgrades_reboot_time: '4:00' is not a time such as 04:00",
        ),
        (
            {"idle_minutes": -1},
            "bastion_idle_shutdown_minutes: -1 is not 0 or more minutes",
        ),
    ],
)
def test_another_value_with_a_fault(changes, expected):
    assert faults(**changes) == [expected]


@pytest.mark.parametrize(
    "group",
    ["adm", "admin", "disk", "incus-admin", "kmem", "libvirt", "lxd", "root", "shadow", "staff", "sudo", "wheel"],
)
def test_groups_that_are_as_good_as_root_are_refused(group):
    (found,) = faults(user_groups=["users", group])
    assert found.startswith(f"bastion_user_groups: {group!r} would ")
    assert faults(user_groups=["docker"]) == []


def test_all_faults_are_found_at_once():
    found = faults(distribution="Arch", distribution_version="rolling", password="empty", tools=[{"name": "hlem"}])

    assert [line.split(":")[0] for line in found] == [
        "ansible_distribution", "bastion_tools[0].name", "bastion_code_server_password"
    ]  # fmt: skip


def test_a_host_that_is_reached_by_sshd_may_keep_it():
    assert faults(reached_by="sshd", sshd=True) == []


def test_ways_out():
    assert (
        faults(
            http_proxy="http://proxy.example.com:3128",
            https_proxy="http://[fd00::1]:3128/",
            no_proxy=[".example.com", "10.0.0.0/8"],
            ca_certificates=[CERTIFICATE],
        )
        == []
    )


# What the tasks get


def test_an_extension_ready_to_be_downloaded():
    own = {"name": "Acme.Note", "version": "2", "url": "https://example.com/{version}/{target}.vsix"}
    checksums = {"amd64": SHA256, "arm64": OTHER}

    assert bastion_extensions([EXTENSION, {**own, "checksums": checksums}], "aarch64") == [
        {
            "id": "redhat.ansible@1",
            "name": "redhat.ansible",
            "url": "https://open-vsx.org/api/redhat/ansible/1/file/redhat.ansible-1.vsix",
            "checksum": SHA256,
        },
        {
            "id": "acme.note@2",
            "name": "acme.note",
            "url": "https://example.com/2/linux-arm64.vsix",
            "checksum": OTHER,
        },
    ]


def test_a_tool_ready_to_be_installed():
    entry = {**OWN, "arch_names": {"amd64": "x64", "arm64": "aarch64"}, "checksums": {"amd64": SHA256, "arm64": OTHER}}

    assert bastion_tools([entry], KNOWN, "aarch64", "/opt/platform") == [
        {
            "name": "own",
            "version": "1.0",
            "home": "/opt/platform/own/1.0",
            "source": "archive",
            "url": "https://example.com/own-1.0-aarch64.tar.gz",
            "checksum": OTHER,
            "executables": [{"link": "own", "path": "own-1.0/bin/own"}],
            "check": ["own-1.0/bin/own", "--version"],
        }
    ]


def test_an_entry_inherits_what_it_leaves_out():
    (tool,) = bastion_tools(
        [{"name": "uv", "url": "https://mirror.example.com/uv-{arch}.tgz"}], KNOWN, "x86_64", "/opt"
    )

    assert tool["url"] == "https://mirror.example.com/uv-x86_64.tgz"
    assert tool["version"] == KNOWN["uv"]["version"]
    assert tool["checksum"] == KNOWN["uv"]["checksums"]["amd64"]


def test_what_npm_compiles_belongs_to_one_version_of_node():
    newer = {"name": "node", "version": "24.99.0", "checksums": {"any": SHA256}}

    before = bastion_tools([{"name": "node"}, code_server("npm")], KNOWN, "x86_64", "/opt")[1]
    after = bastion_tools([newer, code_server("npm")], KNOWN, "x86_64", "/opt")[1]

    version = KNOWN["node"]["version"]
    assert before["home"] == f"/opt/code-server/{VERSION}-node{version}"
    assert before["node"] == f"/opt/node/{version}/node-v{version}-linux-x64"
    assert after["home"] == f"/opt/code-server/{VERSION}-node24.99.0"
    assert after["node"] == "/opt/node/24.99.0/node-v24.99.0-linux-x64"


def test_logs_go_where_a_verified_package_sends_them():
    assert faults(log_shipping=LOGS, log_agent=LOG_AGENT) == []
    (line,) = faults(log_shipping=LOGS, log_agent=LOG_AGENT | {"version": ""})
    assert "bastion_log_agent_version: '' is not a version of the agent's package that you have verified" in line
    (line,) = faults(log_shipping=LOGS, log_agent=LOG_AGENT, machine="aarch64")
    assert line == "bastion_log_agent_checksums: amazon-cloudwatch-agent 1.300070.0b1 has no checksum for arm64"
    (line,) = faults(log_shipping={"region": "us-west-2"}, log_agent=LOG_AGENT)
    assert line == "bastion_log_shipping: has no journal and no audit; empty means nowhere"
    (line,) = faults(log_shipping=LOGS, log_agent=LOG_AGENT | {"url": "https://example.com/{release}.deb"})
    assert "has the placeholder {release}" in line
