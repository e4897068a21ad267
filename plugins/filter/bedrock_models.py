# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: bedrock_models
short_description: What IAM must know of models of Amazon Bedrock, by how they are called
version_added: 0.1.0
description:
  - Takes entries of C(platform_models), and returns their ids by how each is called, directly in the platform's region
    or through an inference profile.
  - An id that begins with a geography, such as V(us.), is that of an inference profile. It routes to the model whose id
    is the rest.
positional: _input
options:
  _input:
    description: The models, each with its C(id).
    type: list
    elements: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what may be called
  ansible.builtin.debug:
    msg: "{{ models | agent_platform.aws.bedrock_models }}"
  vars:
    models:
      - {name: titan, id: "amazon.titan-embed-text-v2:0"}
      - {name: nova-lite, id: "us.amazon.nova-lite-v1:0"}
  # foundation_models: ["amazon.titan-embed-text-v2:0"]
  # inference_profiles: ["us.amazon.nova-lite-v1:0"]
  # profile_models: ["amazon.nova-lite-v1:0"]
"""

RETURN = r"""
_value:
  description:
    - C(foundation_models) are the ids of models that are called directly, C(inference_profiles) those of profiles, and
      C(profile_models) the ids of the models behind the profiles.
  type: dict
"""

# Geographies by which the ids of AWS's inference profiles begin, and the regions in which such a profile can be called.
# User guide of Bedrock, "Supported Regions and models for inference profiles"; which model has which is told there.
GEOGRAPHIES = {
    "apac": r"ap-.*|me-central-1",
    "au": r"ap-southeast-(2|4|6)",
    "ca": r"ca-.*",
    "eu": r"eu-.*|il-central-1",
    "global": r"(?!us-gov-|us-iso|cn-|eu-iso|eusc-).*",
    "in": r"ap-south-.*",
    "jp": r"ap-northeast-(1|3)",
    "us": r"us-(east|west)-.*|ca-.*",
    "us-gov": r"us-gov-.*",
}


def geography(model):
    """The geography by which the id of an inference profile begins; None for that of a model."""
    beginning = model.partition(".")[0]
    return beginning if beginning in GEOGRAPHIES else None


def bedrock_models(models):
    ids = list(dict.fromkeys(item["id"] for item in models))
    profiles = [item for item in ids if geography(item)]
    return {
        "foundation_models": [item for item in ids if not geography(item)],
        "inference_profiles": profiles,
        "profile_models": list(dict.fromkeys(item.partition(".")[2] for item in profiles)),
    }


class FilterModule:
    """Filters for models of Amazon Bedrock."""

    def filters(self):
        return {"bedrock_models": bedrock_models}
