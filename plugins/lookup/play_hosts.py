# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: play_hosts
short_description: The hosts of a play of the platform, unless the play mustn't run
version_added: 0.1.0
description:
  - Each play of the collection's playbooks has its C(hosts) from this. Ansible evaluates them before it looks which
    tasks to run, so nothing that leaves out tasks leaves out this.
  - It refuses options of C(ansible-playbook) by which the checks at the start of a run would be skipped, variables of
    the playbooks themselves in C(--extra-vars), and an inventory in which a component is in a group of machines.
  - It lets the processes of tasks end with C(ansible-playbook), however that ends, makes an error of a task for which
    there is no process, and loads what plugins all tasks need, as the callback P(agent_platform.aws.preload#callback)
    does.
  - Runs on the controller and sends nothing to AWS.
options:
  _terms:
    description: Patterns of hosts.
    required: true
  selected:
    description:
      - Whether the play is for those components only that the run's first play has selected, and so comes after it.
      - It is an error then if that play hasn't run.
    type: bool
    default: false
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show the selected components
  hosts: "{{ lookup('agent_platform.aws.play_hosts', 'platform', selected=true) }}"
  tasks:
    - name: Show its name
      ansible.builtin.debug:
        var: inventory_hostname
"""

RETURN = r"""
_raw:
  description: The patterns as given, or with O(selected) those of the components among them that the run is about.
  type: list
  elements: str
"""

import typing as t
from collections.abc import Collection, Iterator, Mapping

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.agent_platform.aws.plugins.plugin_utils import controller

SELECTED = "component_selected"
# Options that only look at the playbooks. Nothing has been selected then.
LISTINGS = ("listhosts", "listtasks", "listtags", "syntax")
# Variables that the playbooks give to each other; --extra-vars would win over them.
OF_PLAYBOOKS = ("component_", "layer_", "start_", "platform_component_selected")

# Groups of machines: that of the bastion, and that of all hosts that the dynamic inventory has found.
MACHINES = ("bastion", "aws_ec2")


def option_faults(options: Mapping[str, t.Any], extra: Collection[str]) -> Iterator[str]:
    """What is wrong with the command line. extra: the names of the variables that it sets."""
    if options.get("start_at_task"):
        yield (
            "--start-at-task would skip the checks that come first. Leave it out: a run passes over what is done in "
            "seconds, and --limit or --tags take components"
        )
    if options.get("step"):
        yield (
            "--step could leave out the checks on which the other tasks rely. Leave it out: --check --diff shows what "
            "a run would do, and --limit or --tags take components"
        )
    if skipped := sorted({"always", "tagged"}.intersection(options.get("skip_tags") or ())):
        yield (
            f"--skip-tags {','.join(skipped)} would skip the checks that come first. Leave it out: --skip-tags takes "
            "components and layers"
        )
    if names := sorted(name for name in extra if name.startswith(OF_PLAYBOOKS)):
        yield (
            f"--extra-vars sets {', '.join(names)}, which the playbooks set themselves. Leave it out: "
            "--limit or --tags take components, and teardown.yml removes them"
        )


def group_faults(groups: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Whether machines and components meet: the modules of a component would run on the machine of that name."""
    for name in MACHINES:
        for host in sorted(set(groups.get(name, ())).intersection(groups.get("platform", ()))):
            yield (
                f"The host {host} is in the group platform, which is of components, and in the group {name}, which is "
                f"of machines. Take out of the inventory what gives a machine that name "
                f"(ansible-inventory -i <environment> --host {host})"
            )


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        controller.prepare()
        groups, options, selected = variables["groups"], context.CLIARGS, self.get_option("selected")
        faults = [*option_faults(options, load_extra_vars(self._loader)), *group_faults(groups)]
        if selected and SELECTED not in groups and not any(options.get(name) for name in LISTINGS):
            faults.append(
                "The first play of this run, which selects the components and checks them, hasn't run. This play comes "
                "after it: run the playbook site, provision, teardown or status, with --limit or --tags for a part"
            )
        if faults:
            raise AnsibleError(faults[0])
        return [f"{term}:&{SELECTED}" for term in terms] if selected else terms
