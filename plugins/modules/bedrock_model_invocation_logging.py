#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: bedrock_model_invocation_logging
version_added: 0.1.0
short_description: Manage the logging of model invocations of Amazon Bedrock
description:
  - Sets where Bedrock logs what models are asked and what they answer, and what of it.
  - An account has one such setting in a region, for all models and everyone who calls them, and it has no tags. So
    its destinations tell whose it is. It is ours if it delivers to a log group or bucket that O(cloud_watch_config),
    O(s3_config) or O(destinations) name.
  - One of someone else is never changed or removed. What is done about it, O(foreign) says.
  - Upstream has no module for it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  cloud_watch_config:
    description:
      - The log group that invocations are delivered to. V({}) delivers to none.
      - What is longer than 100 KB, or binary, CloudWatch Logs doesn't take. It is left out where no bucket is named for
        it.
    type: dict
    suboptions:
      log_group_name:
        description: Name of the log group.
        type: str
      role_arn:
        description:
          - ARN of the role with which Bedrock writes, trusted to C(bedrock.amazonaws.com). It takes
            C(logs:CreateLogStream) and C(logs:PutLogEvents) on the log stream C(aws/bedrock/modelinvocations).
        type: str
      large_data_delivery_s3_config:
        description: Where to what the log group doesn't take is delivered. V({}) leaves it out.
        type: dict
        suboptions: &bucket
          bucket_name:
            description: Name of the bucket, in the same region, whose policy lets C(bedrock.amazonaws.com) write.
            type: str
          key_prefix:
            description: What the keys of the objects begin with.
            type: str
  s3_config:
    description:
      - The bucket that invocations are delivered to. V({}) delivers to none.
    type: dict
    suboptions: *bucket
  text_data_delivery_enabled:
    description:
      - Whether texts are logged, among them prompts and answers.
    type: bool
  image_data_delivery_enabled:
    description:
      - Whether images are logged.
    type: bool
  embedding_data_delivery_enabled:
    description:
      - Whether embeddings are logged.
    type: bool
  video_data_delivery_enabled:
    description:
      - Whether videos are logged.
    type: bool
  audio_data_delivery_enabled:
    description:
      - Whether sounds are logged.
    type: bool
  destinations:
    description:
      - Names of further log groups and buckets that are ours, such as former destinations.
    type: list
    elements: str
    default: []
  foreign:
    description:
      - What is done with O(state=present) where someone else has set the logging. It is refused, or left alone with a
        warning. With O(state=absent) it is left alone in any case.
    type: str
    choices: [refuse, leave]
    default: refuse
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Log texts of all invocations to a log group
  agent_platform.aws.bedrock_model_invocation_logging:
    cloud_watch_config:
      log_group_name: /aws/bedrock/demo-dev/invocations
      role_arn: arn:aws:iam::123456789012:role/demo-dev-invocation-logs
      large_data_delivery_s3_config: {}
    s3_config: {}
    text_data_delivery_enabled: true
    image_data_delivery_enabled: false
    embedding_data_delivery_enabled: false
    video_data_delivery_enabled: false
    audio_data_delivery_enabled: false

- name: Log no more, if it was this that was logged to
  agent_platform.aws.bedrock_model_invocation_logging:
    destinations: [/aws/bedrock/demo-dev/invocations]
    state: absent
"""

RETURN = r"""
logging:
  description: The setting as Bedrock describes it, also one of someone else that was left alone; empty without any.
  returned: always
  type: dict
  contains:
    cloud_watch_config:
      description: The log group with the role.
      type: dict
    s3_config:
      description: The bucket.
      type: dict
    text_data_delivery_enabled:
      description: Whether texts are logged.
      type: bool
ours:
  description: Whether there is a setting that is ours.
  returned: always
  type: bool
"""

from ..module_utils.declarations import Create, Delete, Describe, Setting, Update
from ..module_utils.faults import ResourceError
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import camel, gather, listed, without_unset

LOG_GROUPS = ("cloudWatchConfig.logGroupName",)
BUCKETS = ("s3Config.bucketName", "cloudWatchConfig.largeDataDeliveryS3Config.bucketName")
SWITCHES = tuple(f"{kind}_data_delivery_enabled" for kind in ("text", "image", "embedding", "video", "audio"))


def destinations(description):
    """The names of the log groups and buckets that are delivered to."""
    return [name for path in (*LOG_GROUPS, *BUCKETS) for name in gather(description, path)]


def whole(value):
    """A destination with all of its parts: what is left out isn't wanted."""
    if not value:
        return {}
    large = {"large_data_delivery_s3_config": {}} if "log_group_name" in value else {"key_prefix": ""}
    value = {**large, **value}
    inner = value.get("large_data_delivery_s3_config")
    return {**value, "large_data_delivery_s3_config": whole(inner)} if inner else value


def same_destination(current, desired):
    return whole(current) == whole(desired)


def without_none(value):
    """A request without what is empty, and so isn't wanted."""
    if not isinstance(value, dict):
        return value
    inner = {name: without_none(item) for name, item in value.items()}
    return {name: item for name, item in inner.items() if item not in ("", {}, None)}


class Logging(Resource):
    service = "bedrock"
    kind = "Bedrock model invocation logging"
    title = kind
    result = "logging"
    describe = Describe("GetModelInvocationLoggingConfiguration", "loggingConfig")
    create = Create("PutModelInvocationLoggingConfiguration", tags=None)
    delete = Delete("DeleteModelInvocationLoggingConfiguration")
    settings = (
        *(
            Setting(
                option,
                f"loggingConfig.{member}",
                read=member,
                update="logging",
                absent={},
                given=without_unset,
                same=same_destination,
            )
            for option, member in (("cloud_watch_config", "cloudWatchConfig"), ("s3_config", "s3Config"))
        ),
        *(
            Setting(switch, f"loggingConfig.{member}", read=member, update="logging", absent=False)
            for switch, member in ((switch, next(iter(camel({switch: None})))) for switch in SWITCHES)
        ),
    )
    updates = {"logging": Update("PutModelInvocationLoggingConfiguration", whole=True)}
    # Bedrock tries the role, and what was made a moment ago isn't known everywhere.
    passing = {"ValidationException": ("Failed to validate permissions",)}
    hints = {
        "ValidationException": {
            "log group": "See that the log group is there, and that the role trusts bedrock.amazonaws.com and may "
            "write to its log stream aws/bedrock/modelinvocations.",
            "bucket": "See that the bucket is in this region and its policy lets bedrock.amazonaws.com write.",
        }
    }
    left_alone = False

    def find(self):
        found = super().find()
        return found if found and destinations(found) else None

    def foreign(self, current):
        """Whether someone else has set it."""
        named = camel({name: self.options[name] or {} for name in ("cloud_watch_config", "s3_config")})
        ours = {*destinations(named), *self.options["destinations"]}
        return current is not None and not ours & set(destinations(current))

    def run(self):
        result = super().run()
        return {**result, "ours": bool(result["logging"]) and not self.left_alone}

    def make_present(self, current):
        if not self.foreign(current):
            return super().make_present(current)
        told = f"{self.title} exists but isn't ours: it goes to {listed(destinations(current))}. Nothing was changed."
        if self.options["foreign"] == "refuse":
            raise ResourceError(f"{told} An account has one in a region: leave it to them, or have it removed.")
        self.left_alone = True
        self.module.warn(told)
        return current

    def make_all_absent(self, current):
        if not self.foreign(current):
            super().make_all_absent(current)

    def refuse(self, current, changes):
        wanted = self.logging_config(current or {})
        if not destinations(wanted):
            raise ResourceError(f"{self.title} needs a log group or a bucket to go to; state: absent ends it.")
        if "cloudWatchConfig" in wanted and not wanted["cloudWatchConfig"].get("roleArn"):
            raise ResourceError(f"{self.title} needs the role_arn of its cloud_watch_config.")

    def logging_config(self, current):
        """The setting as it shall be: Bedrock drops what isn't sent."""
        declared = {name: self.options[name] for name in ("cloud_watch_config", "s3_config", *SWITCHES)}
        return without_none({**current, **camel(without_unset(declared))})

    def create_request(self):
        return {"loggingConfig": self.logging_config({})}

    def update_request(self, name, changes, current):
        return {"loggingConfig": self.logging_config(current)}


def main():
    prefixes = ("cloud_watch_config.large_data_delivery_s3_config.key_prefix", "s3_config.key_prefix")
    run_module(Logging, DOCUMENTATION, {path: {"no_log": False} for path in prefixes})


if __name__ == "__main__":
    main()
