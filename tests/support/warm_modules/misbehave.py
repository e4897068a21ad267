#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module that does, on request, what modules should not do."""

from __future__ import annotations

import os
import sys
import time

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec={
            "act": {"type": "str", "required": True},
            "path": {"type": "str"},
            "secret": {"type": "str", "no_log": True},
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
    )


if __name__ == "__main__":
    main()
