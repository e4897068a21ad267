#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module that does, on request, what modules should not do."""

from __future__ import annotations

import importlib.util
import os
import resource
import signal
import sys
import tempfile
import threading
import time

from ansible.module_utils.basic import AnsibleModule


def traits(stream):
    return [stream.encoding, stream.errors, stream.isatty(), stream.line_buffering, stream.write_through]


def surroundings():
    """What a program finds around it at its start, which is the same wherever the module runs."""
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.stderr}
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGUSR1)
    boto3, only_there = (importlib.util.find_spec(name) for name in ("boto3", "only_there"))
    umask = os.umask(0)
    os.umask(umask)
    return {
        "arguments": [os.path.basename(sys.argv[0]), *sys.argv[1:]],
        "executable": sys.executable,
        "streams": {name: traits(stream) for name, stream in streams.items()},
        "signals": {number.name: str(signal.getsignal(number)) for number in signals},
        "blocked_signals": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "umask": umask,
        "niceness": os.nice(0),
        "limits": {
            name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name[:7] == "RLIMIT_"
        },
        "time_zone": time.strftime("%Z"),
        "environment": dict(os.environ),
        "boto3": boto3 and boto3.origin,
        "only_there": only_there and only_there.origin,
    }


def loaded():
    """What a process may have loaded before, and this module doesn't."""
    names = ("colorsys", "ansible_collections.amazon.aws.plugins.module_utils.modules")
    return {name: name in sys.modules for name in names}


def leftovers():
    """What an earlier call could have left in the process."""
    return {
        "open_files": sorted(os.listdir("/proc/self/fd"), key=int),
        "threads": threading.active_count(),
        "folder_for_temporary_files": tempfile.gettempdir(),
        "modules": sorted(name for name in sys.modules if name.startswith("leaked")),
    }


def read_for_a_client(service):
    """The files that the first client of a service reads, with its paginators and waiters, and the folders that it
    lists, of the SDK's data."""
    import builtins

    import boto3

    touched = []

    def noting(function):
        def noted(path, *args, **kwargs):
            touched.append(str(path))
            return function(path, *args, **kwargs)

        return noted

    builtins.open, os.listdir = noting(open), noting(os.listdir)
    client = boto3.session.Session("none", "none").client(service, region_name="us-west-2")
    client.can_paginate(next(iter(client.meta.method_to_api_mapping)))
    assert isinstance(client.waiter_names, list)
    return [path for path in touched if "/botocore/data" in path or "/boto3/data" in path]


def leak(module):
    """Let go of nothing."""
    for _number in range(200):
        os.open(os.devnull, os.O_RDONLY)
    threading.Thread(target=time.sleep, args=(0.5,)).start()
    sys.modules["leaked"] = sys
    with open(os.path.join(module.tmpdir, "file"), "w") as file:
        file.write("to be removed with the folder")
    tempfile.tempdir = tempfile.mkdtemp(prefix="leaked-")


def main():
    module = AnsibleModule(
        argument_spec={
            "act": {"type": "str", "required": True},
            "path": {"type": "str"},
            "secret": {"type": "str", "no_log": True},
            "service": {"type": "str", "default": "ec2"},
            "seconds": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    act = module.params["act"]
    if act == "leave":
        os._exit(3)
    if act == "crash":
        os.kill(os.getpid(), 11)
    if act == "raise":
        raise ValueError("on purpose")
    # A grandchild that outlives the module and holds none of its output.
    if act == "fork" and os.fork() == 0:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        time.sleep(0.5)
        os._exit(0)
    if act == "garbage":
        print("neither JSON nor anything else")
        sys.stdout.flush()
        sys.exit(0)
    if act == "shout":
        for _number in range(4):
            os.write(2, b"!" * (1 << 20) + b"\n")
        if module.params["path"] == "and fail":
            sys.exit(7)
    if act == "close":
        os.close(1)
    if act == "close and end":
        os.close(1)
        os._exit(0)
    if act == "close stream":
        sys.stdout.close()
    if act == "leak":
        leak(module)
    if act == "import":
        import colorsys

        assert colorsys
    if act == "warn":
        module.warn("careful")
        module.deprecate("old", version="9.0.0")
    if act == "pollute":
        os.chdir("/")
        os.environ["POLLUTED"] = "yes"
        os.umask(0)
        import json

        json.POLLUTED = True
    if act == "sleep":
        with open(module.params["path"], "w") as mark:
            mark.write(str(os.getpid()))
        with open(f"{module.params['path']}.parent", "w") as mark:
            mark.write(str(os.getppid()))
        time.sleep(module.params["seconds"])
    import json

    module.exit_json(
        changed=False,
        pid=os.getpid(),
        parent=os.getppid(),
        directory=os.getcwd(),
        environment={name: os.environ.get(name) for name in ("POLLUTED", "FROM_TASK", "FROM_CONTROLLER")},
        polluted=hasattr(json, "POLLUTED"),
        user=os.geteuid(),
        boto3_loaded="boto3" in sys.modules,
        standard_input=sys.stdin.read(),
        text="x" * int(module.params["seconds"]) if act == "talk" else "",
        **({"surroundings": surroundings(), "leftovers": leftovers(), "loaded": loaded()} if act == "inspect" else {}),
        **({"ansible_facts": {"told": {"by": "module"}}} if act == "warn" else {}),
        **({"read": read_for_a_client(module.params["service"])} if act == "client" else {}),
        **({"folders": [module.tmpdir, tempfile.tempdir]} if act == "leak" else {}),
    )


if __name__ == "__main__":
    main()
