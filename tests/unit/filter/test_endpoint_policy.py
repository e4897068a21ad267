# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a VPC endpoint lets through: ours, AWS's services, and of what AWS owns whatever a platform takes."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from ansible_collections.agent_platform.aws.plugins.filter.endpoint_policy import (
    AWS_BUCKETS,
    EXCEPTIONS,
    WITHOUT_RESOURCE,
    endpoint_policy,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.limits import LIMITS
from tests.support.components import ROLES

ACCOUNT = "123456789012"
PERIMETER = {
    "partition": "aws",
    "region": "us-west-2",
    "account_id": ACCOUNT,
    "organization_id": "",
    "accounts": [],
    "buckets": [],
    "statements": {},
}
DEFAULTS = yaml.safe_load((ROLES / "network/defaults/main.yml").read_text())
SERVICES = [
    *DEFAULTS["network_gateway_endpoints"],
    *DEFAULTS["network_interface_endpoints"],
    "ec2",
    "kms",
    "ec2messages",
]
# Whose the resource is doesn't matter here, because of what it is.
OPEN_ARNS = {
    "BucketsOfAws": r"arn:aws:s3:::[a-z0-9-]+/\*",
    "ImagesOfAws": r"arn:aws:ec2:\*:(:(image|snapshot)|aws:prefix-list)/\*",
    "ImagesOfEks": r"arn:aws:ecr:us-west-2:602401143452:repository/\*",
    "ModelsOfBedrock": r"arn:aws:bedrock:\*::foundation-model/\*",
    "OfSystemsManagerItself": r"arn:aws:ssm:(us-west-2|\*)::(parameter/aws|document|automation-definition)/\*",
    "RolesOfPods": rf"arn:aws:iam::{ACCOUNT}:role/\*",
    "Volumes": rf"arn:aws:ec2:\*:({ACCOUNT}:(volume|snapshot)|:snapshot)/\*",
}


def statements(service, **change):
    policy = endpoint_policy(service, {**PERIMETER, **change})
    assert policy["Version"] == "2012-10-17"
    found = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert len(found) == len(policy["Statement"])
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_let_through_without_a_limit(service):
    for sid, statement in statements(service).items():
        equals = statement.get("Condition", {}).get("StringEquals", {})
        if statement["Resource"] != "*":
            assert "*" not in statement["Action"]
            assert all(re.fullmatch(OPEN_ARNS[sid], arn) for arn in statement["Resource"]), sid
        elif sid == "ServicesOfAws":
            assert statement["Condition"] == {"Bool": {"aws:PrincipalIsAWSService": "true"}}
        else:
            assert equals["aws:PrincipalAccount"] == ACCOUNT
            assert (equals.get("aws:ResourceAccount") == ACCOUNT) == (service not in WITHOUT_RESOURCE)


@pytest.mark.parametrize("service", SERVICES)
def test_the_organisation_in_place_of_the_account(service):
    equals = statements(service, organization_id="o-a1b2c3d4e5")["OursToOurs"]["Condition"]["StringEquals"]
    assert equals.pop("aws:PrincipalOrgID") == "o-a1b2c3d4e5"
    assert equals == ({} if service in WITHOUT_RESOURCE else {"aws:ResourceOrgID": "o-a1b2c3d4e5"})


def test_only_unsigned_requests_are_anybodys():
    """Layers come by an address that ECR has signed, packages by none, and pods have no identity yet."""
    anybodys = {sid for service in EXCEPTIONS for sid, one in statements(service).items() if "Condition" not in one}
    assert anybodys == {"BucketsOfAws", "RolesOfPods"}
    assert statements("s3")["BucketsOfAws"]["Action"] == ["s3:GetObject"]
    assert statements("sts")["RolesOfPods"]["Action"] == ["sts:AssumeRoleWithWebIdentity"]


def test_layers_and_packages_of_the_region():
    arns = statements("s3", region="eu-central-1", partition="aws")["BucketsOfAws"]["Resource"]
    assert "arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*" in arns
    assert "arn:aws:s3:::al2023-repos-eu-central-1-de612dc2/*" in arns
    assert len(arns) == len(AWS_BUCKETS)


@pytest.mark.parametrize(
    ("region", "registry"),
    [("us-west-2", "602401143452"), ("eu-central-2", "900612956339"), ("zz-new-1", "602401143452")],
)
@pytest.mark.parametrize("service", ["ecr.api", "ecr.dkr"])
def test_images_of_eks(service, region, registry):
    statement = statements(service, region=region)["ImagesOfEks"]
    assert statement["Resource"] == [f"arn:aws:ecr:{region}:{registry}:repository/*"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}


def test_volumes_whose_account_is_not_told():
    """The EBS driver makes them through the endpoint, and CreateVolume has no aws:ResourceAccount."""
    statement = statements("ec2")["Volumes"]
    assert "ec2:CreateVolume" in statement["Action"]
    assert f"arn:aws:ec2:*:{ACCOUNT}:volume/*" in statement["Resource"]


def test_further_accounts_buckets_and_statements():
    more = {
        "Sid": "Mine",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::a/*",
    }
    found = statements(
        "s3",
        accounts=["210987654321"],
        buckets=["prod-registry-k8s-io-us-west-2"],
        statements={"s3": [more], "sts": []},
    )
    assert found["Mine"] == more
    assert found["OursToFurtherAccounts"]["Condition"]["StringEquals"] == {
        "aws:PrincipalAccount": ACCOUNT,
        "aws:ResourceAccount": ["210987654321"],
    }
    assert found["FurtherBuckets"]["Resource"] == [
        f"arn:aws:s3:::prod-registry-k8s-io-us-west-2{end}" for end in ("", "/*")
    ]
    assert "s3:PutObject" not in found["FurtherBuckets"]["Action"]


@pytest.mark.parametrize("service", SERVICES)
def test_it_is_far_from_too_long(service):
    accounts = [f"{number:012}" for number in range(100)]
    text = json.dumps(endpoint_policy(service, {**PERIMETER, "accounts": accounts}))
    assert len(text) < LIMITS["ec2_vpc_endpoint"]["policy"].longest / 2
