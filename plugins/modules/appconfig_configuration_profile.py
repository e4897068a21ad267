#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: appconfig_configuration_profile
version_added: 0.1.0
short_description: Manage a configuration profile that AWS AppConfig hosts
description:
  - Creates, changes and deletes the profile of a configuration that lies in AppConfig itself, such as feature flags.
  - Before it is deleted, all versions of its configuration are. AppConfig refuses to delete it otherwise.
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
      - Name of the profile, up to 128 characters, of which an application has one.
    type: str
    required: true
  description:
    description:
      - What the configuration is for. An empty text removes it.
    type: str
  type:
    description:
      - Feature flags, or any text. It can't be changed later. AppConfig makes a V(AWS.Freeform) one if it isn't set.
    type: str
  kms_key_identifier:
    description:
      - ID, alias or ARN of the KMS key that encrypts versions of the configuration. An empty text takes the profile
        back to the key of AppConfig.
      - The key encrypts the versions that are made from then on. Who makes them needs C(kms:GenerateDataKey) and who
        reads or deploys them C(kms:Decrypt).
    type: str
  validators:
    description:
      - What checks a version before it is deployed, up to 2. Others are removed.
    type: list
    elements: dict
    suboptions:
      type:
        description: Whether it is a schema or a function.
        type: str
        choices: [JSON_SCHEMA, LAMBDA]
        required: true
      content:
        description: The schema as JSON, or the ARN of the function.
        type: str
        required: true
  deletion_protection_check:
    description:
      - Whether AppConfig refuses to delete a profile that clients have read of late (V(APPLY)), or deletes it
        nevertheless (V(BYPASS)). The account's setting counts if it isn't set (V(ACCOUNT_DEFAULT)).
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
- name: Make a profile of feature flags, encrypted with our key
  agent_platform.aws.appconfig_configuration_profile:
    application_id: abc1234
    name: demo-feature-flags
    type: AWS.AppConfig.FeatureFlags
    kms_key_identifier: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab

- name: Delete a profile with all versions of its configuration
  agent_platform.aws.appconfig_configuration_profile:
    application_id: abc1234
    name: demo-feature-flags
    state: absent
"""

RETURN = r"""
configuration_profile:
  description: The profile as AppConfig describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    application_id:
      description: ID of the application.
      type: str
    arn:
      description: ARN of the profile.
      type: str
      sample: arn:aws:appconfig:us-west-2:123456789012:application/abc1234/configurationprofile/ghi9012
    id:
      description: ID of the profile.
      type: str
      sample: ghi9012
    kms_key_arn:
      description: ARN of the key; absent when that of AppConfig is used.
      type: str
    location_uri:
      description: Where the configuration lies, hosted.
      type: str
    name:
      description: Name of the profile.
      type: str
    tags:
      description: Tags of the profile.
      type: dict
    type:
      description: Kind of the configuration.
      type: str
      sample: AWS.AppConfig.FeatureFlags
    validators:
      description: What checks versions, each with its type and content.
      type: list
      elements: dict
"""

from ..module_utils.appconfig import NOT_FOUND, RENAMED, TAGS, USES, AppConfigResource
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Update
from ..module_utils.resource import run_module
from ..module_utils.values import same_key

IT = {"ApplicationId": "ApplicationId", "ConfigurationProfileId": "Id"}


class ConfigurationProfile(AppConfigResource):
    kind = "AppConfig configuration profile"
    result = "configuration_profile"
    names = {"ApplicationId": "application_id", "Name": "name"}
    arn_ends = "application/{ApplicationId}/configurationprofile/{Id}"
    # It lies in our application.
    placed = True
    describe = Describe(
        "ListConfigurationProfiles", "Items", missing=NOT_FOUND, many=True, names={"ApplicationId": "application_id"}
    )
    # A list tells neither its key nor what is in its validators.
    additions = (Addition("GetConfigurationProfile", "", by=IT, missing=NOT_FOUND, itself=True), TAGS)
    create = Create("CreateConfigurationProfile", tags="Tags")
    delete = Delete("DeleteConfigurationProfile", missing=NOT_FOUND, by=IT)
    settings = (
        Setting("description", "Description", update="profile", absent=""),
        Setting("type", "Type", absent="AWS.Freeform"),
        Setting("kms_key_identifier", "KmsKeyIdentifier", update="profile", absent="", same=same_key),
        Setting("validators", "Validators", update="profile", unordered=True, absent=[]),
    )
    updates = {"profile": Update("UpdateConfigurationProfile", by=IT)}
    extra_operations = ("DeleteHostedConfigurationVersion", "ListHostedConfigurationVersions")
    unmanaged = {
        **USES,
        "CreateHostedConfigurationVersion": USES["StartDeployment"],
        "UpdateConfigurationProfile.Name": RENAMED,
        **dict.fromkeys(
            ("CreateConfigurationProfile.RetrievalRoleArn", "UpdateConfigurationProfile.RetrievalRoleArn"),
            "of configurations that lie elsewhere",
        ),
    }
    # A deployment that has just ended; a version that was made while the others were deleted.
    passing = {
        "BadRequestException": ("still hosted configuration versions",),
        "ConflictException": ("",),
    }
    hints = {
        "BadRequestException": {
            "deletion protection": "Clients have read it of late. Give deletion_protection_check: BYPASS if it shall "
            "really go."
        },
    }

    def create_request(self):
        return {**super().create_request(), "LocationUri": "hosted"}

    def before_delete(self, current):
        place = self.target(self.delete, current)
        for version in (self.read("ListHostedConfigurationVersions", place, NOT_FOUND) or {}).get("Items", []):
            number = version["VersionNumber"]
            doing = f"delete version {number} of {self.title}"
            self.write("DeleteHostedConfigurationVersion", {**place, "VersionNumber": number}, doing, NOT_FOUND)

    def delete_request(self, current):
        check = self.options["deletion_protection_check"]
        return {**super().delete_request(current), **({"DeletionProtectionCheck": check} if check else {})}


def main():
    run_module(ConfigurationProfile, DOCUMENTATION, {"kms_key_identifier": {"no_log": False}})


if __name__ == "__main__":
    main()
