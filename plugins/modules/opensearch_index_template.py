#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: opensearch_index_template
version_added: 0.1.0
short_description: Manage an index template of an OpenSearch domain
description:
  - Creates, changes and deletes a composable index template, through the domain's own API.
  - It holds for indices that are made from then on.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  index_patterns:
    description:
      - Patterns of the names of the indices that it is for. Needed for a new template.
    type: list
    elements: str
  template:
    description:
      - What these indices get, C(settings), C(mappings) and C(aliases), as the API has it. Settings may be written with
        dots or nested, with C(index.) before them or without.
      - It is taken as a whole. What isn't declared goes.
    type: dict
  priority:
    description:
      - Of several templates for an index the one of the highest priority is taken. Two of the same priority whose
        patterns meet are refused.
    type: int
  composed_of:
    description:
      - Names of component templates that come before O(template), in this order.
    type: list
    elements: str
  data_stream:
    description:
      - Makes data streams of names that fit. C({}) is enough.
    type: dict
  version:
    description:
      - A number of your own.
    type: int
  meta:
    description:
      - Whatever you want to note with it.
    type: dict
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - agent_platform.aws.resource.domain
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: How indices of logs are made
  agent_platform.aws.opensearch_index_template:
    endpoint: vpc-demo-search-0123456789abcdef.us-west-2.es.amazonaws.com
    assume_role_arn: arn:aws:iam::123456789012:role/demo-search-master
    name: demo-logs
    index_patterns: ["demo-logs-*"]
    priority: 100
    template:
      settings:
        number_of_shards: 2
        number_of_replicas: 1
      mappings:
        properties:
          "@timestamp": {type: date}
    meta:
      managed_by: agent_platform.aws
"""

RETURN = r"""
index_template:
  description: The template as the domain has it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    index_patterns:
      description: Patterns of the names of the indices that it is for.
      type: list
      elements: str
    priority:
      description: Its priority.
      type: int
reached:
  description: Whether the domain could be connected to. Only false with O(skip_unreachable=true).
  returned: always
  type: bool
results:
  description: What would be returned for each of O(aggregate), in its order, with the entry as C(item).
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

from ..module_utils.declarations import Setting
from ..module_utils.opensearch_api import DomainObject, run_api_module, same
from ..module_utils.values import flat

# What the domain makes of data_stream: {}.
DATA_STREAM = {"timestamp_field": {"name": "@timestamp"}}


def plain(template):
    """A template with its settings by their whole names."""
    settings = {
        name if name.startswith("index.") else f"index.{name}": value
        for name, value in flat((template or {}).get("settings")).items()
    }
    return {**(template or {}), "settings": settings}


def same_template(current, desired):
    return same(plain(current), plain(desired))


def same_data_stream(current, desired):
    return current is not None and same({**DATA_STREAM, **current}, {**DATA_STREAM, **desired})


class IndexTemplate(DomainObject):
    kind = "OpenSearch index template"
    result = "index_template"
    path = "/_index_template"
    query = {"flat_settings": "true"}
    needed = ("index_patterns",)
    free_form = ("template", "_meta", "data_stream")
    settings = (
        Setting("index_patterns", "index_patterns", update="put", verbatim=True, unordered=True, absent=[]),
        Setting("template", "template", update="put", verbatim=True, same=same_template, absent={}),
        Setting("priority", "priority", update="put"),
        Setting("composed_of", "composed_of", update="put", verbatim=True, absent=[]),
        Setting(
            "data_stream",
            "data_stream",
            update="put",
            verbatim=True,
            same=same_data_stream,
            encode=lambda given: {**DATA_STREAM, **given},
        ),
        Setting("version", "version", update="put"),
        Setting("meta", "_meta", update="put", verbatim=True, same=same, absent={}),
    )

    def taken(self, answer):
        found = [item["index_template"] for item in answer["index_templates"] if item["name"] == self.options["name"]]
        return found[0] if found else None


def main():
    run_api_module(IndexTemplate, DOCUMENTATION)


if __name__ == "__main__":
    main()
