#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: appconfig_environment
version_added: 0.1.0
short_description: Manage an environment of an AWS AppConfig application
description:
  - Creates, changes and deletes an environment, to which configurations are deployed, with the alarms that roll a
    deployment back.
  - Before it is deleted, a deployment that is under way is stopped and rolled back.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  application_id:
    description:
      - ID of the application.
    type: str
    required: true
  name:
    description:
      - Name of the environment, up to 64 characters, of which an application has one.
    type: str
    required: true
  description:
    description:
      - What the environment is for. An empty text removes it.
    type: str
  monitors:
    description:
      - CloudWatch alarms, up to 5. A deployment during which one of them goes off is rolled back. Others are removed.
    type: list
    elements: dict
    suboptions:
      alarm_arn:
        description: ARN of the alarm.
        type: str
        required: true
      alarm_role_arn:
        description: ARN of the role with which AppConfig looks at the alarm. It takes C(cloudwatch:DescribeAlarms).
        type: str
  deletion_protection_check:
    description:
      - Whether AppConfig refuses to delete an environment that clients have read from of late (V(APPLY)), or deletes
        it nevertheless (V(BYPASS)). The account's setting counts if it isn't set (V(ACCOUNT_DEFAULT)).
    type: str
    choices: [ACCOUNT_DEFAULT, APPLY, BYPASS]
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make an environment whose deployments are rolled back when an alarm goes off
  agent_platform.aws.appconfig_environment:
    application_id: abc1234
    name: demo-dev
    monitors:
      - alarm_arn: arn:aws:cloudwatch:us-west-2:123456789012:alarm:demo-errors
        alarm_role_arn: arn:aws:iam::123456789012:role/demo-alarms

- name: Delete an environment from which clients still read
  agent_platform.aws.appconfig_environment:
    application_id: abc1234
    name: demo-dev
    deletion_protection_check: BYPASS
    state: absent
"""

RETURN = r"""
environment:
  description: The environment as AppConfig describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    application_id:
      description: ID of the application.
      type: str
    arn:
      description: ARN of the environment.
      type: str
      sample: arn:aws:appconfig:us-west-2:123456789012:application/abc1234/environment/def5678
    description:
      description: What it is for.
      type: str
    id:
      description: ID of the environment.
      type: str
      sample: def5678
    monitors:
      description: The alarms, each with its alarm_arn and alarm_role_arn.
      type: list
      elements: dict
    name:
      description: Name of the environment.
      type: str
    state:
      description: How its last deployment stands, as READY_FOR_DEPLOYMENT or ROLLED_BACK.
      type: str
    tags:
      description: Tags of the environment.
      type: dict
"""

from ..module_utils.appconfig import NOT_FOUND, RENAMED, TAGS, USES, AppConfigResource, under_way
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import run_module

IT = {"ApplicationId": "ApplicationId", "EnvironmentId": "Id"}


class Environment(AppConfigResource):
    kind = "AppConfig environment"
    result = "environment"
    names = {"ApplicationId": "application_id", "Name": "name"}
    arn_ends = "application/{ApplicationId}/environment/{Id}"
    # It lies in our application.
    placed = True
    describe = Describe(
        "ListEnvironments", "Items", missing=NOT_FOUND, many=True, names={"ApplicationId": "application_id"}
    )
    # A list doesn't tell its alarms.
    additions = (Addition("GetEnvironment", "", by=IT, missing=NOT_FOUND, itself=True), TAGS)
    create = Create("CreateEnvironment", tags="Tags")
    delete = Delete("DeleteEnvironment", missing=NOT_FOUND, by=IT)
    settings = (
        Setting("description", "Description", update="environment", absent=""),
        Setting("monitors", "Monitors", update="environment", unordered=True, absent=[]),
    )
    updates = {"environment": Update("UpdateEnvironment", by=IT)}
    extra_operations = ("ListDeployments", "StopDeployment")
    unmanaged = {**USES, "UpdateEnvironment.Name": RENAMED}
    # A deployment that has just ended; a role for an alarm that was made a moment ago.
    passing = {
        "BadRequestException": ("assume",),
        "ConflictException": ("",),
    }
    hints = {
        "BadRequestException": {
            "deletion protection": "Clients have read from it of late. Give deletion_protection_check: BYPASS if it "
            "shall really go."
        },
    }

    def before_delete(self, current):
        place = self.target(self.delete, current)
        for deployments in self.looks(lambda: self.deployments(place), self.wait_timeout, pause=1.0, longest=5.0):
            if not deployments:
                return
            for deployment in deployments:
                # Reads may be behind: what is stopped twice is rolled back once.
                if deployment["State"] in ("BAKING", "DEPLOYING"):
                    number = deployment["DeploymentNumber"]
                    request = {**place, "DeploymentNumber": number, "AllowRevert": True}
                    self.write("StopDeployment", request, f"stop deployment {number} to {self.title}", NOT_FOUND)
        raise ResourceError(
            f"Deployment {deployments[0]['DeploymentNumber']} to {self.title} is still {deployments[0]['State']} after "
            f"{self.wait_timeout} s. Run again when it is over."
        )

    def deployments(self, place):
        return under_way((self.read("ListDeployments", place, NOT_FOUND) or {}).get("Items", []))

    def delete_request(self, current):
        check = self.options["deletion_protection_check"]
        return {**super().delete_request(current), **({"DeletionProtectionCheck": check} if check else {})}


def main():
    run_module(Environment, DOCUMENTATION)


if __name__ == "__main__":
    main()
