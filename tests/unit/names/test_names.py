# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import botocore.session
import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.names import LIMITS, PATHS, resource_name, shorten


@pytest.mark.parametrize(
    ("thing", "kind", "name"),
    [
        ("flow-logs", "iam_role", "agent-platform-dev-flow-logs"),
        ("eks", "eks_cluster", "agent-platform-dev-eks"),
        ("nodes", "security_group", "agent-platform-dev-nodes"),
    ],
)
def test_a_name_that_fits_is_not_touched(thing, kind, name):
    assert resource_name(thing, "agent-platform-dev", kind) == name


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_every_kind_stays_within_its_limit(kind):
    limit = LIMITS[kind]
    exact, between = "t" * (limit - len("p-")), "/" if kind in PATHS else "-"

    assert resource_name(exact, "p", kind) == f"p{between}{exact}"
    assert len(resource_name(exact + "x", "p", kind)) == limit


def test_shortened_names_are_stable_and_tell_things_apart():
    long = "a-rather-long-name-of-a-service-account-of-the-platform-number-"

    first = resource_name(long + "1", "agent-platform-dev", "iam_role")

    # A change of this value would rename, and so replace, resources that exist.
    assert first == "agent-platform-dev-a-rather-long-name-of-a-service-accoun-937ede"
    assert first == resource_name(long + "1", "agent-platform-dev", "iam_role")
    assert first != resource_name(long + "2", "agent-platform-dev", "iam_role")


def test_no_doubled_separator_before_the_hash():
    assert shorten("agent-platform--x", 14) == "agent-p-" + shorten("agent-platform--x", 14)[-6:]
    assert "--" not in shorten("abc-----------------------------------", 16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("x", "p", "queue"),
            "no limit is known for names of kind 'queue'; known kinds: .*ec2_tag_name, .*eks_cluster",
        ),
        (("", "p", "iam_role"), "needs a thing and a prefix, got thing='' prefix='p'"),
        (("x", "", "iam_role"), "needs a thing and a prefix, got thing='x' prefix=''"),
        (("nodes", "sg-dev", "security_group"), "can't begin with sg-, got 'sg-dev-nodes'"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        resource_name(*arguments)


@pytest.mark.parametrize(
    ("kind", "service", "shape", "besides"),
    [
        ("eks_cluster", "eks", "ClusterName", 0),
        ("iam_policy", "iam", "policyNameType", 0),
        ("iam_role", "iam", "roleNameType", 0),
        ("kms_alias", "kms", "AliasNameType", len("alias/")),
        ("launch_template", "ec2", "LaunchTemplateName", 0),
        ("log_delivery", "logs", "DeliverySourceName", 0),
        ("log_group", "logs", "LogGroupName", 0),
        ("secret", "secretsmanager", "NameType", 0),
        ("web_acl", "wafv2", "EntityName", 0),
    ],
)
def test_limits_agree_with_the_service_models(kind, service, shape, besides):
    model = botocore.session.get_session().get_service_model(service)

    assert model.shape_for(shape).metadata["max"] - besides == LIMITS[kind]
