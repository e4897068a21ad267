#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: platform_info
version_added: 0.1.0
short_description: What of a platform exists in the account
description:
  - Reads what exists of one platform and returns it by component, with the calls side by side.
  - Resources are found by the platform's names and owner tags. Those of other platforms are neither read nor returned.
  - The module calls only operations that describe, get or list. It changes nothing.
options:
  name:
    description:
      - Name of the platform.
    type: str
    required: true
  environment:
    description:
      - Environment of the platform. The names of all resources begin with O(name) and O(environment).
    type: str
    required: true
  owner_tags:
    description:
      - The tags that say that a resource belongs to the platform. To a component of it belongs what bears the tag
        C(Component) with its name, besides.
      - By default C(Project) with the value of O(name), C(Environment) with the value of O(environment), C(Region) with
        the region that is read, and C(ManagedBy) with the value V(agent_platform.aws).
    type: dict
    aliases: [owned_by]
  account_id:
    description:
      - The account in which to look. If the credentials belong to another, nothing of it is read, and every component
        looks as if it did not exist.
      - Any account by default.
    type: str
  components:
    description:
      - The components to read, by the names of their roles. All of them by default.
    type: list
    elements: str
  require:
    description:
      - Components that must exist. They are read even if O(components) does not name them.
      - If one of them is missing the module fails and says what has to run first. In check mode it does not fail,
        because a dry run on an empty account has nothing to find.
      - If something of one of them can't be placed, such as a subnet without its tag C(Tier), the module fails and says
        what has to run, also in check mode.
    type: list
    elements: str
    default: []
  required_by:
    description:
      - The component that needs what O(require) names. It only serves the message.
    type: str
  entries:
    description:
      - For a component that makes things from a list, such as node groups or roles, the names in that list.
      - For one that takes what others have made, as C(network) does, a dict of lists with the ids, of C(network)
        C(vpc), C(public) and C(private).
      - What has such a name is only looked for when it is named here.
    type: dict
  models:
    description:
      - IDs of the models and inference profiles of Amazon Bedrock that O(offers) shall tell of.
    type: list
    elements: str
    default: []
  images:
    description:
      - IDs of the machine images that O(offers) shall tell of, and names of parameters of Systems Manager that hold
        one.
    type: list
    elements: str
    default: []
  existing_roles:
    description:
      - ARNs of roles that someone else has made for the platform, by the names of those in whose place they are.
        These are without what the names of the platform begin with.
      - They are found in the place of the platform's own.
    type: dict
    default: {}
  offers:
    description:
      - Whether to read what AWS offers this account for the components, such as versions, zones and quotas, too.
      - What can't be read, as when a permission is missing, is told in a warning and is no failure.
    type: bool
    default: false
  kubeconfig:
    description:
      - Path of a kubeconfig for the platform's cluster, by which to read what components have in it.
      - Without it, and where that API isn't reached, of which a warning tells, nothing of that is found.
    type: path
  fresh:
    description:
      - With V(false), what another task of this run has found of a component will do, as long as the run has changed
        nothing. That needs the callback P(agent_platform.aws.preload#callback); without it, and after any change or
        failure, everything is read.
      - What components have in the cluster, and O(offers), are always read.
    type: bool
    default: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
notes:
  - Needs the permission C(sts:GetCallerIdentity), and for each component those that the README of its role names.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Reads only, so it does the same in check mode, except that O(require) does not fail there.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Discover the whole platform
  agent_platform.aws.platform_info:
    name: agent-platform
    environment: dev
  register: found

- name: Show the private subnets
  ansible.builtin.debug:
    msg: "{{ found.platform.network.subnet_ids.private }}"

- name: Discover what the cluster builds on
  agent_platform.aws.platform_info:
    name: agent-platform
    environment: dev
    components: [encryption, network]
    require: [encryption, network]
    required_by: eks
  register: foundation

- name: Discover the cluster with a node group whose launch template may be someone else's
  agent_platform.aws.platform_info:
    name: agent-platform
    environment: dev
    components: [eks]
    entries:
      eks: [default]
"""

RETURN = r"""
platform:
  description:
    - The account that was read, and by the name of each component what was found of it.
    - Every key of a component is always there. What does not exist is null, an empty list or an empty dict.
      C(exists) says whether there is what other components build on.
    - The facts of a component are described in the README of its role, such as C(roles/network/README.md).
    - Components that were not asked for look as if they did not exist.
  returned: always
  type: dict
  contains:
    account_id:
      description: The account that the credentials belong to.
      type: str
      sample: "123456789012"
    arn:
      description: ARN of the identity that the credentials belong to.
      type: str
      sample: arn:aws:iam::123456789012:user/jo
    partition:
      description: The AWS partition.
      type: str
      sample: aws
    dns_suffix:
      description: How the names of the partition's services end.
      type: str
      sample: amazonaws.com
    region:
      description: The region that was read.
      type: str
      sample: us-west-2
    deployer:
      description:
        - Who has called, as the Kubernetes API of the platform's cluster sees it. Only known where the component C(eks)
          was asked for, and the C(principal_arn) also where C(knowledge_base) was.
      type: dict
      contains:
        principal_arn:
          description: ARN that an access entry or a policy must name. For a session that of its role.
          type: str
          sample: arn:aws:iam::123456789012:role/deployers
        rights:
          description:
            - What the access entry of that principal gives. V(administrator) is of the whole cluster, V(groups) are
              groups of Kubernetes, V(some) other access policies, V(none) says that there is no entry. Null where it
              can't be read.
          type: str
          sample: administrator
    conflicts:
      description: Names of the platform that something without its owner tags holds. Nothing of that is changed.
      type: list
      elements: dict
      contains:
        component:
          description: The component that would need the name.
          type: str
          sample: eks
        resource:
          description: What holds it.
          type: str
          sample: IAM role agent-platform-dev-eks-nodes
        reason:
          description: Why it is not the component's, and whose it is where its tags say so.
          type: str
          sample: "exists and belongs to the platform of the same name in eu-west-1"
        remedy:
          description: What helps.
          type: str
          sample: "give one of the two another platform_environment or platform_name"
    existing_roles:
      description:
        - What is there of O(existing_roles), by the same names, of those components that were read. Each has C(arn),
          C(exists), and in C(trusted) the principals that its trust policy names.
      type: dict
    replaced_roles:
      description: Names of the platform's own roles in whose place there are others, by component.
      type: dict
    offers:
      description:
        - What AWS offers for each component, described like its facts. Empty where O(offers) did not ask for it.
          What AWS did not tell is null or empty.
      type: dict
      sample: {encryption: {}, network: {}}
  sample:
    account_id: "123456789012"
    encryption: {exists: true, key_id: 0a1b2c3d, alias: alias/agent-platform-dev-key}
    eks: {exists: false, cluster_name: null, node_groups: {}}
summary:
  description:
    - In a few words what exists of each component that was asked for.
    - C(state) is V(exists), V(absent), V(going) for one that AWS removes on a later day, or V(partial) for one that was
      begun and not finished, or removed in part. C(lines) are texts for people.
  returned: always
  type: dict
  sample:
    encryption: {state: exists, lines: ["key 0a1b2c3d (alias/agent-platform-dev-key), rotation on"]}
    eks: {state: absent, lines: []}
amiss:
  description: Of components that were asked for what can't be placed, so that nothing may build on them, as texts.
  returned: always
  type: dict
  sample: {network: ["subnet subnet-0a1b2c3d has no tag Tier"]}
in_cluster:
  description: The components that were asked for and have something in the cluster.
  returned: always
  type: list
  elements: str
  sample: [gateways]
scope:
  description: By what the platform was looked for, which are O(name), O(environment), O(owner_tags), O(entries) and
    O(existing_roles) as they were given.
  returned: always
  type: dict
account_id:
  description: The same as RV(platform.account_id).
  returned: always
  type: str
arn:
  description: The same as RV(platform.arn).
  returned: always
  type: str
partition:
  description: The same as RV(platform.partition).
  returned: always
  type: str
dns_suffix:
  description: The same as RV(platform.dns_suffix).
  returned: always
  type: str
region:
  description: The same as RV(platform.region).
  returned: always
  type: str
offers:
  description: The same as RV(platform.offers).
  returned: always
  type: dict
deployer:
  description: The same as RV(platform.deployer).
  returned: always
  type: dict
conflicts:
  description: The same as RV(platform.conflicts).
  returned: always
  type: list
  elements: dict
existing_roles:
  description: The same as RV(platform.existing_roles).
  returned: always
  type: dict
replaced_roles:
  description: The same as RV(platform.replaced_roles).
  returned: always
  type: dict
"""

import contextlib
import functools
from collections.abc import Iterable, Mapping
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from botocore.config import Config

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.discovery.base import Cluster, Scope, dns_suffix
from ..module_utils.discovery.table import CALLS_AT_ONCE, COMPONENTS, Discovered, discover, identify
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError, error_code

# Reads may be repeated freely, unlike writes.
ATTEMPTS = 5
# What is one platform's own, of the options.
SCOPE = ("name", "environment", "owner_tags", "entries", "existing_roles")


def scope_of(params: Mapping[str, Any], region: str) -> Scope:
    owner_tags = params["owner_tags"] or {
        "Project": params["name"],
        "Environment": params["environment"],
        "Region": region,
        "ManagedBy": "agent_platform.aws",
    }
    name, environment = params["name"], params["environment"]
    prefix, path = f"{name}-{environment}", f"/{name}/{environment}"
    return Scope(
        prefix,
        owner_tags,
        region,
        params["entries"] or {},
        path,
        params["models"],
        params["images"],
        params["existing_roles"],
    )


def missing_message(missing: list[str], required_by: str | None, account_id: str, region: str) -> str:
    """What has to run first, in one line."""
    needed = " and ".join(missing)
    one = len(missing) == 1
    subject = (
        f"{required_by} requires {needed}, which" if required_by else f"{needed} {'is' if one else 'are'} required but"
    )
    verb = "does" if one else "do"
    return (
        f"{subject} {verb} not exist in account {account_id} region {region}:"
        f" run ansible-playbook site.yml --limit {','.join(missing)} first"
    )


def amiss_message(found: Discovered, required: Iterable[str], required_by: str | None) -> str | None:
    """What of the required components must be mended before something builds on them, in one line."""
    amiss = {name: texts for name, texts in found.amiss.items() if name in set(required)}
    if not amiss:
        return None
    texts = "; ".join(f"{name}: {'; '.join(texts)}" for name, texts in amiss.items())
    return (
        f"{required_by or 'This'} can't build on it: {texts}. Run ansible-playbook site.yml --limit {','.join(amiss)}"
    )


def result_of(found: Discovered, region: str) -> dict[str, Any]:
    account = {
        "account_id": found.account_id,
        "arn": found.arn,
        "partition": found.partition,
        "dns_suffix": dns_suffix(found.partition),
        "region": region,
        "deployer": found.deployer,
        "conflicts": found.conflicts,
        "existing_roles": found.existing_roles,
        "replaced_roles": found.replaced_roles,
        "offers": found.offers,
    }
    more = {"summary": found.summary, "amiss": found.amiss, "in_cluster": found.in_cluster}
    return {"platform": {**found.components, **account}, **more, **account}


def wanted_of(params: Mapping[str, Any]) -> Iterable[str]:
    return {*(COMPONENTS if params["components"] is None else params["components"]), *params["require"]}


def unknown_message(params: Mapping[str, Any]) -> str | None:
    """Which option names a component that there isn't, or None."""
    for option in ("components", "require", "entries"):
        unknown = [name for name in params[option] or [] if name not in COMPONENTS]
        if unknown:
            return f"{option}: there is no component {', '.join(unknown)}; there are {', '.join(COMPONENTS)}"
    return None


def main() -> None:
    module = AnsibleAWSModule(argument_spec=argument_spec(DOCUMENTATION), supports_check_mode=True)
    region = module.region
    if not region:
        module.fail_json(msg="No region is set. Set platform_region or AWS_REGION.")
    unknown = unknown_message(module.params)
    if unknown:
        module.fail_json(msg=unknown)
    config = Config(
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
        max_pool_connections=CALLS_AT_ONCE,
        connect_timeout=10,
    )
    make_client = functools.partial(module.client, config=config)
    account: dict[str, str] = {}
    try:
        caller = identify(make_client)
        account = {"account_id": caller["Account"], "arn": caller["Arn"]}
        in_another = module.params["account_id"] not in (None, caller["Account"])
        wanted = () if in_another else wanted_of(module.params)
        cluster = Cluster.of(module.params["kubeconfig"])
        found = discover(make_client, scope_of(module.params, region), wanted, caller, module.params["offers"], cluster)
    except ResourceError as error:
        details = {"error_code": error_code(error.cause)} if error.cause else {}
        module.fail_json(msg=str(error), **details, **account)
    for warning in found.warnings:
        module.warn(warning)
    amiss = amiss_message(found, module.params["require"], module.params["required_by"])
    if amiss:
        module.fail_json(msg=amiss)
    missing = found.missing(module.params["require"])
    if missing and not module.check_mode:
        module.fail_json(
            msg=missing_message(missing, module.params["required_by"], found.account_id, region),
            missing=missing,
        )
    module.exit_json(changed=False, scope={key: module.params[key] for key in SCOPE}, **result_of(found, region))


if __name__ == "__main__":
    main()
