# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An installed collection with our playbooks, filters and callbacks, and with roles and modules that only note their
use. So the playbooks themselves (order, isolation, refusal, selection, verdict) are tested in seconds, without AWS.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.unmanaged import defaults_of_all

ROOT = Path(__file__).resolve().parents[2]

# Echoes what reached it from module_defaults and environment, and notes the call in a file shared by all hosts.
MODULE = """
import json, os, time
from ansible.module_utils.basic import AnsibleModule

def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(required=True), state=dict(default="present"), owned_by=dict(type="dict"),
            seconds=dict(type="float", default=0), fail=dict(default=""),
        ),
        supports_check_mode=True,
    )
    call = dict(module.params, region=os.environ.get("AWS_REGION"), endpoint=os.environ.get("AWS_ENDPOINT_URL"),
                check=module.check_mode, started=time.time())
    time.sleep(module.params["seconds"])
    call["ended"] = time.time()
    with open(os.environ["STUB_CALLS"], "a") as calls:
        calls.write(json.dumps(call) + "\\n")
    if module.params["fail"]:
        module.fail_json(msg=module.params["fail"])
    module.exit_json(changed=True, call=call)

main()
"""

PLATFORM_INFO = """
import json, os
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.agent_platform.aws.plugins.module_utils.discovery.table import COMPONENTS

def told(name, facts):
    if not facts["exists"]:
        return dict(state="partial" if len(facts) > 1 else "absent", lines=[])
    return dict(state="exists", lines=COMPONENTS[name].summary(facts) if name in COMPONENTS and len(facts) > 1 else [])

def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(required=True), environment=dict(required=True), components=dict(type="list", elements="str"),
            owner_tags=dict(type="dict", required=True), entries=dict(type="dict"), required_by=dict(),
            offers=dict(type="bool"), fresh=dict(type="bool"), models=dict(type="list", elements="str"),
            require=dict(type="list", elements="str", default=[]), existing_roles=dict(type="dict"),
        ),
        supports_check_mode=True,
    )
    with open(os.environ["STUB_EXISTING"]) as existing:
        platform = json.load(existing)
    with open(os.environ["STUB_READS"], "a") as reads:
        reads.write(json.dumps(module.params) + "\\n")
    if platform is None and not module.params["required_by"]:
        module.fail_json(msg="Could not read (DescribeVpcs): ExpiredToken: the token has expired")
    platform = platform or {}
    found = {name: platform.get(name, dict(exists=False)) for name in module.params["components"]}
    module.exit_json(
        platform=found, summary={name: told(name, facts) for name, facts in found.items()},
        account_id="123456789012", partition="aws", region=os.environ.get("AWS_REGION"), conflicts=[],
    )

main()
"""

ROLE_TASKS = """
---
- name: Note the call
  agent_platform.aws.eks_addon:
    name: "{{{{ inventory_hostname }}}}"
    state: {state}
    seconds: "{{{{ (stub_seconds | default({{}}))[inventory_hostname] | default(0) }}}}"
    fail: "{{{{ (stub_failures | default({{}}))[inventory_hostname] | default('') }}}}"
"""

PREFLIGHT_TASKS = """
---
- name: Check nothing
  ansible.builtin.debug:
    msg: checked by {file}
"""

REQUIRES = {
    "encryption": [],
    "network": ["encryption"],
    "eks": ["network", "encryption"],
    "redis": ["network"],
    "workload_identity": ["eks"],
}
# One of them isn't there.
READS = {"network": ["network"], "workload_identity": ["redis", "aurora"]}
ENTRIES = {"workload_identity": [{"name": "agent"}]}
LAYERS = {"foundation": ["encryption", "network"], "services": ["eks", "redis"], "access": ["workload_identity"]}


@dataclass
class Run:
    status: int
    output: str
    calls: list = field(default_factory=list)
    reads: list = field(default_factory=list)

    @property
    def components(self):
        return [call["name"] for call in self.calls]

    def recap(self, host):
        """The counters of a host's line in PLAY RECAP."""
        line = re.search(rf"^{host}\s+: (.*)$", self.output, re.MULTILINE)
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line.group(1))}


class StubPlatform:
    def __init__(self, folder: Path):
        self.folder = folder
        self.collection = folder / "collections/ansible_collections/agent_platform/aws"
        (self.collection / "plugins/modules").mkdir(parents=True)
        for part in ("playbooks", "meta"):
            shutil.copytree(ROOT / part, self.collection / part)
        for part in ("action", "connection", "filter", "lookup", "test", "callback", "module_utils", "plugin_utils"):
            shutil.copytree(ROOT / "plugins" / part, self.collection / "plugins" / part)
        for name in ("eks_addon", "eks_cluster", *defaults_of_all()):
            (self.collection / f"plugins/modules/{name}.py").write_text(MODULE)
        (self.collection / "plugins/modules/platform_info.py").write_text(PLATFORM_INFO)
        (self.collection / "galaxy.yml").write_text((ROOT / "galaxy.yml").read_text())
        for role, requires in {**REQUIRES, "preflight": []}.items():
            self._role(role, requires)
        inventory = folder / "inventory"
        (inventory / "group_vars/all").mkdir(parents=True)
        groups = {layer: {"hosts": dict.fromkeys(hosts)} for layer, hosts in LAYERS.items()}
        (inventory / "hosts.yml").write_text(json.dumps({"all": {"children": {"platform": {"children": groups}}}}))
        shutil.copy(ROOT / "group_vars/all/common.yml", inventory / "group_vars/all/00-common.yml")
        self.exist()

    def _role(self, role, requires):
        tasks = self.collection / "roles" / role / "tasks"
        tasks.mkdir(parents=True)
        if role == "preflight":
            for file in ("main", "absent"):
                (tasks / f"{file}.yml").write_text(PREFLIGHT_TASKS.format(file=file))
            return
        for folder in ("meta", "defaults"):
            (tasks.parent / folder).mkdir()
        about = {"requires": requires, "reads": READS.get(role, [])}
        if role in ENTRIES:
            about["entries"] = [f"{role}_list"]
            (tasks.parent / "defaults/main.yml").write_text(json.dumps({f"{role}_list": ENTRIES[role]}))
        (tasks.parent / "meta/component.yml").write_text(json.dumps(about))
        for file, state in (("main", "present"), ("absent", "absent")):
            (tasks / f"{file}.yml").write_text(ROLE_TASKS.format(state=state))

    def exist(self, *components, **details):
        """What the stub of platform_info finds; None as the only argument makes it fail at the end."""
        found = None if components == (None,) else {name: {"exists": True} for name in components} | details
        (self.folder / "existing.json").write_text(json.dumps(found))

    def run(self, playbook, *arguments, config="", environment=None, **variables):
        """playbook: its name, or several, with spaces between them."""
        calls = self.folder / "calls.jsonl"
        reads = self.folder / "reads.jsonl"
        calls.write_text("")
        reads.write_text("")
        variables["ansible_connection"] = "local"
        variables["platform_account_id"] = "123456789012"
        variables["platform_aws_environment"] = {
            "STUB_CALLS": str(calls),
            "STUB_READS": str(reads),
            "STUB_EXISTING": str(self.folder / "existing.json"),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }
        settings = "[defaults]\ncollections_path = ./collections\ncallback_result_format = yaml\nforks = 8\n" + config
        (self.folder / "ansible.cfg").write_text(settings)
        done = subprocess.run(
            [
                ansible_command("ansible-playbook"), *playbook.split(),
                *("-i", "inventory", "-e", json.dumps(variables), *arguments),
            ],
            cwd=self.folder, env=clean_environment() | (environment or {}), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return Run(done.returncode, done.stdout + done.stderr, _lines(calls), _lines(reads))


def _lines(file: Path) -> list:
    return [json.loads(line) for line in file.read_text().splitlines()]


def ansible_command(name):
    """The command that belongs to the Python that runs the tests."""
    beside = Path(sys.executable).parent / name
    return str(beside if beside.exists() else shutil.which(name) or name)


def clean_environment():
    """The environment without settings of the caller's Ansible and AWS."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "AWS_", "PYTHONDONT"))}
    return kept | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0"}
