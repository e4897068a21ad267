# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Domain of a Cognito user pool: prefix and custom, waited for, replaced, and never that of another pool."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.values import PLACEHOLDER
from ansible_collections.agent_platform.aws.plugins.modules.cognito_idp_user_pool_domain import Domain
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

POOL = "us-west-2_aBcDeFgHi"
PREFIX = "demo-dev-1a2b3c4d"
CUSTOM = "auth.example.com"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
RENEWED = "arn:aws:acm:us-east-1:123456789012:certificate/2"
PARAMS = {
    "user_pool_id": POOL,
    "domain": PREFIX,
    "certificate_arn": None,
    "security_policy": None,
    "managed_login_version": None,
    "replace": False,
}
OURS = {"domain": CUSTOM, "certificate_arn": CERTIFICATE}
NAMED = {"UserPoolId": POOL, "Domain": PREFIX}
ABSENT = {"state": "absent"}


def seen(domain=PREFIX, status="ACTIVE", version=1, pool=POOL, **custom):
    """A look at a domain that there is. custom: its certificate and policy."""
    answer = {
        "UserPoolId": pool,
        "AWSAccountId": "123456789012",
        "Domain": domain,
        "CloudFrontDistribution": "d1.cloudfront.net" if custom else "",
        "Status": status,
        "ManagedLoginVersion": version,
        "CustomDomainConfig": custom,
    }
    return Step("DescribeUserPoolDomain", {"DomainDescription": answer}, {"Domain": domain})


def none(domain=PREFIX):
    return Step("DescribeUserPoolDomain", {"DomainDescription": {}}, {"Domain": domain})


def pool(**domains):
    return Step("DescribeUserPool", {"UserPool": {"Id": POOL, **domains}}, {"UserPoolId": POOL})


def run(params, *steps, **kwargs):
    return run_resource(Domain, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps, **kwargs):
    return refuse_resource(Domain, {**PARAMS, **params}, *steps, **kwargs)


def custom(**changed):
    return seen(CUSTOM, **{"CertificateArn": CERTIFICATE, **changed})


# ---- Making one


def test_a_prefix_is_made():
    result, _aws, _module = run(
        {"managed_login_version": 2},
        none(),
        pool(),
        Step("CreateUserPoolDomain", {}, {**NAMED, "ManagedLoginVersion": 2}),
        seen(version=2),
    )
    assert result["changed"] is True
    assert result["user_pool_domain"]["domain"] == PREFIX


def test_a_custom_domain_is_made_and_waited_for():
    config = {"CertificateArn": CERTIFICATE, "SecurityPolicy": "TLS_V1_2_2021"}
    result, _aws, _module = run(
        {**OURS, "security_policy": "TLS_V1_2_2021"},
        none(CUSTOM),
        pool(Domain=PREFIX),
        Step(
            "CreateUserPoolDomain",
            {"CloudFrontDomain": "d1.cloudfront.net"},
            {"UserPoolId": POOL, "Domain": CUSTOM, "CustomDomainConfig": config},
        ),
        *(seen(CUSTOM, "CREATING", **config) for _look in range(3)),
        seen(CUSTOM, **config),
    )
    assert result["user_pool_domain"]["cloud_front_distribution"] == "d1.cloudfront.net"


def test_it_takes_up_to_an_hour():
    assert Domain.timeout == 3600
    text = refuse({**OURS, "wait_timeout": 60}, *endless(seen(CUSTOM, "CREATING", CertificateArn=CERTIFICATE)))
    assert "is still CREATING after 60 s" in text


def test_without_wait_nothing_is_waited_for():
    result, _aws, _module = run({**OURS, "wait": False}, seen(CUSTOM, "CREATING", CertificateArn=CERTIFICATE))
    assert result["user_pool_domain"]["status"] == "CREATING"


def test_a_failed_one_is_told_of():
    text = refuse(OURS, seen(CUSTOM, "FAILED", CertificateArn=CERTIFICATE))
    assert "is FAILED. See that the certificate is issued, in us-east-1" in text


def test_there_is_nothing_to_do_for_one_as_declared():
    result, _aws, _module = run({"managed_login_version": 1}, seen())
    assert result["changed"] is False
    result, _aws, _module = run({**OURS, "security_policy": "TLS_V1"}, custom())
    assert result["changed"] is False


def test_a_dry_run_makes_nothing():
    result, _aws, _module = run({}, none(), pool(), check_mode=True)
    assert result["changed"] is True


def test_in_a_dry_run_the_pool_may_not_exist_yet():
    params = {"user_pool_id": PLACEHOLDER}
    result, _aws, _module = run(params, check_mode=True)
    assert result["changed"] is True
    result, _aws, _module = run({**params, **ABSENT}, check_mode=True)
    assert result["changed"] is False


def test_a_lost_reply_makes_no_second_call():
    _result, aws, _module = run({}, none(), pool(), Step("CreateUserPoolDomain", lost_reply()), seen())
    assert aws.operations().count("CreateUserPoolDomain") == 1


def test_one_that_another_run_has_made_meanwhile_is_taken():
    taken = api_error("CreateUserPoolDomain", "InvalidParameterException", "User pool already has a domain configured.")
    run({}, none(), pool(), Step("CreateUserPoolDomain", taken), seen(), seen())


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("Domain already associated with another user pool.", "The name is taken, in this account or in another one."),
        ("Domain cannot contain reserved word: cognito", "Choose a prefix without aws, amazon and cognito."),
        ("The specified SSL certificate doesn't exist, isn't in us-east-1", "must be issued, in us-east-1"),
    ],
)
def test_refusals_come_with_what_helps(text, help_):
    refused = api_error("CreateUserPoolDomain", "InvalidParameterException", text)
    told = refuse({}, none(), pool(), Step("CreateUserPoolDomain", refused), *endless(none()))
    assert text.rstrip(".") in told
    assert help_ in told


PARENT = (
    "Custom domain is not a valid subdomain: Was not able to resolve a DNS A record for the parent domain or domain "
    "parent is a top-level domain."
)


def test_the_record_of_the_parent_may_be_new():
    refused = api_error("CreateUserPoolDomain", "InvalidParameterException", PARENT)
    result, _aws, _module = run(
        OURS,
        none(CUSTOM),
        pool(),
        Step("CreateUserPoolDomain", refused),
        none(CUSTOM),
        pool(),
        Step("CreateUserPoolDomain", {}),
        custom(),
    )
    assert result["changed"] is True


def test_a_parent_without_a_record_is_told_of():
    refused = api_error("CreateUserPoolDomain", "InvalidParameterException", PARENT)
    text = refuse(OURS, *endless(none(CUSTOM), pool(), Step("CreateUserPoolDomain", refused)))
    assert "Give the parent domain an A record" in text


# ---- Whose it is


def test_that_of_another_pool_stays():
    text = refuse({"managed_login_version": 2}, seen(pool="us-west-2_other"))
    assert "the domain is that of the user pool us-west-2_other" in text
    result, _aws, _module = run(ABSENT, seen(pool="us-west-2_other"))
    assert result["changed"] is False


def test_a_prefix_takes_no_certificate():
    assert "is a prefix, which takes no certificate_arn" in refuse({"certificate_arn": CERTIFICATE}, seen())


# ---- Changing it


def test_a_new_certificate_goes_along_with_all_the_rest_and_is_waited_for():
    config = {"CertificateArn": RENEWED, "SecurityPolicy": "TLS_V1_2_2021"}
    old = {**config, "CertificateArn": CERTIFICATE}
    run(
        {**OURS, "certificate_arn": RENEWED},
        seen(CUSTOM, version=2, **old),
        Step(
            "UpdateUserPoolDomain",
            {},
            {"UserPoolId": POOL, "Domain": CUSTOM, "CustomDomainConfig": config, "ManagedLoginVersion": 2},
        ),
        seen(CUSTOM, "UPDATING", version=2, **config),
        seen(CUSTOM, version=2, **config),
        seen(CUSTOM, version=2, **config),
    )


def test_the_version_of_a_custom_domain_keeps_its_certificate():
    config = {"CertificateArn": CERTIFICATE, "SecurityPolicy": "TLS_V1_2_2021"}
    run(
        {"domain": CUSTOM, "managed_login_version": 2},
        seen(CUSTOM, **config),
        Step(
            "UpdateUserPoolDomain",
            {},
            {"UserPoolId": POOL, "Domain": CUSTOM, "CustomDomainConfig": config, "ManagedLoginVersion": 2},
        ),
        seen(CUSTOM, version=2, **config),
        seen(CUSTOM, version=2, **config),
    )


def test_the_version_of_a_prefix_is_sent_alone():
    run(
        {"managed_login_version": 2},
        seen(),
        Step("UpdateUserPoolDomain", {}, {**NAMED, "ManagedLoginVersion": 2}),
        seen(version=2),
        seen(version=2),
    )


def test_another_change_is_waited_for():
    busy = api_error("UpdateUserPoolDomain", "ConcurrentModificationException")
    run(
        {"managed_login_version": 2},
        seen(),
        Step("UpdateUserPoolDomain", busy),
        seen(),
        Step("UpdateUserPoolDomain", {}),
        seen(version=2),
        seen(version=2),
    )


# ---- Replacing another one


def test_another_name_is_refused_unless_the_old_one_may_go():
    text = refuse({}, none(), pool(Domain="old", CustomDomain=CUSTOM))
    assert "the user pool has the domain 'old' already" in text
    assert "give replace: true" in text


def test_the_old_one_goes_first():
    run(
        {"replace": True},
        none(),
        pool(Domain="old"),
        Step("DeleteUserPoolDomain", {}, {"UserPoolId": POOL, "Domain": "old"}),
        pool(Domain="old"),
        pool(),
        Step("CreateUserPoolDomain", {}, NAMED),
        seen(),
    )


def test_what_others_have_deleted_makes_way_too():
    gone = api_error("DeleteUserPoolDomain", "InvalidParameterException", "No such domain or user pool exists.")
    run(
        {"replace": True},
        none(),
        pool(Domain="old"),
        Step("DeleteUserPoolDomain", gone),
        pool(),
        Step("CreateUserPoolDomain", {}, NAMED),
        seen(),
    )


def test_a_custom_domain_leaves_the_prefix():
    run(
        {**OURS, "replace": True},
        none(CUSTOM),
        pool(Domain=PREFIX),
        Step("CreateUserPoolDomain", {}),
        custom(),
    )


def test_the_end_of_the_old_one_is_waited_for_so_long():
    text = refuse(
        {"replace": True, "wait_timeout": 30},
        none(),
        pool(Domain="old"),
        Step("DeleteUserPoolDomain", {}),
        *endless(pool(Domain="old")),
    )
    assert "The domain 'old' is still there after 30 s" in text


# ---- Removing it


def test_it_is_removed_and_its_end_waited_for():
    run(
        {**ABSENT, "domain": CUSTOM},
        custom(),
        Step("DeleteUserPoolDomain", {}, {"UserPoolId": POOL, "Domain": CUSTOM}),
        custom(status="DELETING"),
        none(CUSTOM),
    )


def test_what_is_gone_is_absent():
    gone = api_error("DeleteUserPoolDomain", "InvalidParameterException", "No such domain or user pool exists.")
    run(ABSENT, seen(), Step("DeleteUserPoolDomain", gone), none())
    result, _aws, _module = run(ABSENT, none())
    assert result["changed"] is False
