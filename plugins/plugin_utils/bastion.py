# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bastion's tools and what its variables must fulfil, as pure functions: each rule yields the faults it finds.

A tool is an entry: name, version, source, url, checksums, executables, check, and arch_names where the makers spell the
architecture in their own way. In url and in the paths of executables {version} and {arch} are filled in.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from .inventory_rules.fault import Fault, did_you_mean, fault
from .inventory_rules.formats import repeated
from .inventory_rules.ranges import Range

Entry = Mapping[str, t.Any]
Values = Mapping[str, t.Any]

# Debian's names by those of the kernel.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
DISTRIBUTIONS = {"Debian": ("12",), "Ubuntu": ("22.04", "24.04")}

REQUIRED = ("version", "source", "url", "checksums", "executables", "check")
ARCHIVES = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")
DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}

LOG_SHIPPING = ("region", "journal", "audit")
KUBECONFIG = ("cluster_name", "region", "endpoint", "certificate_authority")

NAME = re.compile(r"[a-z0-9][a-z0-9+._-]*")
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z+._~-]*")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
URL = re.compile(r"(https?|file)://[^\s{}]+")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
EXTENSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\.[A-Za-z0-9][A-Za-z0-9._-]*")
NO_VERSION = "is not a version: letters, digits and + . _ ~ -, in quotes"
USER_PORT = Range(1024, 65535, "(ports that a user may open)")
IDLE_TIME = Range(0, of="minutes")
PROXY = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/?")
NO_PROXY = re.compile(r"[A-Za-z0-9.:*/\[\]-]+")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]+\n)+-----END CERTIFICATE-----", re.ASCII)

# The first one that takes --disable-proxy.
OLDEST_CODE_SERVER = [4, 16]
# Where extensions come from that name no other place, and what their makers call the architectures.
OPEN_VSX = "https://open-vsx.org/api/{publisher}/{extension}/{version}/file/{publisher}.{extension}-{version}.vsix"
TARGETS = {"amd64": "linux-x64", "arm64": "linux-arm64"}
CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

# Links in /usr/local/bin that are the role's own.
RESERVED_LINKS = {"code-server": "bastion_code_server_method", "platform": "bastion_services"}
# Groups of Debian and Ubuntu that make a user as good as root, but docker, which says so where it is described.
POWERFUL_GROUPS = {
    ("root", "sudo", "adm", "wheel", "admin"): "would make the user an administrator",
    ("staff",): "would let the user put programs into /usr/local, where root finds them",
    ("disk", "kmem"): "would let the user read and write past all rights of files",
    ("shadow",): "would let the user read the hashes of all passwords",
    ("incus-admin", "libvirt", "lxd"): "would let the user start machines that may do everything on this one",
}


# Entries


def complete(entry: Entry, known: Mapping[str, Entry]) -> dict[str, t.Any]:
    """The entry on top of that of the role's table. Another version needs other checksums than those of the table."""
    base = dict(known.get(entry.get("name"), {}))
    if entry.get("version", base.get("version")) != base.get("version"):
        base.pop("checksums", None)
    given = {key: value for key, value in entry.items() if value not in (None, "", {})}
    return {**base, **given}


def fill(text: str, entry: Entry, architecture: str) -> str:
    arch = (entry.get("arch_names") or {}).get(architecture, architecture)
    return text.replace("{version}", entry["version"]).replace("{arch}", arch)


def checksum(entry: Entry, architecture: str) -> str | None:
    """What is not built for an architecture has one checksum, for any."""
    checksums = entry.get("checksums") or {}
    return checksums.get(architecture) or checksums.get("any")


def ready(entry: Entry, architecture: str, root: str, node: Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """What the module host_tools takes, of an entry without faults; node is the same of the table's Node.js."""
    executables = [(link, fill(path, entry, architecture)) for link, path in entry["executables"].items()]
    program, *arguments = entry["check"].split()
    tool = {
        "name": entry["name"],
        "version": entry["version"],
        "home": f"{root}/{entry['name']}/{entry['version']}",
        "source": entry["source"],
        "url": fill(entry["url"], entry, architecture),
        "checksum": checksum(entry, architecture),
        "executables": [{"link": link, "path": path} for link, path in executables],
        "check": [dict(executables)[program], *arguments],
    }
    if entry["source"] == "npm":
        # Modules that npm compiles are made for one node.
        tool["home"] += f"-node{node['version']}"
        paths = {one["link"]: one["path"] for one in node["executables"]}
        tool["node"] = str(PurePosixPath(node["home"], paths["node"]).parent.parent)
    return tool


def ready_tools(wanted: Iterable[Entry], known: Mapping[str, Entry], machine: str, root: str) -> list[dict[str, t.Any]]:
    architecture = ARCHITECTURES.get(machine, machine)
    entries = [complete(entry, known) for entry in wanted]
    node = next((ready(entry, architecture, root, None) for entry in entries if entry["name"] == "node"), None)
    return [ready(entry, architecture, root, node) for entry in entries]


def fill_extension(entry: Entry, architecture: str) -> str:
    publisher, _dot, extension = entry["name"].partition(".")
    url = (entry.get("url") or OPEN_VSX).replace("{publisher}", publisher).replace("{extension}", extension)
    return url.replace("{version}", entry["version"]).replace("{target}", TARGETS[architecture])


def ready_extensions(wanted: Iterable[Entry], machine: str) -> list[dict[str, t.Any]]:
    """Entries without faults as the role installs them; code-server writes names in small letters."""
    architecture = ARCHITECTURES[machine]
    return [
        {
            "id": f"{entry['name']}@{entry['version']}".lower(),
            "name": entry["name"].lower(),
            "url": fill_extension(entry, architecture),
            "checksum": checksum(entry, architecture),
        }
        for entry in wanted
    ]


# Rules


def _is_version(value: t.Any) -> bool:
    return isinstance(value, str) and bool(VERSION.fullmatch(value))


def checksum_faults(variable: str, entry: Entry, architecture: str) -> Iterator[Fault]:
    given = checksum(entry, architecture)
    if not given:
        yield Fault(variable, f"{entry.get('name')} {entry.get('version')} has no checksum for {architecture}")
        return
    algorithm, _colon, digest = str(given).partition(":")
    length = DIGEST_LENGTHS.get(algorithm)
    if not length or not re.fullmatch(f"[0-9a-fA-F]{{{length or 0}}}", digest):
        yield fault(variable, given, "is not a checksum: sha256, sha384 or sha512, a colon, and the digest in hex")


def _stays_inside(path: t.Any) -> bool:
    return isinstance(path, str) and path != "" and not path.startswith("/") and ".." not in path.split("/")


def _placeholder_faults(variable: str, text: str) -> Iterator[Fault]:
    for name in PLACEHOLDER.findall(text):
        if name not in ("version", "arch"):
            yield fault(variable, text, f"has the placeholder {{{name}}}: there are {{version}} and {{arch}}")


def executable_faults(variable: str, entry: Entry) -> Iterator[Fault]:
    executables = entry["executables"]
    for link, path in executables.items():
        if not FILE_NAME.fullmatch(str(link)):
            yield fault(variable, link, "is not the name of a command")
        if not _stays_inside(path):
            yield fault(f"{variable}.{link}", path, "is not a path inside the tool's folder")
        else:
            yield from _placeholder_faults(f"{variable}.{link}", path)
    if entry["source"] == "binary" and len(executables) != 1:
        yield fault(variable, list(executables), "are not one command: a binary is a single file")


def entry_faults(variable: str, entry: Entry, architecture: str) -> Iterator[Fault]:
    """An entry that has all of its members."""
    name, version = entry["name"], entry["version"]
    if not _is_version(version):
        yield fault(f"{variable}.version", version, NO_VERSION)
        return
    yield from _placeholder_faults(f"{variable}.url", entry["url"])
    url = fill(entry["url"], entry, architecture)
    if not PLACEHOLDER.search(url) and not URL.fullmatch(url):
        yield fault(f"{variable}.url", url, "is not an address that begins with https://, http:// or file://")
    elif entry["source"] == "archive" and not url.endswith(ARCHIVES):
        yield fault(f"{variable}.url", url, f"is no archive that the role unpacks: {' '.join(ARCHIVES)}")
    yield from checksum_faults(f"{variable}.checksums", entry, architecture)
    yield from executable_faults(f"{variable}.executables", entry)
    program = str(entry["check"]).split()[:1]
    if not program or program[0] not in entry["executables"]:
        yield fault(
            f"{variable}.check",
            entry["check"],
            f"does not begin with a command of {name}: {', '.join(entry['executables'])}",
        )


def tool_faults(wanted: list[Entry], known: Mapping[str, Entry], architecture: str) -> Iterator[Fault]:
    links: dict[str, str] = {}
    for index, given in enumerate(wanted):
        variable = f"bastion_tools[{index}]"
        name = given.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield fault(f"{variable}.name", name, "is not a name: lower-case letters, digits and + . _ -")
            continue
        if name in RESERVED_LINKS:
            yield fault(f"{variable}.name", name, f"is installed by the role itself, see {RESERVED_LINKS[name]}")
            continue
        entry = complete(given, known)
        missing = [member for member in REQUIRED if not entry.get(member)]
        if name not in known and missing:
            yield fault(
                f"{variable}.name",
                name,
                f"is not a tool that the role knows ({', '.join(known)}), and one of your own needs"
                f" {', '.join(missing)}, too{did_you_mean(name, known)}",
            )
            continue
        if missing == ["checksums"]:
            yield from checksum_faults(f"{variable}.checksums", entry, architecture)
            continue
        yield from entry_faults(variable, entry, architecture)
        for link in entry["executables"]:
            if link in RESERVED_LINKS:
                yield fault(f"{variable}.executables", link, "is a command of the role itself")
            elif link in links and links[link] != name:
                yield fault(f"{variable}.executables", link, f"is a command of {links[link]}, too")
            links.setdefault(link, name)
    for name in repeated(str(entry.get("name")) for entry in wanted):
        yield fault("bastion_tools[].name", name, "occurs more than once")


def host_faults(values: Values) -> Iterator[Fault]:
    distribution, release = values["distribution"], values["distribution_version"]
    if not any(release.split(".")[: len(r.split("."))] == r.split(".") for r in DISTRIBUTIONS.get(distribution, ())):
        supported = ", ".join(f"{name} {' and '.join(releases)}" for name, releases in DISTRIBUTIONS.items())
        yield Fault("ansible_distribution", f"{distribution} {release} is not supported; the role knows {supported}")
    if values["machine"] not in ARCHITECTURES:
        yield fault(
            "ansible_architecture", values["machine"], f"is not supported; the role knows {', '.join(ARCHITECTURES)}"
        )


def code_server_faults(values: Values, wanted: list[Entry], architecture: str) -> Iterator[Fault]:
    entry = values["code_server"]
    if values["password"] == "empty":
        yield Fault("bastion_code_server_password", "is empty; give the password, of which the host gets a hash only")
    if values["password"] == "padded":
        yield Fault(
            "bastion_code_server_password",
            "begins or ends with white space, which code-server drops from what is typed",
        )
    if not _is_version(entry["version"]):
        yield fault("bastion_code_server_version", entry["version"], NO_VERSION)
    elif [int(part) for part in re.findall(r"\d+", entry["version"])[:2]] < OLDEST_CODE_SERVER:
        yield fault(
            "bastion_code_server_version", entry["version"], "forwards to other ports, which 4.16 can be told not to"
        )
    else:
        yield from checksum_faults(f"bastion_code_server_checksums.{values['code_server_method']}", entry, architecture)
    yield from USER_PORT.faults("bastion_code_server_port", values["port"])
    if entry["source"] == "npm" and "node" not in [tool.get("name") for tool in wanted]:
        yield fault("bastion_code_server_method", "npm", "needs node, which bastion_tools doesn't list")
    for index, extension in enumerate(values["extensions"]):
        yield from extension_faults(f"bastion_code_server_extensions[{index}]", extension, architecture)
    for name in repeated(extension["name"].lower() for extension in values["extensions"]):
        yield fault("bastion_code_server_extensions[].name", name, "occurs more than once")


def extension_faults(variable: str, entry: Entry, architecture: str) -> Iterator[Fault]:
    if not EXTENSION.fullmatch(entry["name"]):
        yield fault(f"{variable}.name", entry["name"], "is not the name of an extension: publisher.name")
    elif not _is_version(entry["version"]):
        yield fault(f"{variable}.version", entry["version"], NO_VERSION)
    else:
        yield from checksum_faults(f"{variable}.checksums", entry, architecture)
        url = fill_extension(entry, architecture)
        if not URL.fullmatch(url):
            yield fault(
                f"{variable}.url", url, "is not an address with {version} and {target} that begins with https://,"
                " http:// or file://",
            )  # fmt: skip


def way_in_faults(values: Values) -> Iterator[Fault]:
    if values["reached_by"] == "sshd" and not values["sshd"]:
        yield Fault(
            "bastion_sshd_enabled",
            "is false, and sshd is the way by which Ansible has reached this host, so that it would be the last time;"
            " say true, or come by Session Manager, see docs/bastion.md",
        )


def way_out_faults(values: Values) -> Iterator[Fault]:
    for variable in ("http_proxy", "https_proxy"):
        if values[variable] and not PROXY.fullmatch(values[variable]):
            # It may have a password in it.
            yield Fault(
                f"bastion_{variable}",
                "is not the address of a proxy such as http://proxy.example.com:3128; it has no user and no password,"
                " which every user of the host could read",
            )
    for value in values["no_proxy"]:
        if not NO_PROXY.fullmatch(value):
            yield fault("bastion_no_proxy", value, "is neither a name, such as .example.com, nor an address")
    for index, text in enumerate(values["ca_certificates"]):
        if not CERTIFICATE.fullmatch(text.strip()):
            yield Fault(f"bastion_ca_certificates[{index}]", "is not one certificate in PEM, and nothing besides")
    for name in values["metadata_users"]:
        if not USER.fullmatch(name):
            yield fault("bastion_metadata_users", name, "is not the name of a user: up to 32 of a-z 0-9 _ -")
    if "root" not in values["metadata_users"]:
        yield Fault("bastion_metadata_users", "lacks root, as which the agent of Session Manager runs")


def user_faults(values: Values) -> Iterator[Fault]:
    if not USER.fullmatch(values["user"]) or values["user"] == "root":
        yield fault("bastion_user", values["user"], "is not the name of an unprivileged user: up to 32 of a-z 0-9 _ -")
    for group in values["user_groups"]:
        for groups, harm in POWERFUL_GROUPS.items():
            if group in groups:
                yield fault("bastion_user_groups", group, harm)
    if "docker" in values["user_groups"] and not values["docker"]:
        yield fault("bastion_user_groups", "docker", "needs bastion_docker_enabled: true")


def setting_faults(values: Values) -> Iterator[Fault]:
    missing = [member for member in KUBECONFIG if not values["kubeconfig"].get(member)]
    if values["kubeconfig"] and missing:
        yield Fault("bastion_kubeconfig", f"has no {' and no '.join(missing)}; empty means none at all")
    if values["reboot_time"] and not CLOCK_TIME.fullmatch(values["reboot_time"]):
        yield fault("bastion_unattended_upgrades_reboot_time", values["reboot_time"], "is not a time such as 04:00")
    yield from IDLE_TIME.faults("bastion_idle_shutdown_minutes", values["idle_minutes"])


def log_faults(values: Values, architecture: str) -> Iterator[Fault]:
    """Where logs go, and what sends them: nothing of it is needed where they go nowhere."""
    shipping, agent = values["log_shipping"], values["log_agent"]
    if not shipping:
        return
    if missing := [member for member in LOG_SHIPPING if not shipping.get(member)]:
        yield Fault("bastion_log_shipping", f"has no {' and no '.join(missing)}; empty means nowhere")
    if not _is_version(agent["version"]):
        rule = "is not a version of the agent's package that you have verified, which bastion_log_shipping needs"
        yield fault("bastion_log_agent_version", agent["version"], rule)
        return
    yield from _placeholder_faults("bastion_log_agent_url", agent["url"])
    yield from checksum_faults("bastion_log_agent_checksums", agent, architecture)


def bastion_faults(values: Values) -> list[str]:
    """One line for each fault. What a value of its own architecture is needed for is left out on an unknown one."""
    wanted = values["tools"]
    architecture = ARCHITECTURES.get(values["machine"], values["machine"])
    found = list(host_faults(values))
    found += user_faults(values)
    if values["machine"] in ARCHITECTURES:
        found += tool_faults(wanted, values["known_tools"], architecture)
        found += code_server_faults(values, wanted, architecture)
        found += log_faults(values, architecture)
    found += way_in_faults(values)
    found += way_out_faults(values)
    found += setting_faults(values)
    return [str(one) for one in found]
