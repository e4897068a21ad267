# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the models that the platform offers."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.bedrock_models import bedrock_models
from ansible_collections.agent_platform.aws.plugins.filter.bedrock_profile import bedrock_profile
from ansible_collections.agent_platform.aws.plugins.lookup.inventory_faults import SHARED_ROLE
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.models import model_faults
from tests.support.components import shared

from .declared import values

NOVA = {"name": "nova-lite", "id": "us.amazon.nova-lite-v1:0", "kind": "chat"}
TITAN = {"name": "titan", "id": "amazon.titan-embed-text-v2:0", "kind": "embedding"}
NEITHER = "is not the id of a Bedrock model or of an inference profile"


def lines(*models, region="us-west-2"):
    return [str(item) for item in model_faults(values(SHARED_ROLE, platform_models=models), region)]


def test_the_defaults_have_no_fault():
    models = shared()["platform_models"]
    assert {model["kind"] for model in models} == {"chat", "embedding"}
    assert lines(*models) == []


@pytest.mark.parametrize(
    "own",
    [
        "amazon.titan-embed-text-v2:0",
        "zai.glm-4.7",
        "anthropic.claude-3-sonnet-20240229-v1:0:200k",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "global.anthropic.claude-opus-4-5-20251101-v1:0",
    ],
)
def test_ids_as_bedrock_has_them(own):
    assert lines({**NOVA, "id": own}) == []


@pytest.mark.parametrize(
    "own",
    [
        "claude",
        "us.claude",
        "amazon.",
        "Amazon.nova-lite-v1:0",
        "amazon.nova*",
        "us..amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0",
        f"us.amazon.{'a' * 60}",
        f"amazon.{'a' * 63}.{'b' * 63}:{'c' * 63}",
    ],
)
def test_what_is_no_id(own):
    (line,) = lines({**NOVA, "id": own})
    assert line.startswith("platform_models[0].id: ")
    assert NEITHER in line


@pytest.mark.parametrize("name", ["", "-a", "a*", "a b", "a" * 129])
def test_names(name):
    (line,) = lines({**NOVA, "name": name})
    assert line.startswith(f"platform_models[0].name: {name[:90]!r}"[:100])
    assert "is not a model's name" in line


def test_limits_are_counts():
    assert lines({**NOVA, "rpm": 1, "tpm": 40000, "max_parallel_requests": 8}) == []
    assert lines({**NOVA, "rpm": 0, "tpm": -1}) == [
        "platform_models[0].rpm: 0 is not 1 or more",
        "platform_models[0].tpm: -1 is not 1 or more",
    ]


def test_each_is_there_once():
    assert lines(NOVA, TITAN) == []
    assert lines(NOVA, {**NOVA, "id": "us.amazon.nova-pro-v1:0"}) == [
        "platform_models[].name: 'nova-lite' occurs more than once"
    ]
    assert lines(NOVA, {**NOVA, "name": "other"}) == [
        "platform_models[].id: 'us.amazon.nova-lite-v1:0' occurs more than once"
    ]


@pytest.mark.parametrize(
    ("area", "regions"),
    [
        ("us", ["us-east-1", "us-west-2", "ca-central-1"]),
        ("us-gov", ["us-gov-west-1"]),
        ("eu", ["eu-central-1", "eu-north-1"]),
        ("apac", ["ap-northeast-1", "ap-southeast-2"]),
        ("jp", ["ap-northeast-1", "ap-northeast-3"]),
        ("au", ["ap-southeast-2"]),
        ("global", ["us-west-2", "eu-central-1", "ap-northeast-1", "sa-east-1"]),
    ],
)
def test_a_profile_is_of_the_regions_geography(area, regions):
    own = f"{area}.amazon.nova-lite-v1:0"
    known = ["us-east-1", "us-west-2", "us-gov-west-1", "ca-central-1", "sa-east-1", "eu-central-1", "eu-north-1"]
    known += ["ap-northeast-1", "ap-northeast-3", "ap-southeast-2", "cn-north-1"]
    for region in known:
        found = lines({**NOVA, "id": own}, region=region)
        told = f"is an inference profile that can't be called in platform_region {region}: name "
        if region in regions:
            assert found == []
        elif found:
            assert told in found[0]
        else:
            assert area in ("apac", "global"), region
    # A model itself has no geography.
    assert lines(TITAN, region="cn-north-1") == []


def test_the_remedy_names_what_fits():
    (line,) = lines(NOVA, region="eu-central-1")
    assert line == (
        "platform_models[0].id: 'us.amazon.nova-lite-v1:0' is an inference profile that can't be called in"
        " platform_region eu-central-1: name one that begins with eu. or global."
    )
    (line,) = lines(NOVA, region="cn-north-1")
    assert line.endswith("platform_region cn-north-1: name a model instead")


def test_what_iam_must_know_of_them():
    profile = {**NOVA, "id": "global.amazon.nova-lite-v1:0"}
    assert bedrock_models([NOVA, TITAN, profile]) == {
        "foundation_models": ["amazon.titan-embed-text-v2:0"],
        "inference_profiles": ["us.amazon.nova-lite-v1:0", "global.amazon.nova-lite-v1:0"],
        "profile_models": ["amazon.nova-lite-v1:0"],
    }
    assert bedrock_models([]) == {"foundation_models": [], "inference_profiles": [], "profile_models": []}


@pytest.mark.parametrize(
    ("region", "geographies", "profile"),
    [
        ("us-west-2", ["us", "eu", "apac"], "us."),
        ("ca-central-1", ["us", "eu"], "us."),
        ("eu-west-1", ["us", "eu", "apac"], "eu."),
        ("ap-northeast-1", ["us", "jp", "au", "global"], "jp."),
        ("ap-northeast-1", ["us", "eu", "apac"], "apac."),
        ("ap-southeast-2", ["us", "jp", "au", "global"], "au."),
        ("sa-east-1", ["us", "jp", "au", "global"], "global."),
        # What Bedrock offers there is told by a run.
        ("sa-east-1", ["us", "eu", "apac"], ""),
        ("us-gov-west-1", ["us", "eu", "global"], ""),
    ],
)
def test_a_profile_that_fits_the_region(region, geographies, profile):
    found = bedrock_profile("amazon.nova-lite-v1:0", region, geographies)
    assert found == f"{profile}amazon.nova-lite-v1:0"
    assert lines({**NOVA, "id": found}, region=region) == []


def test_an_unknown_geography_is_an_error():
    with pytest.raises(AnsibleFilterError, match="there is no geography 'asia', there are apac, au"):
        bedrock_profile("amazon.nova-lite-v1:0", "us-west-2", ["asia"])
