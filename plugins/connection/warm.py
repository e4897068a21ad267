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
  - A module of this collection that talks to AWS reaches the process by its name, with its arguments, and is run from
    the file that Ansible found. The code of all others is sent, as Ansible sends it to hosts.
  - So a module call costs a fraction of what it costs with C(ansible.builtin.local), where each call starts a Python
    interpreter and loads those libraries anew. The results are the same.
  - Everything else goes the way of C(ansible.builtin.local), C(become), C(async), another interpreter than that of the
    controller, modules that aren't Python, and C(raw), C(command) and C(shell) among them.
  - When the process can't be started or refuses, the module runs the way of C(ansible.builtin.local), with one warning.
    It refuses from when a file of Ansible's or the collections' code that it has loaded is another.
  - Needs no settings. Python modules are pipelined whatever C(pipelining) says, but for those that go the plain way.
  - When C(ansible-playbook) ends, however it does, what it runs over this connection ends with it, within a second or
    so. Of C(ansible.builtin.local) that isn't true. There a process of C(ansible-playbook) whose parent was killed
    finishes its task, with all that is left of a loop.
options:
  warm_enabled:
    description: Whether to use the process; with V(false) this is C(ansible.builtin.local).
    type: bool
    default: true
    env: [{name: AGENT_PLATFORM_WARM}]
    ini: [{section: warm_connection, key: enabled}]
    vars: [{name: agent_platform_warm_enabled}]
  warm_modules:
    description:
      - Python modules that the process imports at its start, C(package.*) for all of a package. A value replaces the
        whole list.
      - One that is missing is passed over; C(-vv) shows which.
    type: list
    elements: str
    default:
      - ansible.module_utils.basic
      - ansible.module_utils.common.dict_transformations
      - ansible.module_utils.common.yaml
      - ansible.module_utils._internal._ansiballz._loader
      - ansible.module_utils._internal._json._profiles._module_legacy_c2m
      - ansible.module_utils._internal._json._profiles._module_legacy_m2c
      - encodings.cp437
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
      - ansible_collections.agent_platform.aws.plugins.module_utils.*
    env: [{name: AGENT_PLATFORM_WARM_MODULES}]
    ini: [{section: warm_connection, key: modules}]
    vars: [{name: agent_platform_warm_modules}]
  warm_packages:
    description:
      - Python packages of which the process imports what a call has needed, so that later calls have it loaded.
        A value replaces the list.
      - They cost nothing where no call needs them. Importing one must not start threads.
    type: list
    elements: str
    default:
      - kubernetes
      - ansible_collections.kubernetes.core.plugins.module_utils
    env: [{name: AGENT_PLATFORM_WARM_PACKAGES}]
    ini: [{section: warm_connection, key: packages}]
    vars: [{name: agent_platform_warm_packages}]
  warm_ahead:
    description: Python modules of these packages that the process imports while the first call of the run goes on.
    type: list
    elements: str
    default: []
    env: [{name: AGENT_PLATFORM_WARM_AHEAD}]
    ini: [{section: warm_connection, key: ahead}]
    vars: [{name: agent_platform_warm_ahead}]
  warm_services:
    description:
      - AWS services, by their boto3 names, whose models the process parses at its start. A value replaces the list.
      - Those of all other services it parses once as well, when a first call has needed them. So the list is a head
        start for what nearly every run calls, and costs the runs that don't.
    type: list
    elements: str
    default: [ec2, iam, sts]
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
  - It is for hosts of an inventory. Ansible gives the implicit C(localhost) its own connection whatever a play says.
  - The Python of the modules must be the controller's, hence C(ansible_python_interpreter) in the example.
  - The remote user is ignored, as with C(ansible.builtin.local).
  - The process and its socket are private to the user and to the run.
  - In the playbooks of this collection the same ends of a run hold for all connections, since they prepare Ansible's
    workers. In others a task begins to watch C(ansible-playbook) when it makes this connection, and what C(async) has
    put into the background goes on.
  - Needs Linux. Elsewhere every module goes the way of C(ansible.builtin.local).
"""

EXAMPLES = r"""
# inventory.yml: a host that stands for an AWS account or a part of one
all:
  hosts:
    my_account:
      ansible_connection: agent_platform.aws.warm
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
      # The services that most of your runs call.
      agent_platform_warm_services: [sts, s3, rds]
"""

import array
import contextlib
import fcntl
import json
import multiprocessing
import os
import re
import selectors
import shlex
import socket
import subprocess
import sys

import ansible.constants as C
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as LocalConnection
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.display import Display

from ansible_collections.agent_platform.aws.plugins.plugin_utils import lifeline, warm_server

display = Display()

# A socket's path has 108 bytes on Linux.
LONGEST_PATH = 100
# Seconds until the process takes a call, which it does at once when it has loaded.
LONGEST_LOAD = 60
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
PYTHON_PAYLOAD = b"_ANSIBALLZ_WRAPPER = True"
# What Python, or the system's loader for it, reads at its start and never again.
READ_AT_START = re.compile(r"PYTHON|LC_|LANG$|LD_")
# command and shell start programs of the user's, which may look at their surroundings.
PLAIN_MODULES = re.compile(rb"module_fqn=['\"]ansible\.(?:modules|legacy)\.command['\"]")


class Unavailable(Exception):
    """The warm process didn't take the call, and nothing of it has run."""


class NotTaken(Exception):
    """The call of a module, by its name and arguments, isn't one for the warm process, or that is unavailable. Nothing
    of it has run. The module takes another way."""


class Connection(LocalConnection):
    """A local connection whose Python modules run in forks of one process."""

    # By this name Ansible knows that it is on the controller, and runs commands in the playbook's folder.
    transport = "local"
    has_pipelining = True
    # What it didn't take goes another way, and so does the rest of its task.
    _was_unavailable = False

    def set_options(self, task_keys=None, var_options=None, direct=None):
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        # Where nothing of this collection has prepared the controller, its workers begin with this.
        lifeline.hold_on()
        # From here on it loads its libraries, beside what the controller does until it has a module to run.
        if self._usable() and not os.path.exists(_socket_path()):
            with contextlib.suppress(Unavailable):
                self._ensure_process().close()

    def _usable(self):
        return self.get_option("warm_enabled") and hasattr(os, "pidfd_open")

    def takes_modules(self):
        """Whether Python modules run in the process, unless one wants other surroundings than the process can give."""
        return not self.become and not self._was_unavailable and self._usable()

    def is_pipelining_enabled(self, wrap_async=False):
        # The process takes modules by no other way. Ansible leaves it off for the sake of some settings of sudo, which
        # are none where nobody becomes another user.
        own = self.takes_modules() and not wrap_async and not C.DEFAULT_KEEP_REMOTE_FILES
        return own or super().is_pipelining_enabled(wrap_async)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        # However the worker has come to this, the process may have ended its last call because the run is over.
        lifeline.hold_on()
        call = self._recognised(cmd, in_data)
        if call is not None:
            try:
                return self._exec_warm(*call, in_data)
            except Unavailable as reason:
                lifeline.hold_on()
                self._was_unavailable = True
                self._warn_once(str(reason))
        if isinstance(in_data, warm_server.ModuleCall):
            raise NotTaken
        return super().exec_command(cmd, in_data=in_data, sudoable=sudoable)

    def _recognised(self, cmd, in_data):
        """The environment assignments of a Python module's command, or None for what takes the plain way."""
        if not in_data or not self.takes_modules():
            return None
        if not isinstance(in_data, warm_server.ModuleCall) and (
            PYTHON_PAYLOAD not in in_data[:4096] or PLAIN_MODULES.search(in_data[:8192])
        ):
            return None
        try:
            words = shlex.split(cmd)
            if len(words) == 3 and words[1] == "-c":
                words = shlex.split(words[2])
        except ValueError:
            return None
        # Some versions of Ansible add this for the sake of remote shells.
        if words[-3:] == ["&&", "sleep", "0"]:
            del words[-3:]
        assignments = {}
        while words and ASSIGNMENT.match(words[0]):
            name, _equals, value = words.pop(0).partition("=")
            assignments[name] = value
        # Anything but the controller's own Python reading the script from standard input is none of ours.
        if words != [sys.executable] or any(READ_AT_START.match(name) for name in assignments):
            return None
        return (assignments,)

    def _exec_warm(self, assignments, in_data):
        self._connect()
        module = in_data.description() if isinstance(in_data, warm_server.ModuleCall) else None
        told = f"{module['name']} from disk" if module else f"module of {len(in_data)} bytes"
        display.vvv(f"WARM {told}", host=self._play_context.remote_addr)
        request = json.dumps(
            {
                "module": module,
                "environment": {**os.environ, **assignments},
                "directory": os.path.abspath(os.fsdecode(self.cwd or ".")),
                "umask": _umask(),
            }
        ).encode()
        with self._ensure_process() as server:
            out_read, out_write = os.pipe()
            error_read, error_write = os.pipe()
            try:
                try:
                    descriptors = array.array("i", [out_write, error_write])
                    header = warm_server.HEADER.pack(len(request), len(in_data))
                    server.sendmsg([header], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
                    server.sendall(request)
                    server.sendall(in_data)
                    server.settimeout(LONGEST_LOAD)
                    if server.recv(1) != warm_server.STARTED:
                        raise OSError("it refused a module")
                    server.settimeout(None)
                except OSError as error:
                    raise _not_taken(_socket_path(), error) from error
                finally:
                    # The pipes end when the module closes its ends of them.
                    os.close(out_write)
                    os.close(error_write)
                out, error = _read_both(out_read, error_read)
            finally:
                os.close(out_read)
                os.close(error_read)
            return self._exit_code(server), out, error

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
        answer = json.loads(answer)
        if "refused" in answer:
            raise Unavailable(answer["refused"])
        for missing in answer["missing"]:
            display.vv(f"The warm connection goes without {missing}")
        # The plain way goes through a shell, which tells of a signal by this number.
        return answer["code"] if answer["code"] >= 0 else 128 - answer["code"]

    def _ensure_process(self):
        """A connection to the run's process, which is started if it doesn't run yet."""
        path = _socket_path()
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise Unavailable(f"{path} is too long for a socket; set ANSIBLE_LOCAL_TEMP to a shorter path")
        server = _dial(path)
        if server is not None:
            return server
        try:
            folder = os.path.dirname(path)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if os.stat(folder).st_uid != os.getuid():
                raise Unavailable(f"{folder} belongs to another user")
            with open(_beside(path, "lock"), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                server = _dial(path)
                if server is not None:
                    return server
                if os.path.exists(_beside(path, "refused")):
                    raise Unavailable("it could not be started before")
                self._start(path)
            server = _dial(path)
            if server is None:
                raise OSError("its socket doesn't answer")
            return server
        except OSError as error:
            raise _refused(path, error) from error

    def _start(self, path):
        """Start the process. It loads for a second or so; calls wait in the socket until it takes them."""
        for name in ("socket", warm_server.LOADED):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_beside(path, name))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, open(_beside(path, "log"), "wb") as log:
            listener.bind(path)
            os.chmod(path, 0o600)
            listener.listen(128)
            settings = {
                "controller": _controller(),
                "listener": listener.fileno(),
                "socket_path": path,
                "collections": _collections(),
                "modules": [name for name in self.get_option("warm_modules") if name],
                "services": [name for name in self.get_option("warm_services") if name],
                "packages": [name for name in self.get_option("warm_packages") if name],
                "ahead": [name for name in self.get_option("warm_ahead") if name],
                "idle": self.get_option("warm_idle_limit"),
            }
            process = subprocess.Popen(
                # The path is for whoever looks at the process list.
                [sys.executable, warm_server.__file__, path],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
            with process.stdin:
                process.stdin.write(json.dumps(settings).encode())

    def _warn_once(self, reason):
        """One warning a run: each task has a process of its own, so a file remembers it."""
        try:
            os.makedirs(os.path.dirname(_socket_path()), mode=0o700, exist_ok=True)
            with open(_beside(_socket_path(), "warned"), "x"):
                pass
        except FileExistsError:
            return
        except OSError:
            pass
        display.warning(f"Modules run without the warm process: {reason}")


def _socket_path():
    """In the run's own folder, which Ansible makes for this run, mode 0700, and removes."""
    return os.path.join(C.DEFAULT_LOCAL_TMP, "warm", "socket")


def _beside(path, name):
    return os.path.join(os.path.dirname(path), name)


def _controller():
    """The process of ansible-playbook itself; tasks run in workers of it."""
    parent = multiprocessing.parent_process()
    return parent.pid if parent else os.getpid()


def _dial(path):
    """A connection to the process, or None where there is none, or it isn't this user's."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        server.connect(path)
        if warm_server.peer_uid(server) == os.getuid():
            return server
    except OSError:
        pass
    server.close()
    return None


def _refused(path, reason):
    """What to raise when the process can't be started; it isn't tried again in this run."""
    with contextlib.suppress(OSError), open(_beside(path, "refused"), "w"):
        pass
    return Unavailable(f"it could not be started: {reason}")


def _not_taken(path, error):
    """What to raise when the process didn't take a call."""
    if os.path.exists(_beside(path, warm_server.LOADED)):
        return Unavailable(str(error))
    with contextlib.suppress(OSError, IndexError), open(_beside(path, "log"), errors="replace") as log:
        error = log.read().strip().splitlines()[-1]
    return _refused(path, error)


def _read_both(first, second):
    """Read two pipes to their ends side by side. In one thread, the one that signals interrupt."""
    parts = {first: [], second: []}
    with selectors.DefaultSelector() as selector:
        for descriptor in parts:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            for key, _events in selector.select():
                if part := os.read(key.fd, 1 << 16):
                    parts[key.fd].append(part)
                else:
                    selector.unregister(key.fd)
    return b"".join(parts[first]), b"".join(parts[second])


def _umask():
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _collections():
    """The folders `ansible_collections` in which the controller finds collections."""
    folders = [os.path.join(path, "ansible_collections") for path in AnsibleCollectionConfig.collection_paths]
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]
