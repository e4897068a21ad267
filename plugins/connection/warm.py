# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: warm
short_description: Run modules on the controller in a process that has the AWS libraries loaded
version_added: 0.1.0
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
description:
  - A local connection. It hands a Python module to a process that is started once per run and has boto3, botocore, its
    service models and the collections' shared code loaded. That process forks for each call.
  - So a module call costs a fraction of what it costs with C(ansible.builtin.local), where each call starts a Python
    interpreter and loads those libraries anew. The results are the same.
  - Everything else goes the way of C(ansible.builtin.local), C(become), C(async), another interpreter than that of the
    controller, modules that aren't Python, and C(raw), C(command) and C(shell) among them.
  - When the process can't be started or refuses, the module runs the way of C(ansible.builtin.local), with one warning.
options:
  warm_enabled:
    description: Whether to use the process; with V(false) this is C(ansible.builtin.local).
    type: bool
    default: true
    env: [{name: AGENT_PLATFORM_WARM}]
    ini: [{section: warm_connection, key: enabled}]
    vars: [{name: agent_platform_warm_enabled}]
  warm_modules:
    description: Python modules that the process imports at its start. One that is missing is passed over.
    type: list
    elements: str
    default:
      - ansible.module_utils.basic
      - ansible.module_utils.common.dict_transformations
      - ansible.module_utils._internal._ansiballz._loader
      - boto3
      - botocore.session
      - botocore.client
      - botocore.httpsession
      - botocore.waiter
      - botocore.paginate
      - botocore.signers
      - botocore.retries.standard
      - ansible_collections.amazon.aws.plugins.module_utils.modules
      - ansible_collections.amazon.aws.plugins.module_utils.ec2
      - ansible_collections.amazon.aws.plugins.module_utils.iam
      - ansible_collections.amazon.aws.plugins.module_utils.policy
      - ansible_collections.amazon.aws.plugins.module_utils.tagging
      - ansible_collections.amazon.aws.plugins.module_utils.transformation
      - ansible_collections.amazon.aws.plugins.module_utils.waiters
      - ansible_collections.agent_platform.aws.plugins.module_utils.resource
    env: [{name: AGENT_PLATFORM_WARM_MODULES}]
    ini: [{section: warm_connection, key: modules}]
    vars: [{name: agent_platform_warm_modules}]
  warm_services:
    description: AWS services, by their boto3 names, whose models the process parses at its start.
    type: list
    elements: str
    default: [ec2, eks, iam, kms, logs, sts]
    env: [{name: AGENT_PLATFORM_WARM_SERVICES}]
    ini: [{section: warm_connection, key: services}]
    vars: [{name: agent_platform_warm_services}]
  warm_idle_limit:
    description: Seconds without a call after which the process ends. The next call starts another.
    type: int
    default: 900
    env: [{name: AGENT_PLATFORM_WARM_IDLE_LIMIT}]
    ini: [{section: warm_connection, key: idle_limit}]
    vars: [{name: agent_platform_warm_idle_limit}]
  become_success_timeout:
    description: Number of seconds to wait for become to succeed when enabled.
    type: int
    default: 10
    vars: [{name: ansible_local_become_success_timeout}]
  become_strip_preamble:
    description: Strip internal become output preceding command execution.
    type: bool
    default: true
    vars: [{name: ansible_local_become_strip_preamble}]
extends_documentation_fragment:
  - connection_pipelining
notes:
  - The remote user is ignored, as with C(ansible.builtin.local).
  - The process and its socket are private to the user and to the run.
    They end with C(ansible-playbook), however that ends.
  - Needs Linux. Elsewhere every module goes the way of C(ansible.builtin.local).
"""

import array
import fcntl
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading

import ansible.constants as C
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as LocalConnection
from ansible.utils.display import Display

from ansible_collections.agent_platform.aws.plugins.plugin_utils import warm_server

display = Display()

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
PYTHON_PAYLOAD = b"_ANSIBALLZ_WRAPPER = True"
# command and shell start programs of the user's, which may look at their surroundings.
PLAIN_MODULES = re.compile(rb"module_fqn=['\"]ansible\.(?:modules|legacy)\.command['\"]")


class Unavailable(Exception):
    """The warm process didn't take the call, and nothing of it has run."""


class Connection(LocalConnection):
    """A local connection whose Python modules run in forks of one process."""

    # By this name Ansible knows that it is on the controller, and runs commands in the playbook's folder.
    transport = "local"
    has_pipelining = True

    def exec_command(self, cmd, in_data=None, sudoable=True):
        call = self._recognised(cmd, in_data)
        if call is not None:
            try:
                return self._exec_warm(*call, in_data)
            except Unavailable as reason:
                self._warn_once(str(reason))
        return super().exec_command(cmd, in_data=in_data, sudoable=sudoable)

    def _recognised(self, cmd, in_data):
        """The environment assignments of a Python module's command, or None for what takes the plain way."""
        if not in_data or self.become or not self.get_option("warm_enabled") or not hasattr(os, "pidfd_open"):
            return None
        if PYTHON_PAYLOAD not in in_data[:4096] or PLAIN_MODULES.search(in_data[:8192]):
            return None
        try:
            words = shlex.split(cmd)
            if len(words) == 3 and words[1] == "-c":
                words = shlex.split(words[2])
        except ValueError:
            return None
        assignments = {}
        while words and ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            assignments[name] = value
        # Anything but the controller's own Python reading the script from standard input is none of ours.
        return (assignments,) if words == [sys.executable] else None

    def _exec_warm(self, assignments, in_data):
        self._connect()
        display.vvv(f"WARM module of {len(in_data)} bytes", host=self._play_context.remote_addr)
        request = json.dumps(
            {
                "environment": {**os.environ, **assignments},
                "directory": os.path.abspath(self.cwd or "."),
                "umask": _umask(),
            }
        ).encode()
        out_read, out_write = os.pipe()
        error_read, error_write = os.pipe()
        try:
            with self._server() as server:
                try:
                    descriptors = array.array("i", [out_write, error_write])
                    header = warm_server.HEADER.pack(len(request), len(in_data))
                    server.sendmsg([header], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
                    server.sendall(request)
                    server.sendall(in_data)
                    if server.recv(1) != warm_server.STARTED:
                        raise Unavailable("it refused a module")
                except OSError as error:
                    raise Unavailable(str(error)) from error
                finally:
                    os.close(out_write)
                    os.close(error_write)
                out, error = _read_both(out_read, error_read)
                return self._exit_code(server), out, error
        finally:
            os.close(out_read)
            os.close(error_read)

    @staticmethod
    def _exit_code(server):
        answer = b""
        while part := server.recv(4096):
            answer += part
        if not answer:
            raise AnsibleConnectionFailure(
                "The process of the warm connection ended while a module ran, so what the module did is unknown. "
                "Run again; AGENT_PLATFORM_WARM=false runs without it."
            )
        code = json.loads(answer)["code"]
        # The plain way goes through a shell, which tells of a signal by this number.
        return code if code >= 0 else 128 - code

    def _server(self):
        """A connection to the run's process, which is started if it doesn't run yet."""
        folder = _folder()
        path = os.path.join(folder, "socket")
        if len(os.fsencode(path)) > 100:
            raise Unavailable(f"{path} is too long for a socket; set ANSIBLE_LOCAL_TEMP to a shorter path")
        server = _dial(path)
        if server is not None:
            return server
        refusal = folder + ".refused"
        with open(folder + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = _dial(path)
            if server is not None:
                return server
            if os.path.exists(refusal):
                raise Unavailable("it could not be started")
            try:
                self._start(folder, path)
            except (OSError, ValueError) as error:
                with open(refusal, "w"):
                    pass
                raise Unavailable(f"it could not be started: {error}") from error
            server = _dial(path)
            if server is None:
                raise Unavailable("it ended at once")
            return server

    def _start(self, folder, path):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.path.exists(path):
            os.unlink(path)
        settings = {
            "controller": os.getppid(),
            "socket_path": path,
            "search_path": _search_path(),
            "modules": self.get_option("warm_modules"),
            "services": self.get_option("warm_services"),
            "idle": self.get_option("warm_idle_limit"),
        }
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(
            # The path is for whoever looks at the process list.
            [sys.executable, warm_server.__file__, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
        process.stdin.write(json.dumps(settings).encode())
        process.stdin.close()
        answer = process.stdout.readline()
        if not answer:
            words = process.stderr.read().decode(errors="replace").strip().splitlines()
            raise ValueError(words[-1] if words else "no reason given")
        for missing in json.loads(answer)["missing"]:
            display.vv(f"The warm connection goes without {missing}")

    def _warn_once(self, reason):
        """One warning a run: each task has a process of its own, so a file remembers it."""
        mark = _folder() + ".warned"
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
        except OSError:
            pass
        display.warning(f"Modules run without the warm process: {reason}")


def _folder():
    """The run's own folder; its parent is made by Ansible for this run, mode 0700, and removed by it."""
    return os.path.join(C.DEFAULT_LOCAL_TMP, "warm")


def _dial(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        server.connect(path)
    except OSError:
        server.close()
        return None
    return server


def _read_both(first, second):
    """Read two pipes to their ends side by side."""
    parts = {first: [], second: []}

    def read(descriptor):
        while part := os.read(descriptor, 1 << 16):
            parts[descriptor].append(part)

    other = threading.Thread(target=read, args=(second,), daemon=True)
    other.start()
    read(first)
    other.join()
    return b"".join(parts[first]), b"".join(parts[second])


def _umask():
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _search_path():
    """Where the controller finds Python packages and collections."""
    from ansible.utils.collection_loader import AnsibleCollectionConfig

    collections = [os.fspath(path) for path in AnsibleCollectionConfig.collection_paths]
    return [path for path in dict.fromkeys([*collections, *sys.path]) if path and os.path.isdir(path)]
