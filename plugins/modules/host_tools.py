#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: host_tools
version_added: 0.1.0
short_description: Install programs of exact versions beside the distribution's packages
description:
  - Each version of a tool has a folder of its own, and the tool's commands are links into it.
  - What is missing is downloaded, compared with its checksum, unpacked in a hidden folder and asked for its version.
    Only then does the folder get its name, so that a version that is there is complete, whenever a run was interrupted.
  - A tool that can't be installed leaves the version in use as it is.
  - What was unpacked belongs to root, and nobody else can change it. It has no setuid, setgid and sticky bits, no
    capabilities, access lists or other extended attributes. A tool with device nodes, pipes or sockets, with links that
    lead out of its folder, or with files that lie elsewhere, too, is refused.
  - It runs on the host, and needs there the programs that unpack what is given, C(tar) (with C(xz)), C(unzip) or
    C(dpkg-deb).
requirements:
  - PyYAML on the host, which images with cloud-init have
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  root:
    description:
      - The folder of the tools. It belongs to this module alone.
    type: path
    required: true
  links:
    description:
      - The folder that gets a link for each command. What else is in it stays as it is.
    type: path
    default: /usr/local/bin
  tools:
    description:
      - The tools, installed in this order. P(agent_platform.aws.bastion_tools#filter) makes such entries of shorter
        ones.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the tool.
        type: str
        required: true
      version:
        description: Exact version, which O(tools[].check) must print.
        type: str
        required: true
      home:
        description: Folder of this version, one of a folder in O(root).
        type: path
        required: true
      source:
        description:
          - What is downloaded. A V(binary) is the program itself, an V(archive) a tar or zip file. A V(deb) is a Debian
            package that is unpacked, so that none of its scripts runs. V(npm) is the tarball of a package that lists
            the modules that it needs, with their checksums, in a file C(npm-shrinkwrap.json). Its scripts and those of
            the modules run as a user whom no account has, without rights, whose processes end before anything of it is
            taken over. They need C(setpriv) on the host.
        type: str
        choices: [archive, binary, deb, npm]
        required: true
      url:
        description: Where it is downloaded from. Proxies are taken from the environment.
        type: str
        required: true
      checksum:
        description: Of the file, C(sha256:), C(sha384:) or C(sha512:) and the digest in hexadecimal digits.
        type: str
        required: true
      executables:
        description: The commands. A V(binary) has one.
        type: list
        elements: dict
        required: true
        suboptions:
          link:
            description: Name of the command.
            type: str
            required: true
          path:
            description: Path of the program inside O(tools[].home).
            type: str
            required: true
      check:
        description: The path of one of the programs, and the arguments with which it prints its version.
        type: list
        elements: str
        required: true
      node:
        description:
          - For V(npm), the folder of the Node.js for which modules are compiled and that runs the program.
        type: path
  exclusive:
    description:
      - Whether tools and versions in O(root) that O(tools) doesn't list are removed, with the links to them.
    type: bool
    default: false
attributes:
  check_mode:
    description: Predicts what would be installed, linked and removed, and downloads nothing.
    support: full
  diff_mode:
    description: Lists the versions and the links, before and after.
    support: full
"""

EXAMPLES = r"""
- name: Install Helm
  agent_platform.aws.host_tools:
    root: /opt/tools
    tools:
      - name: helm
        version: "3.21.4"
        home: /opt/tools/helm/3.21.4
        source: archive
        url: https://get.helm.sh/helm-v3.21.4-linux-amd64.tar.gz
        checksum: sha256:61f88ab166748cb19604d7884cb100ae9ccb13804ddeb98e08af167eacbb6a14
        executables:
          - link: helm
            path: linux-amd64/helm
        check: [linux-amd64/helm, version, --short]

- name: Remove all tools
  agent_platform.aws.host_tools:
    root: /opt/tools
    tools: []
    exclusive: true
"""

RETURN = r"""
installed:
  description: The folders of the versions that were installed.
  returned: always
  type: list
  elements: str
  sample: [/opt/tools/helm/3.21.4]
linked:
  description: The links that were made, or lead to another version now.
  returned: always
  type: list
  elements: str
  sample: [/usr/local/bin/helm]
removed:
  description: The folders and links that were removed.
  returned: always
  type: list
  elements: str
  sample: [/opt/tools/helm/3.21.3]
"""

import collections
import contextlib
import errno
import hashlib
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import time
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.urls import fetch_url

from ..module_utils.documentation import argument_spec

CHUNK = 1 << 20
DOWNLOAD_TIMEOUT = 60
ATTEMPTS = 4
PAUSE = 5
# Of an answer that may be another one the next time; -1 is none at all.
TRANSIENT = (-1, 408, 425, 429, 500, 502, 503, 504)
# npm and what it runs find Node.js before those of the host.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Whom scripts of npm run as, user and group: neither Debian nor systemd gives this number to anybody.
BUILDER = 65533
# How long its processes may take to end.
END_TIMEOUT = 30
KINDS = {
    stat.S_IFBLK: "a device node",
    stat.S_IFCHR: "a device node",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
# The kernel's own, which nobody gives or takes with a file.
LABELS = ("security.selinux",)


class Refused(Exception):
    """Why a tool was not installed."""


class Interrupted(Exception):
    """Why a download failed that may succeed the next time."""


# Files


def one_line(text):
    return " ".join(to_text(text).split())


def subfolders(folder):
    """Paths of the folders in it, hidden ones, too; none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def read(response):
    try:
        return response.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise Interrupted(one_line(error) or type(error).__name__) from error


def remove(path):
    """A file, a link, a folder with all that is in it, or nothing."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def everything_in(folder):
    """The paths of the folder itself and of all that is in it, with what they are; links are not followed."""
    yield folder, os.lstat(folder)
    for parent, folders, files in os.walk(folder):
        for path in [os.path.join(parent, name) for name in folders + files]:
            yield path, os.lstat(path)


def leads_out(link, folder):
    """A link that names its target from the root doesn't survive the folder's new name, either."""
    return os.path.isabs(os.readlink(link)) or not f"{os.path.realpath(link)}/".startswith(f"{folder}/")


def unwelcome(folder):
    """What in there no tool has, and an attacker might; None if there is nothing of the kind."""
    inside = os.path.realpath(folder)
    names = collections.Counter()
    files = {}
    for path, status in everything_in(inside):
        name = os.path.relpath(path, inside)
        kind = stat.S_IFMT(status.st_mode)
        if kind in KINDS:
            return f"{name} is {KINDS[kind]}"
        if kind == stat.S_IFLNK and leads_out(path, inside):
            return f"{name} is a link that leads out of its folder, to {os.readlink(path)}"
        if kind == stat.S_IFREG:
            names[status.st_ino] += 1
            files[status.st_ino] = (name, status.st_nlink)
    for inode, (name, links) in files.items():
        if links != names[inode]:
            return f"{name} is a file that lies elsewhere, too"
    return None


def leave_to_root(folder):
    """Nobody but root may change what is in it, and nothing in it gives its caller more rights."""
    for path, status in everything_in(folder):
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.lchown(path, os.geteuid(), os.getegid())
        if not stat.S_ISLNK(status.st_mode):
            remove_attributes(path)
            if status.st_mode & 0o7022:
                os.chmod(path, stat.S_IMODE(status.st_mode) & ~0o7022)


def remove_attributes(path):
    """Capabilities and access lists among them."""
    try:
        for name in os.listxattr(path):
            if name not in LABELS:
                os.removexattr(path, name)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise


def end_builder():
    """Ends all that runs as the builder, whatever it was started by, and returns when nothing of it is left."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(BUILDER, BUILDER, BUILDER)
            os.setresuid(BUILDER, BUILDER, BUILDER)
            # The kernel goes through all that the caller may signal: what is about to fork doesn't get away.
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    deadline = time.monotonic() + END_TIMEOUT
    while left := processes_of(BUILDER):
        if time.monotonic() > deadline:
            raise Refused(f"processes that npm has started don't end: {', '.join(left)}")
        time.sleep(0.1)


def processes_of(user):
    """Their numbers; of one that has ended and waits to be asked how, nothing is to be feared."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{number}/status") as stream:
            status = dict(line.rstrip().split(":\t", 1) for line in stream if line.startswith(("State:", "Uid:")))
            if str(user) in status["Uid"].split() and not status["State"].startswith(("Z", "X")):
                found.append(number)
    return found


class Host:
    """What is in the two folders, and how it is changed."""

    def __init__(self, module):
        self.module = module
        self.root = module.params["root"].rstrip("/")
        self.links = module.params["links"].rstrip("/")
        # Where a tool is put together, seen by nobody else, so that one rename makes it a version of its own.
        self.partial = f"{self.root}/.partial"
        self.download = f"{self.partial}/download"
        self.content = f"{self.partial}/content"
        self.done = {"installed": [], "linked": [], "removed": []}
        self.present = self.read_folders()
        self.leading = self.read_links()

    # What is there

    def read_folders(self):
        """Folders in the root, and those in them."""
        found = []
        for folder in subfolders(self.root):
            found += [folder, *subfolders(folder)]
        return found

    def read_links(self):
        """Where the links lead, by their path, of those that lead into the root."""
        found = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.links) as entries:
            for entry in entries:
                if entry.is_symlink() and os.readlink(entry.path).startswith(f"{self.root}/"):
                    found[entry.path] = os.readlink(entry.path)
        return found

    def state(self):
        """The versions and the links, a line each."""
        versions = [path for path in self.present if path.count("/") == self.root.count("/") + 2]
        lines = sorted(versions) + [f"{link} -> {target}" for link, target in sorted(self.leading.items())]
        return "".join(f"{line}\n" for line in lines)

    # What is wanted

    def wanted_links(self, tool):
        return {f"{self.links}/{one['link']}": f"{tool['home']}/{one['path']}" for one in tool["executables"]}

    def foreign(self, tools):
        """The first path of a wanted link at which there is something else."""
        for tool in tools:
            for link in self.wanted_links(tool):
                if os.path.lexists(link) and link not in self.leading:
                    return link
        return None

    # Changes

    def ensure(self, tool):
        if tool["home"] not in self.present:
            if not self.module.check_mode:
                self.install(tool)
            self.present.append(tool["home"])
            self.done["installed"].append(tool["home"])
        for link, target in self.wanted_links(tool).items():
            if self.leading.get(link) != target:
                if not self.module.check_mode:
                    self.link(link, target)
                self.leading[link] = target
                self.done["linked"].append(link)

    def install(self, tool):
        try:
            remove(self.partial)
            os.makedirs(self.root, exist_ok=True)
            os.mkdir(self.partial, 0o700)
            os.mkdir(self.download)
            os.mkdir(self.content)
            file = f"{self.download}/{os.path.basename(urllib.parse.urlsplit(tool['url']).path)}"
            self.fetch(tool, file)
            try:
                UNPACK[tool["source"]](self, tool, file)
            finally:
                if tool["source"] == "npm" and os.geteuid() == 0:
                    end_builder()
            remove(self.download)
            if found := unwelcome(self.content):
                raise Refused(f"of what is at {tool['url']} {found}")
            leave_to_root(self.content)
            self.ask(tool)
            os.makedirs(os.path.dirname(tool["home"]), exist_ok=True)
            os.rename(self.content, tool["home"])
        except OSError as error:
            # A full disk, for example.
            raise Refused(f"it can't be put into {self.root}: {error}") from error
        finally:
            remove(self.partial)

    def link(self, link, target):
        """By one rename, so that the command is there all the time."""
        os.makedirs(self.links, exist_ok=True)
        partial = f"{self.links}/.{os.path.basename(link)}.partial"
        remove(partial)
        os.symlink(target, partial)
        os.rename(partial, link)

    def remove_others(self, tools):
        """Links first, so that none ever leads nowhere."""
        wanted = {link for tool in tools for link in self.wanted_links(tool)}
        homes = {tool["home"] for tool in tools}
        kept = homes | {os.path.dirname(home) for home in homes}
        others = [path for path in self.present if path not in kept]
        # The folder of a tool goes with all of its versions.
        others = [path for path in others if os.path.dirname(path) not in others]
        for path in [*sorted(self.leading.keys() - wanted), *sorted(others)]:
            if not self.module.check_mode:
                remove(path)
            self.leading.pop(path, None)
            self.present = [one for one in self.present if one != path and not one.startswith(f"{path}/")]
            self.done["removed"].append(path)

    # Steps of an installation

    def fetch(self, tool, file):
        """Puts what is at the address into a file, and compares its checksum."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                found = self.fetch_once(tool["url"], file, tool["checksum"].partition(":")[0])
                break
            except Interrupted as error:
                if attempt == ATTEMPTS:
                    raise Refused(
                        f"{tool['url']} could not be downloaded in {ATTEMPTS} attempts, the last one: {error}"
                    ) from error
                time.sleep(PAUSE)
        if found != tool["checksum"].lower():
            raise Refused(f"{tool['url']} has the checksum {found}, expected {tool['checksum']}")

    def fetch_once(self, url, file, algorithm):
        response, info = fetch_url(self.module, url, timeout=DOWNLOAD_TIMEOUT, decompress=False)
        # A file of this host has no status.
        status = info.get("status") or 200
        if response is None or status >= 400:
            reason = one_line(info.get("msg") or f"status {status}")
            if status in TRANSIENT and not url.startswith("file:"):
                raise Interrupted(reason)
            raise Refused(f"{url} could not be downloaded: {reason}")
        digest = hashlib.new(algorithm)
        length = 0
        with response, open(file, "wb") as stream:
            while chunk := read(response):
                digest.update(chunk)
                stream.write(chunk)
                length += len(chunk)
        expected = int(info.get("content-length") or length)
        if length < expected:
            raise Interrupted(f"it ended after {length} of {expected} bytes")
        return f"{algorithm}:{digest.hexdigest()}"

    def unpack_archive(self, tool, file):
        if file.endswith(".zip"):
            self.run(["unzip", "-q", "-o", file, "-d", self.content])
        else:
            # The owner that the makers have packed it as is nobody here.
            self.run(["tar", "--extract", "--no-same-owner", "--directory", self.content, "--file", file])

    def unpack_binary(self, tool, file):
        program = f"{self.content}/{tool['executables'][0]['path']}"
        os.makedirs(os.path.dirname(program), exist_ok=True)
        os.rename(file, program)
        os.chmod(program, 0o755)

    def unpack_deb(self, tool, file):
        self.run(["dpkg-deb", "--extract", file, self.content])

    def unpack_npm(self, tool, file):
        """npm compares the modules with the checksums in the package, and compiles some of them with node's headers.
        For that it runs their scripts, which is nothing for root."""
        options = ["--global", "--prefix", self.content, "--no-audit", "--no-fund", "--no-update-notifier"]
        environment = {
            "HOME": self.download,
            "PATH": self.path_for(tool),
            "TMPDIR": self.download,
            "npm_config_cache": f"{self.download}/cache",
            # From npm 12 on, modules may compile themselves only if one says so.
            "npm_config_dangerously_allow_all_scripts": "true",
            "npm_config_nodedir": tool["node"],
        }
        self.run([*self.as_builder(), f"{tool['node']}/bin/npm", "install", *options, file], environment)

    def as_builder(self):
        """The beginning of a command that only the builder's two folders are open to; nobody but root can do that."""
        if os.geteuid() != 0:
            return []
        with contextlib.suppress(KeyError):
            raise Refused(f"npm would run as user {BUILDER}, which {pwd.getpwuid(BUILDER).pw_name} is on this host")
        os.chown(self.partial, -1, BUILDER)
        os.chmod(self.partial, 0o710)
        for folder in (self.download, self.content):
            os.chown(folder, BUILDER, BUILDER)
        rights = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        return ["setpriv", f"--reuid={BUILDER}", f"--regid={BUILDER}", *rights, "--"]

    def ask(self, tool):
        """The whole version must be there: 1.2 is neither 1.2.3 nor 11.2."""
        program, *arguments = tool["check"]
        try:
            _code, output, error = self.module.run_command(
                [f"{self.content}/{program}", *arguments],
                environ_update={"PATH": self.path_for(tool)},
                handle_exceptions=False,
            )
            said = f"{output} {error}"
        except (OSError, subprocess.SubprocessError) as error:
            said = str(error)
        if not re.search(rf"(?<![0-9.]){re.escape(tool['version'])}(?![.]?[0-9])", said):
            raise Refused(
                f"of what is at {tool['url']} the command {' '.join(tool['check'])} says {json.dumps(one_line(said))}"
            )

    def run(self, command, environment=None):
        try:
            code, output, error = self.module.run_command(command, environ_update=environment, handle_exceptions=False)
        except (OSError, subprocess.SubprocessError) as failure:
            raise Refused(f"{command[0]} can't be run: {failure}") from failure
        if code != 0:
            raise Refused(f"{' '.join(command)} failed with status {code}: {one_line(error or output)}")

    @staticmethod
    def path_for(tool):
        return f"{tool['node']}/bin:{SYSTEM_PATH}" if tool["node"] else SYSTEM_PATH


UNPACK = {
    "archive": Host.unpack_archive,
    "binary": Host.unpack_binary,
    "deb": Host.unpack_deb,
    "npm": Host.unpack_npm,
}


def fault(root, tools):
    """What contradicts itself in the values."""
    for tool in tools:
        if os.path.dirname(os.path.dirname(tool["home"])) != root:
            return f"home of {tool['name']} is {tool['home']}, which is not {root}/<tool>/<version>"
        if not re.fullmatch("sha(256|384|512):[0-9a-fA-F]+", tool["checksum"]):
            return f"checksum of {tool['name']} is {tool['checksum']}, which is not sha256:<digest>"
        for path in [*(one["path"] for one in tool["executables"]), *tool["check"][:1]]:
            if os.path.isabs(path) or ".." in path.split("/"):
                return f"{path} of {tool['name']} is not a path inside its home"
        if tool["source"] == "binary" and len(tool["executables"]) != 1:
            return f"{tool['name']} is a binary, which is a single command, and has {len(tool['executables'])}"
        if tool["source"] == "npm" and not tool["node"]:
            return f"{tool['name']} comes by npm and needs node"
    return None


def main():
    module = AnsibleModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    tools = module.params["tools"]
    host = Host(module)
    if found := fault(host.root, tools):
        module.fail_json(msg=f"{found}; nothing was changed")
    os.umask(0o022)
    if link := host.foreign(tools):
        module.fail_json(
            msg=f"{link} was not installed by this module, so nothing was changed. Remove it, or leave out its tool."
        )
    before = host.state()
    for tool in tools:
        try:
            host.ensure(tool)
        except Refused as error:
            module.fail_json(msg=f"{tool['name']} {tool['version']} was not installed: {error}", **host.done)
    if module.params["exclusive"]:
        host.remove_others(tools)
    module.exit_json(changed=any(host.done.values()), diff={"before": before, "after": host.state()}, **host.done)


if __name__ == "__main__":
    main()
