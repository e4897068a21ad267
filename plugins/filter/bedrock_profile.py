# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: bedrock_profile
short_description: The inference profile of a model of Amazon Bedrock that fits a region
version_added: 0.1.0
description:
  - Returns the id of the inference profile by which a model is called in the region, of those that the model has.
  - Where none of these fits, it is the model's own id; then the check of a run says what Bedrock offers there.
positional: _input, region, geographies
options:
  _input:
    description: The model's id.
    type: str
    required: true
  region:
    description: The region in which it is called.
    type: str
    required: true
  geographies:
    description: Geographies for which the model has a profile, such as V(us). The first one that fits is taken.
    type: list
    elements: str
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what is called in Ireland
  ansible.builtin.debug:
    msg: "{{ 'amazon.nova-lite-v1:0' | agent_platform.aws.bedrock_profile('eu-west-1', ['us', 'eu', 'apac']) }}"
  # eu.amazon.nova-lite-v1:0
"""

RETURN = r"""
_value:
  description: The id of the profile, or of the model.
  type: str
"""

import re

from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.bedrock_models import GEOGRAPHIES


def bedrock_profile(model, region, geographies):
    for geography in geographies:
        if geography not in GEOGRAPHIES:
            raise AnsibleFilterError(
                f"agent_platform.aws.bedrock_profile: there is no geography {geography!r}, there are"
                f" {', '.join(GEOGRAPHIES)}"
            )
        if re.fullmatch(GEOGRAPHIES[geography], region):
            return f"{geography}.{model}"
    return model


class FilterModule:
    """Filters for models of Amazon Bedrock."""

    def filters(self):
        return {"bedrock_profile": bedrock_profile}
