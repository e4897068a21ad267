#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: appconfig_deployment_strategy
version_added: 0.1.0
short_description: Manage a deployment strategy of AWS AppConfig
description:
  - Creates, changes and deletes a strategy, which says how fast a configuration spreads and how long it is watched.
  - Those that AWS has made, such as V(AppConfig.AllAtOnce), need no module. They are used by their ids.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the strategy, up to 64 characters.
    type: str
    required: true
  description:
    description:
      - What the strategy is for. An empty text removes it.
    type: str
  deployment_duration_in_minutes:
    description:
      - How long it takes until all clients have a configuration, from 0 to 1440. Needed to create the strategy.
    type: int
  growth_type:
    description:
      - Whether each step adds the same share of the clients, or doubles it.
    type: str
    choices: [LINEAR, EXPONENTIAL]
  growth_factor:
    description:
      - Share of the clients that the first step reaches, in percent, from 1 to 100. Needed to create the strategy.
    type: float
  final_bake_time_in_minutes:
    description:
      - How long alarms are watched after the last step, from 0 to 1440.
    type: int
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Reach a fifth of the clients every two minutes
  agent_platform.aws.appconfig_deployment_strategy:
    name: demo-feature-flags
    deployment_duration_in_minutes: 10
    growth_type: LINEAR
    growth_factor: 20
    final_bake_time_in_minutes: 10

- name: Delete a strategy
  agent_platform.aws.appconfig_deployment_strategy:
    name: demo-feature-flags
    state: absent
"""

RETURN = r"""
deployment_strategy:
  description: The strategy as AppConfig describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the strategy.
      type: str
      sample: arn:aws:appconfig:us-west-2:123456789012:deploymentstrategy/jkl3456
    deployment_duration_in_minutes:
      description: How long it takes until all clients have a configuration.
      type: int
    final_bake_time_in_minutes:
      description: How long alarms are watched after that.
      type: int
    growth_factor:
      description: Share of the clients that the first step reaches.
      type: float
    growth_type:
      description: How the share grows.
      type: str
    id:
      description: ID of the strategy.
      type: str
      sample: jkl3456
    name:
      description: Name of the strategy.
      type: str
    tags:
      description: Tags of the strategy.
      type: dict
"""

from ..module_utils.appconfig import NOT_FOUND, USES, AppConfigResource
from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.resource import run_module

IT = {"DeploymentStrategyId": "Id"}


class DeploymentStrategy(AppConfigResource):
    kind = "AppConfig deployment strategy"
    result = "deployment_strategy"
    names = {"Name": "name"}
    arn_ends = "deploymentstrategy/{Id}"
    # Nothing says that AppConfig refuses a second one of a name.
    unique_name = False
    needed = ("deployment_duration_in_minutes", "growth_factor")
    describe = Describe("ListDeploymentStrategies", "Items", many=True, names={})
    create = Create("CreateDeploymentStrategy", tags="Tags", made="Id")
    delete = Delete("DeleteDeploymentStrategy", missing=NOT_FOUND, by=IT)
    settings = (
        Setting("description", "Description", update="strategy", absent=""),
        Setting("deployment_duration_in_minutes", "DeploymentDurationInMinutes", update="strategy"),
        Setting("growth_type", "GrowthType", update="strategy"),
        Setting("growth_factor", "GrowthFactor", update="strategy"),
        Setting("final_bake_time_in_minutes", "FinalBakeTimeInMinutes", update="strategy", absent=0),
    )
    updates = {"strategy": Update("UpdateDeploymentStrategy", by=IT)}
    unmanaged = {
        "StartDeployment": USES["StartDeployment"],
    }

    def missing(self, options):
        # 0 minutes are a duration, too.
        return [option for option in options if self.options[option] is None]

    def create_request(self):
        # Which of the two AppConfig takes for the default depends on its age.
        return {"GrowthType": "LINEAR", **super().create_request(), "ReplicateTo": "NONE"}


def main():
    run_module(DeploymentStrategy, DOCUMENTATION)


if __name__ == "__main__":
    main()
