#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: appconfig_feature_flags
version_added: 0.1.0
short_description: Manage the feature flags that AWS AppConfig has deployed
description:
  - Looks at the feature flags that are deployed to an environment, and if they aren't as declared makes a version that
    is and deploys it, step by step as a deployment strategy says.
  - A flag belongs to two. What defines it is declared here. Whether it is on, and the values of its attributes, is for
    operators to say, who change it without a run. Those values are declared only for the beginning, unless
    O(manage_values) says otherwise.
  - Flags of several variants, and flags and attributes that aren't declared, are left alone.
  - A version that was made and not deployed, because a run ended amid, is used and not made again.
options:
  application_id:
    description:
      - ID of the application.
    type: str
    required: true
  environment_id:
    description:
      - ID of the environment to which the flags are deployed.
    type: str
    required: true
  configuration_profile_id:
    description:
      - ID of the profile, whose type is V(AWS.AppConfig.FeatureFlags).
    type: str
    required: true
  deployment_strategy_id:
    description:
      - ID of the strategy by which changes are deployed, one's own or one of AWS, such as
        V(AppConfig.Linear20PercentEvery6Minutes).
    type: str
    required: true
  initial_deployment_strategy_id:
    description:
      - ID of the strategy of the first deployment. As long as there is no other configuration to go back to, a client
        that it hasn't reached yet gets none at all.
    type: str
    default: AppConfig.AllAtOnce
  kms_key_identifier:
    description:
      - ID, alias or ARN of the KMS key that encrypts what is deployed. Who reads it then needs C(kms:Decrypt).
    type: str
  flags:
    description:
      - The flags.
    type: list
    elements: dict
    required: true
    suboptions:
      key:
        description: Name by which clients know it, a lower-case letter and up to 63 letters, digits, C(-) and C(_).
        type: str
        required: true
      name:
        description: What people call it. A new flag is called as its key if it isn't set.
        type: str
      description:
        description: What the flag is for. An empty text removes it.
        type: str
      enabled:
        description: Whether the flag is on at the beginning, or at all with O(manage_values).
        type: bool
        default: false
      attributes:
        description: Values that go with the flag. Clients get them while it is on.
        type: list
        elements: dict
        suboptions:
          key:
            description: Name of the attribute, written as that of a flag.
            type: str
            required: true
          type:
            description: Type of its values.
            type: str
            choices: [string, number, boolean, array]
            required: true
          description:
            description: What the attribute is for. An empty text removes it.
            type: str
          required:
            description: Whether each flag that is on must have a value of it.
            type: bool
          pattern:
            description: Regular expression that a string must match.
            type: str
          enum:
            description: The strings that it may be.
            type: list
            elements: raw
          minimum:
            description: The least number that it may be.
            type: int
          maximum:
            description: The greatest number that it may be.
            type: int
          elements:
            description: What the elements of an array may be.
            type: dict
            suboptions:
              type:
                description: Type of the elements.
                type: str
                choices: [string, number]
                required: true
              pattern:
                description: Regular expression that a string must match.
                type: str
              enum:
                description: The strings that it may be.
                type: list
                elements: raw
              minimum:
                description: The least number that it may be.
                type: int
              maximum:
                description: The greatest number that it may be.
                type: int
          value:
            description: The value at the beginning, or at all with O(manage_values).
            type: raw
  manage_values:
    description:
      - Whether flags are switched, and their attributes set, as declared, whatever operators have made of them.
    type: bool
    default: false
  purge_flags:
    description:
      - Whether flags that O(flags) doesn't name are removed, and attributes that a flag doesn't name.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until all clients can have what is deployed, and before that for a deployment that is under way
        already. With V(false) such a one is an error.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait for each deployment, in seconds.
      - The default is as long as its strategy takes, and ten minutes more.
    type: int
notes:
  - AppConfig rolls a deployment back when an alarm of the environment goes off. The module then fails with what
    AppConfig tells of it, and the next run tries again.
requirements:
  - python >= 3.12
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns what has changed, or would in check mode.
    support: full
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: See to it that two flags exist, which operators switch
  agent_platform.aws.appconfig_feature_flags:
    application_id: abc1234
    environment_id: def5678
    configuration_profile_id: ghi9012
    deployment_strategy_id: AppConfig.Linear20PercentEvery6Minutes
    flags:
      - key: long-term-memory
        description: Agents remember what users told them in earlier sessions
        enabled: true
      - key: response-cache
        description: The LLM gateway answers a question that it knows from its cache
        attributes:
          - key: seconds
            type: number
            minimum: 0
            maximum: 86400
            value: 300
"""

RETURN = r"""
flags:
  description: The flags as they are deployed, or would be in check mode, by their keys.
  returned: always
  type: dict
  sample:
    response-cache:
      name: response-cache
      attributes:
        seconds:
          constraints: {type: number, minimum: 0, maximum: 86400}
flag_values:
  description: Whether the flags are on, and the values of their attributes, by their keys.
  returned: always
  type: dict
  sample:
    response-cache:
      enabled: false
      seconds: 300
configuration_version:
  description: Number of the version that is deployed. None in check mode, where there is none yet.
  returned: always
  type: str
  sample: "3"
deployment_number:
  description: Number of the deployment. None in check mode, where there is none yet.
  returned: always
  type: int
  sample: 3
"""

import json

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils.appconfig import NOT_FOUND, UNDER_WAY, under_way
from ..module_utils.calls import Calls, Repeat
from ..module_utils.documentation import argument_spec
from ..module_utils.faults import ResourceError
from ..module_utils.feature_flags import merged, plain
from ..module_utils.resource import details_of
from ..module_utils.values import placeholder, without_unset

IDS = {
    "ApplicationId": "application_id",
    "EnvironmentId": "environment_id",
    "ConfigurationProfileId": "configuration_profile_id",
}
# What clients don't get, or not any more.
UNDONE = frozenset({"REVERTED", "ROLLED_BACK", "ROLLING_BACK"})
# What only sounds like a secret.
NO_SECRETS = ("kms_key_identifier", "flags.key", "flags.attributes.key")
# Seconds that a deployment may take beyond what its strategy says.
SLACK = 600


class FeatureFlags(Calls):
    """What is deployed of one profile to one environment; each step is decided anew by what there is."""

    service = "appconfig"
    # Someone else has made a version, or begun to deploy one, since we looked.
    passing = {"ConflictException": ("",)}
    hints = {
        "AccessDeniedException": {
            "kms": "Allow kms:Decrypt and kms:GenerateDataKey on the key for the identity of this run, and run again."
        },
    }

    def __init__(self, module):
        super().__init__(module)
        ids = {member: self.options[option] for member, option in IDS.items()}
        self.profile = ids["ConfigurationProfileId"]
        self.environment = {member: ids[member] for member in ("ApplicationId", "EnvironmentId")}
        self.hosted = {member: ids[member] for member in ("ApplicationId", "ConfigurationProfileId")}
        self.known = not any(placeholder(value) for value in ids.values())
        self.flags = without_unset(self.options["flags"])
        self.title = f"feature flags of profile {self.profile!r} in environment {ids['EnvironmentId']!r}"
        self.before = None  # the document as it was
        self.asked = False  # this run has asked for a deployment, whether it got an answer or not
        self.started = None  # the number of the last one that it has begun

    def run(self):
        twice = sorted({flag["key"] for flag in self.flags if self.keys().count(flag["key"]) > 1})
        if twice:
            raise ResourceError(f"The {self.title} have {', '.join(twice)} more than once.")
        while True:
            try:
                result = self.converge()
            except Repeat as repeat:
                self.patience.pause(repeat)
                self.changed = self.changed or repeat.may_be_done
            else:
                if result is not None:
                    return result

    def keys(self):
        return [flag["key"] for flag in self.flags]

    def converge(self):
        """One step towards what is declared. The module's result, or None while there is more to do."""
        deployments = self.deployments()
        if any(item["DeploymentNumber"] == self.started and item["State"] in UNDONE for item in deployments):
            raise ResourceError(self.undone(self.look(self.started)))
        live = next((item for item in deployments if self.mine(item) and item["State"] not in UNDONE), None)
        document, latest = self.content(live["ConfigurationVersion"]) if live else None, None
        if live and document is None:
            self.module.warn(
                f"The {self.title}: version {live['ConfigurationVersion']}, which is deployed, was deleted. What "
                "operators have changed is taken from the last version that is left."
            )
        if document is None and self.known and self.flags:
            # The environment may be a new one, and the flags not.
            latest = self.latest()
            document = latest[1]
        if self.before is None:
            self.before = plain(document if live else None)
        wanted = merged(document, self.flags, self.options["manage_values"], self.options["purge_flags"])
        if plain(wanted) == plain(document) and (live or not self.flags) and not latest:
            if self.asked and self.options["wait"]:
                self.wait_until_reached(live["DeploymentNumber"])
            return self.result(document, live)
        if self.check_mode:
            self.changed = True
            return self.result(wanted, None)
        for deployment in under_way(deployments):
            self.wait_until_over(deployment)
            return None  # what it has deployed is what counts now
        self.deploy(self.version_of(wanted, *(latest or self.latest())), deployments, first=live is None)
        return None

    def deploy(self, version, deployments, first):
        strategy = "initial_deployment_strategy_id" if first else "deployment_strategy_id"
        key = self.options["kms_key_identifier"]
        request = {
            **self.environment,
            "ConfigurationProfileId": self.profile,
            "ConfigurationVersion": str(version),
            "DeploymentStrategyId": self.options[strategy],
            "Description": "Flags as declared",
            **({"KmsKeyIdentifier": key} if key else {}),
            **({"LatestDeploymentNumber": deployments[0]["DeploymentNumber"]} if deployments else {}),
        }
        self.asked = True
        answer = self.write("StartDeployment", request, f"deploy version {version} of the {self.title}")
        self.started = answer["DeploymentNumber"]

    # ---- What there is

    def deployments(self):
        """All deployments to the environment, the last one first."""
        if not self.known:
            return []
        answer = self.read("ListDeployments", self.environment, NOT_FOUND if self.check_mode else ())
        found = (answer or {}).get("Items", [])
        return sorted(found, key=lambda deployment: deployment["DeploymentNumber"], reverse=True)

    def mine(self, deployment):
        return deployment.get("ConfigurationProfileId") == self.profile

    def versions(self):
        """All versions of the profile, by their numbers."""
        answer = self.read("ListHostedConfigurationVersions", self.hosted) or {}
        return {version["VersionNumber"]: version for version in answer.get("Items", [])}

    def content(self, version):
        """The document of a version, None if it was deleted."""
        number = int(version) if str(version).isdigit() else self.labelled(version)
        request = {**self.hosted, "VersionNumber": number}
        answer = number and self.read("GetHostedConfigurationVersion", request, NOT_FOUND)
        if not answer:
            return None
        content = answer["Content"]
        return json.loads(content.read() if hasattr(content, "read") else content)

    def labelled(self, label):
        """The number of the version that operators have deployed by its label."""
        found = (number for number, version in self.versions().items() if version.get("VersionLabel") == label)
        return next(found, None)

    def latest(self):
        """The number of the last version, and its document; None where there is none."""
        number = max(self.versions(), default=None)
        return number, self.content(number) if number else None

    def version_of(self, wanted, latest, document):
        """The number of a version with what is wanted: the latest, which has that document, or a new one."""
        if document is not None and plain(document) == plain(wanted):
            return latest
        request = {
            **self.hosted,
            "Content": json.dumps(wanted).encode(),
            "ContentType": "application/json",
            "Description": "Flags as declared",
            # Refused where someone has made another one meanwhile.
            **({"LatestVersionNumber": latest} if latest is not None else {}),
        }
        doing = f"make a version of the {self.title}"
        return self.write("CreateHostedConfigurationVersion", request, doing)["VersionNumber"]

    # ---- Waiting

    def look(self, number):
        return self.read("GetDeployment", {**self.environment, "DeploymentNumber": number})

    def watched(self, number, minutes):
        """Looks at a deployment, for as long as it may take."""
        seconds = self.options["wait_timeout"] or 60 * minutes + SLACK
        return self.looks(lambda: self.look(number), seconds, pause=1.0, longest=self.poll)

    def wait_until_over(self, deployment):
        """Wait for the end of a deployment that stands in the way of ours."""
        number = deployment["DeploymentNumber"]
        minutes = deployment.get("DeploymentDurationInMinutes", 0) + deployment.get("FinalBakeTimeInMinutes", 0)
        for look in self.watched(number, minutes) if self.options["wait"] else ():
            deployment = look
            if deployment["State"] not in UNDER_WAY:
                return
        whose = "of these flags" if self.mine(deployment) else f"of {deployment.get('ConfigurationName')!r}"
        raise ResourceError(
            f"The {self.title} can't be deployed yet: deployment {number} {whose} to the environment is "
            f"{deployment['State']} at {deployment.get('PercentageComplete', 0):g} %. Run again when it is over, or "
            "stop it."
        )

    def wait_until_reached(self, number):
        """Wait until all clients can have what was deployed."""
        minutes = self.look(number).get("DeploymentDurationInMinutes", 0)
        for deployment in self.watched(number, minutes):
            if deployment["State"] in ("BAKING", "COMPLETE"):
                return
            if deployment["State"] in UNDONE:
                raise ResourceError(self.undone(deployment))
        raise ResourceError(
            f"Deployment {number} of the {self.title} is still {deployment['State']} at "
            f"{deployment.get('PercentageComplete', 0):g} %. It goes on by itself; look at it, or run again."
        )

    def undone(self, deployment):
        # AppConfig tells the last event first.
        events = [
            event["Description"] for event in reversed(deployment.get("EventLog", [])) if event.get("Description")
        ]
        return (
            f"Deployment {deployment['DeploymentNumber']} of the {self.title} is {deployment['State']}; clients have "
            f"what they had before. AppConfig says: {'; '.join(events) or 'nothing'}. Mend what the alarm tells of, or "
            "the flags, and run again."
        )

    # ---- What the user sees

    def failure(self, error, doing, operation, service=None):
        """With what AppConfig finds wrong in the document, which its message doesn't say."""
        failure = super().failure(error, doing, operation, service)
        details = ((getattr(error, "response", None) or {}).get("Details") or {}).get("InvalidConfiguration") or []
        told = "; ".join(f"{item.get('Location', '')} {item.get('Reason', '')}".strip() for item in details)
        return ResourceError(f"{failure} In the document: {told}.", error) if told else failure

    def result(self, document, live):
        shown = plain(document)
        result = {
            "changed": self.changed,
            "flags": shown["flags"],
            "flag_values": shown["values"],
            "configuration_version": live["ConfigurationVersion"] if live else None,
            "deployment_number": live["DeploymentNumber"] if live else None,
        }
        return self.with_difference(result, lambda: (self.before, shown))


def main():
    module = AnsibleAWSModule(
        argument_spec=argument_spec(DOCUMENTATION, {option: {"no_log": False} for option in NO_SECRETS}),
        supports_check_mode=True,
    )
    try:
        result = FeatureFlags(module).run()
    except ResourceError as error:
        module.fail_json(msg=str(error), **details_of(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
