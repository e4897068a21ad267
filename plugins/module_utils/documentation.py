# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of a module, made of its documentation: so each stands once.

Here is also the documentation of what modules have in common. The fragments in plugins/doc_fragments are made of it,
because a module takes no fragments along to where it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.yaml import HAS_YAML, yaml_load

RESOURCE = r"""
options:
  state:
    description:
      - Whether the resource shall exist.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until AWS has finished what was asked, or what was under way already.
      - With V(false) the module returns as soon as AWS has accepted the calls.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
      - The default is the module's own, sized to the service.
    type: int
  owned_by:
    description:
      - Tags that an existing resource must carry before the module changes or deletes it.
      - Without them the module fails and names the resource. It never adopts what belongs to someone else.
      - If not set, every resource of that name counts as ours.
    type: dict
notes:
  - An option that is not set is left alone in AWS.
  - A call whose reply is lost is not repeated blindly. The resource is read first, so nothing is created twice.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode, of the options that are set.
    support: full
"""

TAGS = r"""
options:
  tags:
    description:
      - The tags of the resource, each a name and its value.
      - If not set, the tags are left alone.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether tags that O(tags) doesn't name are removed.
      - Those of AWS itself, whose names begin with V(aws:), stay in any case.
    type: bool
    default: true
"""

AGGREGATE = r"""
options:
  aggregate:
    description:
      - Several resources of this kind, each with this module's own options. They are brought to their states side by
        side, in one call.
      - Options given beside it hold for all of them; where a resource says something else, that counts.
      - A failure of one keeps none of the others from its state. The module then fails with what went wrong.
      - The module returns C(results), a list in the same order, of what it would return for each alone, with the
        resource's entry as C(item).
    type: list
    elements: dict
"""

DOMAIN = r"""
options:
  name:
    description:
      - Name of the object. It is needed, here or in each entry of O(aggregate).
    type: str
  endpoint:
    description:
      - Where the domain answers, its host name or the URL. It is also the name that requests are signed for and that
        the certificate is checked against.
    type: str
    required: true
  connect_to:
    description:
      - Where to connect to instead, such as V(127.0.0.1:9443), where a tunnel into the domain's VPC begins.
    type: str
  assume_role_arn:
    description:
      - ARN of an IAM role to act as, such as the domain's master role.
      - If not set, requests are signed with the credentials that the module has.
    type: str
  skip_unreachable:
    description:
      - Whether a domain that can't be connected to is left alone, with a warning, and no failure. The module then
        returns RV(reached=false) and is shown as skipped, with O(aggregate) if that is so for each of them. What
        answers with an error is a failure nevertheless.
    type: bool
    default: false
notes:
  - It talks to the domain itself, signed with Signature Version 4 for the service C(es), and not to an API of AWS. No
    proxy of the environment is used.
  - Objects in a domain carry no tags, so O(owned_by) isn't looked at. They are the domain's, which is known by its own
    tags, and told apart by their names.
"""

CLUSTER = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig for the cluster.
      - By default that of the environment variable C(K8S_AUTH_KUBECONFIG).
    type: path
notes:
  - It talks to the API of the cluster itself, and not to an API of AWS.
requirements:
  - python >= 3.12
  - kubernetes >= 24.2.0
"""

FRAGMENTS = {
    "agent_platform.aws.resource": RESOURCE,
    "agent_platform.aws.resource.tags": TAGS,
    "agent_platform.aws.resource.aggregate": AGGREGATE,
    "agent_platform.aws.resource.domain": DOMAIN,
    "agent_platform.aws.resource.cluster": CLUSTER,
}
# What the documentation of an option says that is no word for people only.
KEYS = ("type", "elements", "choices", "default", "required", "aliases")


def argument_spec(documentation: str, refined: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The argument_spec of a module: the options of its DOCUMENTATION, and those of our own fragments that it extends.

    refined: what documentation can't say (no_log, conditions among suboptions), by the path of an option, with dots
    before suboptions. KeyError for a path that isn't documented. The module fails where there is no YAML parser.
    """
    if not HAS_YAML:
        _WithoutOptions({}, supports_check_mode=True).fail_json(msg=missing_required_lib("PyYAML"))
    documented = yaml_load(documentation)
    extended = documented.get("extends_documentation_fragment", [])
    texts = [yaml_load(FRAGMENTS[name]) for name in extended if name in FRAGMENTS]
    spec: dict[str, Any] = {}
    for part in (*texts, documented):
        for name, text in part["options"].items():
            # A module may say more of an option of a fragment.
            spec[name] = {**spec.get(name, {}), **_option(text)}
    for path, keys in (refined or {}).items():
        first, *inner = path.split(".")
        option = spec[first]
        for name in inner:
            option = option["options"][name]
        option.update(keys)
    return spec


class _WithoutOptions(AnsibleModule):
    """A module object for an error that comes before the options are known."""

    def _load_params(self) -> None:
        super()._load_params()
        self.params = {name: value for name, value in self.params.items() if name.startswith("_ansible_")}


def _option(text: Mapping[str, Any]) -> dict[str, Any]:
    option = {key: text[key] for key in KEYS if key in text}
    if "suboptions" in text:
        option["options"] = {name: _option(inner) for name, inner in text["suboptions"].items()}
    return option
