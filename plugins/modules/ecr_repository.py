#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecr_repository
version_added: 0.1.0
short_description: Manage a private ECR repository
description:
  - Creates, changes and deletes a private repository of images with its scan on push, the immutability of its tags, its
    lifecycle policy, its repository policy and its tags.
  - It replaces M(community.aws.ecs_ecr), which in release 11.2.0 has no tags and no exclusions from immutability, and
    changes a repository of that name whoever made it.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the repository. It is needed, here or in each entry of O(aggregate).
      - It has 2 to 256 characters. Parts between slashes are lower-case letters and digits, with C(.),
        C(_), C(__) and C(-) between them.
    type: str
  image_tag_mutability:
    description:
      - Whether a tag can be moved to another image. With V(IMMUTABLE_WITH_EXCLUSION) the tags that
        O(image_tag_mutability_exclusion_filters) picks out can, with V(MUTABLE_WITH_EXCLUSION) only these can't.
    type: str
    choices: [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]
  image_tag_mutability_exclusion_filters:
    description:
      - The tags that are excluded, 1 to 5 filters. Only for the two values of O(image_tag_mutability) that have
        exclusions.
    type: list
    elements: dict
    suboptions:
      filter_type:
        description:
          - How the filter is read.
        type: str
        choices: [WILDCARD]
        default: WILDCARD
      filter:
        description:
          - 1 to 128 letters, digits and characters of C(._-), with up to two C(*) that stand for anything.
        type: str
        required: true
  scan_on_push:
    description:
      - Whether an image is scanned for known vulnerabilities when it is pushed.
      - Once the account's registry has a scanning configuration of its own, that decides, and AWS doesn't go by this
        setting any more.
    type: bool
  encryption_type:
    description:
      - How images are encrypted. It can't be changed later. AWS takes V(AES256) for a new repository if it isn't set.
    type: str
    choices: [AES256, KMS, KMS_DSSE]
  kms_key:
    description:
      - ARN or ID of the KMS key that encrypts images, with O(encryption_type) V(KMS) or V(KMS_DSSE). It can't be
        changed later.
      - The identity of the run needs C(kms:CreateGrant), C(kms:DescribeKey) and C(kms:RetireGrant) on the key. ECR
        works with two grants that it makes for the repository and retires with it.
    type: str
  lifecycle_policy:
    description:
      - Which images ECR deletes or archives by itself. An empty one removes the policy.
      - Rules are compared by what they say, in the order of their priorities.
    type: json
  repository_policy:
    description:
      - Who may use the repository besides those whom IAM policies of the account let. An empty one removes the policy.
    type: json
  force_delete:
    description:
      - Whether O(state=absent) also deletes a repository that holds images, and the images with it. Without it ECR
        refuses.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.resource
  - agent_platform.aws.resource.aggregate
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a repository whose tags don't move, but for those of branches
  agent_platform.aws.ecr_repository:
    name: demo/api
    image_tag_mutability: IMMUTABLE_WITH_EXCLUSION
    image_tag_mutability_exclusion_filters:
      - filter: branch-*
    scan_on_push: true
    encryption_type: KMS
    kms_key: arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab
    lifecycle_policy:
      rules:
        - rulePriority: 1
          selection:
            tagStatus: untagged
            countType: sinceImagePushed
            countUnit: days
            countNumber: 14
          action:
            type: expire
    tags:
      Project: demo

- name: Make two of the same kind
  agent_platform.aws.ecr_repository:
    aggregate:
      - name: demo/api
      - name: demo/worker
    image_tag_mutability: IMMUTABLE

- name: Remove a repository with all images in it
  agent_platform.aws.ecr_repository:
    name: demo/api
    state: absent
    force_delete: true
"""

RETURN = r"""
repository:
  description: The repository as ECR describes it; empty when it is absent.
  returned: when O(aggregate) is not given
  type: dict
  contains:
    encryption_configuration:
      description: How images are encrypted, and with which key.
      type: dict
    image_tag_mutability:
      description: Whether a tag can be moved to another image.
      type: str
    lifecycle_policy_text:
      description: The lifecycle policy, if it was declared.
      type: str
    repository_arn:
      description: ARN of the repository. Not known in check mode before it exists.
      type: str
      sample: arn:aws:ecr:us-west-2:123456789012:repository/demo/api
    repository_uri:
      description: Where images are pushed to and pulled from. Not known in check mode before it exists.
      type: str
      sample: 123456789012.dkr.ecr.us-west-2.amazonaws.com/demo/api
    tags:
      description: Tags of the repository.
      type: dict
results:
  description: What would be returned for each of O(aggregate), in its order, with the entry as C(item).
  returned: when O(aggregate) is given
  type: list
  elements: dict
"""

from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.faults import ResourceError
from ..module_utils.policies import policy
from ..module_utils.resource import Resource, run_module
from ..module_utils.values import same_key

MISSING = ("RepositoryNotFoundException",)
MUTABILITY = "image_tag_mutability"
WITH_EXCLUSION = "_WITH_EXCLUSION"
FILTERS = "imageTagMutabilityExclusionFilters"
# What a rule is about if it doesn't say so.
SELECTION = {"storageClass": "standard"}


def rules_of(document):
    """The rules of a lifecycle policy in the order in which they are applied, with what they leave out."""
    rules = (document or {}).get("rules") or []
    return sorted(
        (
            {
                **{key: value for key, value in rule.items() if value not in (None, "")},
                "selection": {
                    **SELECTION,
                    **{
                        key: sorted(value) if isinstance(value, list) else value
                        for key, value in (rule.get("selection") or {}).items()
                        if value not in (None, [])
                    },
                },
            }
            for rule in rules
        ),
        key=lambda rule: rule.get("rulePriority", 0),
    )


def same_lifecycle(current, desired):
    return rules_of(current) == rules_of(desired)


class Repository(Resource):
    service = "ecr"
    kind = "ECR repository"
    result = "repository"
    names = {"repositoryName": "name"}
    describe = Describe("DescribeRepositories", "repositories", missing=MISSING, many=True)
    identifier = "repositoryArn"
    create = Create("CreateRepository", exists=("RepositoryAlreadyExistsException",))
    delete = Delete("DeleteRepository", missing=MISSING)
    settings = (
        Setting(MUTABILITY, "imageTagMutability", update="mutability", absent="MUTABLE"),
        Setting(
            "image_tag_mutability_exclusion_filters",
            FILTERS,
            update="mutability",
            unordered=True,
            absent=[],
        ),
        Setting("scan_on_push", "imageScanningConfiguration.scanOnPush", update="scanning", absent=False),
        Setting("encryption_type", "encryptionConfiguration.encryptionType", absent="AES256"),
        Setting("kms_key", "encryptionConfiguration.kmsKey", absent="", same=same_key),
        policy(
            "lifecycle_policy",
            None,
            read="lifecyclePolicyText",
            update="lifecycle",
            update_members=("lifecyclePolicyText",),
            same=same_lifecycle,
        ),
        policy("repository_policy", None, read="policyText", update="policy", update_members=("policyText",)),
    )
    updates = {
        "mutability": Update("PutImageTagMutability", whole=True),
        "scanning": Update("PutImageScanningConfiguration"),
        "lifecycle": Update("PutLifecyclePolicy", clear="DeleteLifecyclePolicy"),
        "policy": Update("SetRepositoryPolicy", clear="DeleteRepositoryPolicy"),
    }
    additions = (
        Addition("ListTagsForResource", "tags", "tags", by={"resourceArn": "repositoryArn"}, missing=MISSING, empty=[]),
        Addition(
            "GetLifecyclePolicy",
            "lifecyclePolicyText",
            "lifecyclePolicyText",
            missing=(*MISSING, "LifecyclePolicyNotFoundException"),
            option="lifecycle_policy",
        ),
        Addition(
            "GetRepositoryPolicy",
            "policyText",
            "policyText",
            missing=(*MISSING, "RepositoryPolicyNotFoundException"),
            option="repository_policy",
        ),
    )
    unmanaged = {
        **dict.fromkeys(
            (
                "CreateRepository.registryId",
                "PutImageScanningConfiguration.registryId",
                "PutImageTagMutability.registryId",
                "PutLifecyclePolicy.registryId",
                "SetRepositoryPolicy.registryId",
            ),
            "the account's own registry",
        ),
        "SetRepositoryPolicy.force": "ECR's check against a policy that its author couldn't change again stays on",
        **dict.fromkeys(
            ("BatchDeleteImage", "InitiateLayerUpload", "StartImageScan", "UpdateImageStorageClass"),
            "images are the content of the repository",
        ),
        "StartLifecyclePolicyPreview": "it changes nothing",
    }
    tagging = Tagging("TagResource", "UntagResource", by={"resourceArn": "repositoryArn"}, style="list")
    # A repository that was made a moment ago isn't known everywhere yet, nor is a role that its policy names.
    passing = {
        "RepositoryNotFoundException": ("",),
        "InvalidParameterException": ("principal",),
    }
    hints = {
        "RepositoryNotEmptyException": {
            "": "To delete the images with it, give force_delete: true, or delete them first, and run again."
        },
        "KmsException": {
            "": "Allow kms:CreateGrant, kms:DescribeKey and kms:RetireGrant on the key for the identity of this run,"
            " and see that the key is enabled."
        },
    }

    def run(self):
        problem = self.problem() if self.options["state"] == "present" else None
        if problem:
            raise ResourceError(f"{self.title}: {problem}")
        return super().run()

    def problem(self):
        """What is wrong with the options together."""
        filters, mutability = self.options["image_tag_mutability_exclusion_filters"], self.options[MUTABILITY]
        excluding = (mutability or "").endswith(WITH_EXCLUSION)
        if filters and not excluding:
            return (
                f"image_tag_mutability_exclusion_filters are given, and image_tag_mutability is {mutability or 'not'}; "
                "give IMMUTABLE_WITH_EXCLUSION or MUTABLE_WITH_EXCLUSION, or no filters."
            )
        if excluding and not filters:
            return (
                f"image_tag_mutability is {mutability}, which takes 1 to 5 image_tag_mutability_exclusion_filters; "
                "give them, or leave the exclusion out."
            )
        return None

    def describe_request(self):
        return {"repositoryNames": [self.options["name"]]}

    def update_request(self, name, changes, current):
        request = super().update_request(name, changes, current)
        if not request.get(FILTERS):
            request.pop(FILTERS, None)
        return request

    def delete_request(self, current):
        return {**super().delete_request(current), **({"force": True} if self.options["force_delete"] else {})}


def main():
    refined = {"kms_key": {"no_log": False}}
    run_module(Repository, DOCUMENTATION, refined, required_by={"kms_key": "encryption_type"})


if __name__ == "__main__":
    main()
