#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: appconfig_application
version_added: 0.1.0
short_description: Manage an application of AWS AppConfig
description:
  - Creates, changes and deletes an application, which is the folder of environments and configuration profiles.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the application, up to 64 characters. AppConfig has one of a name in an account and a region.
    type: str
    required: true
  description:
    description:
      - What the application is for. An empty text removes it.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
notes:
  - What lies in the application must go first. AppConfig refuses to delete one that isn't empty.
"""

EXAMPLES = r"""
- name: Make an application
  agent_platform.aws.appconfig_application:
    name: demo-feature-flags
    tags:
      Project: demo
  register: application

- name: Delete it, once it is empty
  agent_platform.aws.appconfig_application:
    name: demo-feature-flags
    state: absent
"""

RETURN = r"""
application:
  description: The application as AppConfig describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the application.
      type: str
      sample: arn:aws:appconfig:us-west-2:123456789012:application/abc1234
    description:
      description: What it is for.
      type: str
    id:
      description: ID of the application, by which all else names it.
      type: str
      sample: abc1234
    name:
      description: Name of the application.
      type: str
    tags:
      description: Tags of the application.
      type: dict
"""

from ..module_utils.appconfig import NOT_FOUND, RENAMED, USES, AppConfigResource
from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.resource import run_module

IT = {"ApplicationId": "Id"}


class Application(AppConfigResource):
    kind = "AppConfig application"
    result = "application"
    names = {"Name": "name"}
    arn_ends = "application/{Id}"
    describe = Describe("ListApplications", "Items", many=True, names={})
    create = Create("CreateApplication", tags="Tags")
    delete = Delete("DeleteApplication", missing=NOT_FOUND, by=IT)
    settings = (Setting("description", "Description", update="application", absent=""),)
    updates = {"application": Update("UpdateApplication", by=IT)}
    unmanaged = {
        **USES,
        **dict.fromkeys(
            (
                "DeleteExperimentDefinition",
                "StartExperimentRun",
                "StopExperimentRun",
                "UpdateExperimentDefinition",
                "UpdateExperimentRun",
            ),
            USES["CreateExperimentDefinition"],
        ),
        "CreateHostedConfigurationVersion": USES["StartDeployment"],
        "UpdateApplication.Name": RENAMED,
    }
    hints = {
        "BadRequestException": {
            "existing under it": "Remove its environments, configuration profiles and experiments first, and run again."
        },
    }


def main():
    run_module(Application, DOCUMENTATION)


if __name__ == "__main__":
    main()
