# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: endpoint_policy
short_description: The policy of a VPC endpoint that lets nothing through but what is ours
version_added: 0.1.0
description:
  - Who belongs to the account, or to its organisation, may reach what belongs to it. AWS's services may, too, and of
    what AWS owns whatever the nodes, pods and machines of a platform take, service by service.
  - It is a perimeter and no permission. What a role may do is said by its own policies, so all actions are let through
    and the conditions decide, as AWS documents it.
positional: _input, perimeter
options:
  _input:
    description: The service, as the part of its name that follows V(com.amazonaws.<region>.).
    type: str
    required: true
  perimeter:
    description:
      - C(partition), C(region) and C(account_id); C(organization_id), empty where the account alone counts;
        C(accounts), others whose resources may be reached; C(buckets) of Amazon S3 that may be read, whosever they are;
        and further C(statements) by service.
    type: dict
    required: true
author:
  - Contributors to the agent_platform.aws project (@agent-platform-aws)
"""

EXAMPLES = r"""
- name: Show what an endpoint of S3 lets through
  ansible.builtin.debug:
    msg: >-
      {{ 's3' | agent_platform.aws.endpoint_policy({'partition': 'aws', 'region': 'us-west-2',
           'account_id': '123456789012', 'organization_id': '', 'accounts': [], 'buckets': [], 'statements': {}}) }}
"""

RETURN = r"""
_value:
  description: The policy.
  type: dict
"""

# Where EKS keeps the images of its add-ons and of what nodes start with, by region; elsewhere it is the first one.
# https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html
EKS_REGISTRY = "602401143452"
EKS_REGISTRIES = {
    "af-south-1": "877085696533",
    "ap-east-1": "800184023465",
    "ap-east-2": "533267051163",
    "ap-south-2": "900889452093",
    "ap-southeast-3": "296578399912",
    "ap-southeast-4": "491585149902",
    "ap-southeast-5": "151610086707",
    "ap-southeast-6": "333609536671",
    "ap-southeast-7": "121268973566",
    "ca-west-1": "761377655185",
    "cn-north-1": "918309763551",
    "cn-northwest-1": "961992271922",
    "eu-central-2": "900612956339",
    "eu-south-1": "590381155156",
    "eu-south-2": "455263428931",
    "il-central-1": "066635153087",
    "me-central-1": "759879836304",
    "me-south-1": "558608220178",
    "mx-central-1": "730335286997",
    "us-gov-east-1": "151742754352",
    "us-gov-west-1": "013241004608",
}
# Buckets of AWS: layers of images in ECR, which come by addresses that ECR has signed; packages of Amazon Linux 2023;
# what the agents of Systems Manager and CloudWatch fetch, and the plugin for sessions, unsigned.
AWS_BUCKETS = (
    "prod-{region}-starport-layer-bucket",
    "al2023-repos-{region}-de612dc2",
    "aws-ssm-{region}",
    "amazon-ssm-{region}",
    "amazon-ssm-packages-{region}",
    "{region}-birdwatcher-prod",
    "aws-ssm-distributor-file-{region}",
    "aws-ssm-document-attachments-{region}",
    "patch-baseline-snapshot-{region}",
    "amazoncloudwatch-agent-{region}",
    "amazoncloudwatch-agent",
    "session-manager-downloads",
)
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
# Of whom a resource is isn't told of these channels: who belongs to the account opens them in it.
WITHOUT_RESOURCE = ("ec2messages", "ssmmessages")


def _pull_from_eks(perimeter, ours):
    registry = EKS_REGISTRIES.get(perimeter["region"], EKS_REGISTRY)
    arn = f"arn:{perimeter['partition']}:ecr:{perimeter['region']}:{registry}:repository/*"
    yield _statement("ImagesOfEks", PULL, [arn], ours)


def _buckets(perimeter, _ours):
    names = [name.format(**perimeter) for name in AWS_BUCKETS]
    begin = f"arn:{perimeter['partition']}:s3:::"
    # Nobody's name is on these requests.
    yield _statement("BucketsOfAws", ["s3:GetObject"], [f"{begin}{name}/*" for name in names])
    others = perimeter["buckets"]
    if others:
        arns = [f"{begin}{name}{end}" for name in others for end in ("", "/*")]
        yield _statement("FurtherBuckets", ["s3:GetObject", "s3:ListBucket"], arns)


def _web_identity(perimeter, _ours):
    # A pod has no identity of AWS yet when it asks for that of its role.
    arn = f"arn:{perimeter['partition']}:iam::{perimeter['account_id']}:role/*"
    yield _statement("RolesOfPods", ["sts:AssumeRoleWithWebIdentity"], [arn])


def _public_of_systems_manager(perimeter, ours):
    begin, region = f"arn:{perimeter['partition']}:ssm", perimeter["region"]
    actions = ["ssm:CreateAssociation", "ssm:Describe*", "ssm:Get*", "ssm:List*", "ssm:SendCommand", "ssm:StartSession"]
    public = [
        f"{begin}:{region}::parameter/aws/*",
        f"{begin}:{region}::document/*",
        f"{begin}:*::automation-definition/*",
    ]
    yield _statement("OfSystemsManagerItself", actions, public, ours)


def _public_of_ec2(perimeter, ours):
    begin = f"arn:{perimeter['partition']}:ec2"
    images = [f"{begin}:*::image/*", f"{begin}:*::snapshot/*", f"{begin}:*:aws:prefix-list/*"]
    use = ["ec2:CreateFleet", "ec2:CreateTags", "ec2:GetManagedPrefixListEntries", "ec2:RunInstances"]
    yield _statement("ImagesOfAws", use, images, ours)
    # Of these AWS doesn't tell whose the resource is.
    account = f"{begin}:*:{perimeter['account_id']}"
    volumes = [f"{account}:volume/*", f"{begin}:*::snapshot/*", f"{account}:snapshot/*"]
    yield _statement("Volumes", ["ec2:CopySnapshot", "ec2:CreateVolume"], volumes, ours)


def _models(perimeter, ours):
    actions = ["bedrock:CountTokens", "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    models = [f"arn:{perimeter['partition']}:bedrock:*::foundation-model/*"]
    yield _statement("ModelsOfBedrock", actions, models, ours)


# What AWS owns of a service and a platform needs.
EXCEPTIONS = {
    "bedrock-runtime": _models,
    "ec2": _public_of_ec2,
    "ecr.api": _pull_from_eks,
    "ecr.dkr": _pull_from_eks,
    "s3": _buckets,
    "ssm": _public_of_systems_manager,
    "sts": _web_identity,
}


def _statement(sid, action, resource, equals=None, **condition):
    conditions = {**({"StringEquals": equals} if equals else {}), **condition}
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        **({"Condition": conditions} if conditions else {}),
    }


def endpoint_policy(service, perimeter):
    organization, account = perimeter["organization_id"], perimeter["account_id"]
    of = {"aws:PrincipalOrgID": organization} if organization else {"aws:PrincipalAccount": account}
    owned = {"aws:ResourceOrgID": organization} if organization else {"aws:ResourceAccount": account}
    statements = [
        _statement("OursToOurs", "*", "*", of if service in WITHOUT_RESOURCE else {**of, **owned}),
        _statement("ServicesOfAws", "*", "*", Bool={"aws:PrincipalIsAWSService": "true"}),
    ]
    if perimeter["accounts"] and service not in WITHOUT_RESOURCE:
        others = {**of, "aws:ResourceAccount": list(perimeter["accounts"])}
        statements.append(_statement("OursToFurtherAccounts", "*", "*", others))
    if service in EXCEPTIONS:
        statements += EXCEPTIONS[service](perimeter, of)
    return {"Version": "2012-10-17", "Statement": [*statements, *perimeter["statements"].get(service, [])]}


class FilterModule:
    def filters(self):
        return {"endpoint_policy": endpoint_policy}
