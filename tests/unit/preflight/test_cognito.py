# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the user pool with all that lies in it, and for what Cognito can't make of the one that exists."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.schema import check
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import load, options

from .declared import change_fault_lines, fault_lines, values, warning_lines

REGION, ACCOUNT = "us-west-2", "123456789012"
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0a1b2c3d-0000-4000-8000-000000000000"
IDENTITY = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/example.com"
DEFAULTS = {
    **load("cognito", "defaults/main.yml"),
    "platform_prefix": "agent-platform-dev",
    "platform_region": REGION,
    "platform_account_id": ACCOUNT,
}
LOGIN = {"name": "login", "domain_name": "auth.example.com", "alternative_names": [], "region": "us-east-1"}


def lines(certificates=(), **given):
    """The faults of the defaults with some other values."""
    full = {**DEFAULTS, **{f"cognito_{name}": value for name, value in given.items()}}
    return fault_lines("cognito", full, certificate={"certificate_certificates": list(certificates)})


def test_the_defaults_have_no_fault():
    assert lines() == []
    assert fault_lines("cognito", {}) == []


def test_what_is_right_has_no_fault():
    given = {
        "tier": "PLUS",
        "mfa_factors": ["totp", "email"],
        "passkeys": True,
        "passkey_domain": "example.com",
        "threat_protection_mode": "enforced",
        "log_sources": ["userNotification", "userAuthEvents"],
        "ses_identity_arn": IDENTITY,
        "ses_from": "The platform <no-reply@mail.example.com>",
        "ses_reply_to": "help@example.com",
        "ses_configuration_set": "mail",
        "custom_attributes": [
            {"name": "team", "type": "String", "minimum": 1, "maximum": 64},
            {"name": "level", "type": "Number", "minimum": -1, "maximum": 5000},
            {"name": "since", "type": "DateTime"},
        ],
        "domain_prefix": "acme-agents",
        "managed_login_version": 2,
        "custom_domain": "auth.example.com",
        "custom_domain_certificate": "login",
        "resource_server": "https://api.example.com",
        "scopes": [{"name": "tools:call", "description": "Call tools"}],
        "web_callback_urls": [
            "https://app.example.com/callback?from=pool",
            "http://localhost:3000/callback",
            "http://127.0.0.1",
            "http://[::1]:8080/",
            "com.example.app://callback",
            "myapp:callback",
        ],
        "web_logout_urls": ["https://app.example.com:8443"],
        "web_scopes": ["openid", "aws.cognito.signin.user.admin", "tools:call"],
        "machine_scopes": ["tools:call"],
        "web_access_token_minutes": 5,
        "web_refresh_token_hours": 87600,
        "groups": [
            {"name": "first", "precedence": 0, "role_arn": f"arn:aws:iam::{ACCOUNT}:role/teams/first"},
            {"name": "second"},
            {"name": "third"},
            {"name": "gone", "precedence": 0, "state": "absent"},
        ],
        "users": [{"email": "jo+platform@example.com", "groups": ["first", "second"]}],
        "principal_tags": {"team": "custom:team"},
        "authenticated_statements": [
            {"Sid": "Read", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::acme-docs/*"]},
            {"Sid": "Look", "Action": ["dynamodb:GetItem"], "Resource": ["<dynamodb.table_arns>"]},
        ],
    }
    assert lines([LOGIN], **given) == []
    assert lines(custom_domain="auth.example.com", custom_domain_certificate=CERTIFICATE) == []


LITE = "takes the tier ESSENTIALS or PLUS, cognito_tier is LITE"


@pytest.mark.parametrize(
    ("given", "part"),
    [
        # Tiers
        ({"tier": "LITE", "password_history": 0, "passkeys": True}, f"cognito_passkeys: true {LITE}"),
        ({"tier": "LITE"}, f"cognito_password_history: 5 {LITE}"),
        ({"tier": "LITE", "password_history": 0, "managed_login_version": 2}, f"login_version: 2 {LITE}"),
        ({"threat_protection_mode": "audit"}, "cognito_threat_protection_mode: 'audit' takes the tier PLUS"),
        ({"log_sources": ["userAuthEvents"]}, "cognito_log_sources: 'userAuthEvents' takes the tier PLUS"),
        ({"tier": "PLUS", "log_sources": ["userAuthEvents"]}, "while cognito_threat_protection_mode is none"),
        ({"log_sources": 2 * ["userNotification"]}, "cognito_log_sources: 'userNotification' occurs more than once"),
        # Passwords and factors
        ({"password_minimum_length": 5}, "cognito_password_minimum_length: 5 is not from 6 to 99 characters"),
        ({"password_minimum_length": 100}, "cognito_password_minimum_length: 100 is not from 6 to 99 characters"),
        ({"password_history": 25}, "cognito_password_history: 25 is not from 0 to 24 passwords"),
        ({"password_history": -1}, "cognito_password_history: -1 is not from 0 to 24 passwords"),
        ({"temporary_password_days": 366}, "cognito_temporary_password_days: 366 is not from 1 to 365 days"),
        ({"temporary_password_days": 0}, "cognito_temporary_password_days: 0 is not from 1 to 365 days"),
        ({"password_classes": 2 * ["numbers"]}, "cognito_password_classes: 'numbers' occurs more than once"),
        ({"mfa": "required", "mfa_factors": []}, "cognito_mfa: 'required' has no factor: name totp or email"),
        ({"mfa_factors": []}, "cognito_mfa: 'optional' has no factor"),
        ({"mfa_factors": ["email"]}, "cognito_mfa_factors: 'email' takes SES: set cognito_ses_identity_arn"),
        ({"mfa_factors": 2 * ["totp"]}, "cognito_mfa_factors: 'totp' occurs more than once"),
        ({"passkey_domain": "https://example.com"}, "cognito_passkey_domain: 'https://example.com' is not a domain"),
        # Attributes
        ({"required_attributes": 2 * ["email"]}, "cognito_required_attributes: 'email' occurs more than once"),
        ({"custom_attributes": 2 * [{"name": "team"}]}, "cognito_custom_attributes[].name: 'team' occurs more than"),
        ({"custom_attributes": [{"name": "a team"}]}, "[0].name: 'a team' is not the name of an attribute"),
        ({"custom_attributes": [{"name": 21 * "x"}]}, "is not the name of an attribute: 1 to 20 characters"),
        ({"custom_attributes": [{"name": "custom:team"}]}, "'custom:team' begins with what Cognito puts before it"),
        (
            {"custom_attributes": [{"name": "team", "type": "Boolean", "maximum": 1}]},
            "maximum: 1 is for texts and numbers, this attribute is a Boolean",
        ),
        (
            {"custom_attributes": [{"name": "team", "type": "String", "maximum": 2049}]},
            "maximum: 2049 is not the length of a text",
        ),
        (
            {"custom_attributes": [{"name": "team", "type": "Number", "minimum": 2, "maximum": 1}]},
            "minimum: 2 is more than maximum 1",
        ),
        ({"custom_attributes": [{"name": f"a{n}"} for n in range(51)]}, "51 attributes are more than the 50"),
        # E-mail
        ({"ses_identity_arn": "example.com", "ses_from": "a@example.com"}, "is not the ARN of an identity of SES"),
        ({"ses_identity_arn": IDENTITY}, "cognito_ses_identity_arn: '" + IDENTITY + "' sends for no address"),
        ({"ses_from": "a@example.com"}, "cognito_ses_from: 'a@example.com' is for SES: set cognito_ses_identity_arn"),
        ({"ses_configuration_set": "mail"}, "cognito_ses_configuration_set: 'mail' is for SES"),
        ({"ses_identity_arn": IDENTITY, "ses_from": "nobody"}, "cognito_ses_from: 'nobody' is not an e-mail address"),
        ({"ses_reply_to": "Jo <jo@example.com>"}, "cognito_ses_reply_to: 'Jo <jo@example.com>' is not an e-mail"),
        ({"ses_identity_arn": IDENTITY, "ses_from": "a@example.org"}, "is not an address of the identity example.com"),
        ({"ses_identity_arn": IDENTITY, "ses_from": "a@notexample.com"}, "is not an address of the identity"),
        (
            {"ses_identity_arn": IDENTITY.replace("example", "jo@example"), "ses_from": "a@example.com"},
            "is not an address of the identity jo@example.com",
        ),
        (
            {"ses_identity_arn": IDENTITY, "ses_from": "a@example.com", "ses_configuration_set": "a b"},
            "'a b' is not the name of a configuration set",
        ),
        # Domains
        ({"domain_prefix": "my-aws-app"}, "cognito_domain_prefix: 'my-aws-app' has aws in it, which Cognito refuses"),
        ({"domain_prefix": "amazonia"}, "has amazon in it"),
        ({"domain_prefix": "incognito"}, "has cognito in it"),
        ({"domain_prefix": "-acme"}, "cognito_domain_prefix: '-acme' is not the prefix of a domain"),
        ({"domain_prefix": "acme-"}, "'acme-' is not the prefix of a domain"),
        ({"domain_prefix": "Acme"}, "'Acme' is not the prefix of a domain"),
        ({"domain_prefix": "acme.agents"}, "'acme.agents' is not the prefix of a domain"),
        ({"domain_prefix": 64 * "x"}, "is not the prefix of a domain: 1 to 63 lower-case letters"),
        (
            {"custom_domain": "https://auth.example.com"},
            "cognito_custom_domain: 'https://auth.example.com' is not a host",
        ),
        ({"custom_domain": "auth_1.example.com"}, "'auth_1.example.com' is not a host name"),
        ({"custom_domain": f"{60 * 'x'}.example.com"}, "is not a host name of up to 63"),
        ({"custom_domain": "example.com"}, "'example.com' is not below a domain of yours"),
        (
            {"custom_domain": "auth.example.com"},
            "'auth.example.com' has no certificate: give cognito_custom_domain_certificate",
        ),
        (
            {"custom_domain": "auth.example.com", "custom_domain_certificate": "arn:aws:acm:us-east-1:1:x"},
            "is not the ARN of a certificate of ACM",
        ),
        (
            {"custom_domain": "a.b.com", "custom_domain_certificate": CERTIFICATE.replace("us-east-1", REGION)},
            "is in us-west-2, and Cognito takes one of us-east-1 alone",
        ),
        (
            {"custom_domain": "a.b.com", "custom_domain_certificate": CERTIFICATE.replace(ACCOUNT, "210987654321")},
            "is a certificate of another account than 123456789012",
        ),
        # The API
        ({"resource_server": "my api"}, "cognito_resource_server: 'my api' is not 1 to 256 characters of ASCII"),
        ({"resource_server": 257 * "x"}, "is not 1 to 256 characters"),
        (
            {"scopes": [*DEFAULTS["cognito_scopes"], {"name": "a/b", "description": "x"}]},
            "'a/b' is not the name of a scope",
        ),
        (
            {"scopes": [*DEFAULTS["cognito_scopes"], {"name": "a b", "description": "x"}]},
            "'a b' is not the name of a scope",
        ),
        (
            {"scopes": [*DEFAULTS["cognito_scopes"], {"name": "x", "description": ""}]},
            "is not 1 to 256 characters long",
        ),
        (
            {"scopes": [*DEFAULTS["cognito_scopes"], {"name": 250 * "x", "description": "x"}]},
            "is with agent-platform-dev-api before it longer than 256 characters",
        ),
        ({"scopes": [*DEFAULTS["cognito_scopes"], DEFAULTS["cognito_scopes"][0]]}, "'read' occurs more than once"),
        (
            {"scopes": [*DEFAULTS["cognito_scopes"], *({"name": f"s{n}", "description": "x"} for n in range(98))]},
            "101 scopes are more than the 100",
        ),
        # Clients
        ({"web_callback_urls": ["http://app.example.com"]}, "_urls[0]: 'http://app.example.com' is not https: Cognito"),
        ({"web_callback_urls": ["http://localhost.example.com"]}, "is not https"),
        ({"web_callback_urls": ["http://localhost@example.com/"]}, "is not https"),
        (
            {"web_logout_urls": ["https://app.example.com/#out"]},
            "cognito_web_logout_urls[0]: 'https://app.example.com/#out'",
        ),
        ({"web_callback_urls": ["https://app.example.com/#in"]}, "cognito_web_callback_urls[0]: 'https://app"),
        ({"web_callback_urls": ["https://*.example.com"]}, "has a *: Cognito compares the whole URL"),
        ({"web_callback_urls": ["/callback"]}, "'/callback' is not an absolute URL"),
        ({"web_callback_urls": ["app.example.com/callback"]}, "is not an absolute URL"),
        ({"web_callback_urls": ["https:///callback"]}, "is not an absolute URL"),
        ({"web_callback_urls": ["https://user@example.com"]}, "is not an absolute URL"),
        ({"web_callback_urls": ["javascript:alert(1)"]}, "is not an absolute URL"),
        ({"web_callback_urls": ["https://app.example.com/a b"]}, "is not a URL of 1 to 1024 characters without spaces"),
        ({"web_callback_urls": [f"https://a.com/{1024 * 'x'}"]}, "is not a URL of 1 to 1024 characters"),
        (
            {"web_callback_urls": 2 * ["https://a.com"]},
            "cognito_web_callback_urls: 'https://a.com' occurs more than once",
        ),
        ({"web_callback_urls": [f"https://a.com/{n}" for n in range(101)]}, "101 URLs are more than the 100"),
        (
            {"web_scopes": ["openid", "reed"]},
            "'reed' is a scope that neither OpenID Connect nor cognito_scopes has; did you mean read?",
        ),
        ({"web_scopes": []}, "cognito_web_scopes: [] names no scope"),
        ({"web_scopes": 2 * ["openid"]}, "cognito_web_scopes: 'openid' occurs more than once"),
        ({"machine_scopes": ["openid"]}, "cognito_machine_scopes[0]: 'openid' is about a person"),
        ({"machine_scopes": ["delete"]}, "cognito_machine_scopes[0]: 'delete' is a scope that neither"),
        ({"machine_scopes": []}, "cognito_machine_scopes: [] names no scope"),
        ({"web_access_token_minutes": 4}, "cognito_web_access_token_minutes: 4 is not from 5 to 1440 minutes"),
        ({"web_id_token_minutes": 1441}, "cognito_web_id_token_minutes: 1441 is not from 5 to 1440 minutes"),
        ({"machine_access_token_minutes": 0}, "cognito_machine_access_token_minutes: 0 is not from 5 to 1440"),
        (
            {"web_refresh_token_hours": 0, "web_access_token_minutes": None, "web_id_token_minutes": None},
            "0 is not from 1 to 87600 hours",
        ),
        ({"web_refresh_token_hours": 87601}, "cognito_web_refresh_token_hours: 87601 is not from 1 to 87600 hours"),
        ({"web_session_minutes": 2}, "cognito_web_session_minutes: 2 is not from 3 to 15 minutes"),
        ({"web_session_minutes": 16}, "cognito_web_session_minutes: 16 is not from 3 to 15 minutes"),
        (
            {"web_refresh_token_hours": 2, "web_access_token_minutes": 120},
            "cognito_web_refresh_token_hours: 2 is not longer than cognito_web_access_token_minutes, 120",
        ),
        (
            {"web_refresh_token_hours": 1, "web_access_token_minutes": 5},
            "cognito_web_refresh_token_hours: 1 is not longer than cognito_web_id_token_minutes, 60",
        ),
        # Groups, users, credentials
        (
            {"groups": [{"name": "a", "precedence": 1}, {"name": "b", "precedence": 1}]},
            "precedence: 1 is that of a and b",
        ),
        ({"groups": [{"name": "a", "precedence": -1}]}, "cognito_groups[0].precedence: -1 is not from 0 to"),
        ({"groups": 2 * [{"name": "a"}]}, "cognito_groups[].name: 'a' occurs more than once"),
        ({"groups": [{"name": "two words"}]}, "'two words' is not the name of a group"),
        ({"groups": [{"name": 129 * "x"}]}, "is not the name of a group: 1 to 128 characters"),
        (
            {"groups": [{"name": "a", "role_arn": "role"}]},
            "cognito_groups[0].role_arn: 'role' is not the ARN of an IAM role",
        ),
        ({"users": [{"email": "jo"}]}, "cognito_users[0].email: 'jo' is not an e-mail address"),
        ({"users": [{"email": "jo@example"}]}, "is not an e-mail address"),
        ({"users": [{"email": f"{120 * 'x'}@example.com"}]}, "is not an e-mail address of up to 128 characters"),
        (
            {"users": [{"email": "jo@a.com"}, {"email": "Jo@a.com"}]},
            "cognito_users[].email: 'jo@a.com' occurs more than",
        ),
        (
            {"users": [{"email": "jo@a.com", "groups": ["super_admins"]}]},
            "cognito_users[0].groups[0]: 'super_admins' is no group of cognito_groups; did you mean super_admin?",
        ),
        ({"principal_tags": {"team": 1}}, "cognito_principal_tags.team: 1 is not the name of a claim"),
        ({"principal_tags": {129 * "x": "sub"}}, "is not the key of a tag, of 1 to 128 characters"),
        ({"principal_tags": {f"t{n}": "sub" for n in range(51)}}, "51 tags are more than the 50"),
        (
            {"authenticated_statements": [{"Sid": "All", "Action": ["*"], "Resource": ["*"]}]},
            "cognito_authenticated_statements[0].Action: '*' is not an API action",
        ),
        (
            {"authenticated_statements": [{"Sid": "A", "Action": ["es:ESHttpGet"], "Resource": ["<aurora.x>"]}]},
            "cognito_authenticated_statements[0].Resource: '<aurora.x>' is a fact of aurora, which cognito doesn't",
        ),
        ({"secret_recovery_days": 3}, "cognito_secret_recovery_days: 3 is not 0 or from 7 to 30 days"),
        ({"secret_grace_seconds": 0}, "cognito_secret_grace_seconds: 0 is not from 1 to 86400 seconds"),
        ({"timeout_seconds": 0}, "cognito_timeout_seconds: 0 is not 1 or more seconds"),
    ],
)
def test_faults(given, part):
    (line,) = lines(**given)
    assert part in line


def test_a_user_of_a_group_that_goes():
    groups = [{"name": "a", "state": "absent"}]
    (line,) = lines(groups=groups, users=[{"email": "jo@a.com", "groups": ["a"]}])
    assert "'a' is no group of cognito_groups" in line
    assert lines(groups=groups, users=[{"email": "jo@a.com", "groups": ["a"], "state": "absent"}]) == []


def test_mfa_by_e_mail_takes_a_tier_and_ses():
    told = lines(tier="LITE", password_history=0, mfa_factors=["email"])
    assert [line.partition(" takes ")[2].partition(",")[0] for line in told] == [
        "the tier ESSENTIALS or PLUS",
        "SES: set cognito_ses_identity_arn and cognito_ses_from",
    ]
    assert lines(mfa="none", mfa_factors=["email"]) == []


def test_a_platform_whose_name_cognito_refuses():
    given = {"platform_prefix": "aws-agents-dev", "cognito_domain_prefix": ""}
    (line,) = fault_lines("cognito", given)
    assert "platform_name: 'aws-agents-dev' has aws in it" in line
    assert "set cognito_domain_prefix to another text" in line
    assert fault_lines("cognito", {**given, "cognito_domain_prefix": "agents-dev"}) == []


class TestCertificates:
    @pytest.mark.parametrize(
        "entry",
        [
            {},
            {"domain_name": "*.example.com"},
            {"domain_name": "example.com", "alternative_names": ["auth.example.com"]},
        ],
    )
    def test_one_that_is_for_the_host(self, entry):
        assert (
            lines([{**LOGIN, **entry}], custom_domain="auth.example.com", custom_domain_certificate=LOGIN["name"]) == []
        )

    def test_in_a_region_of_the_platform_that_is_the_right_one(self):
        given = {
            **DEFAULTS,
            "platform_region": "us-east-1",
            "cognito_custom_domain": "auth.example.com",
            "cognito_custom_domain_certificate": LOGIN["name"],
        }
        entry = {key: value for key, value in LOGIN.items() if key != "region"}
        assert fault_lines("cognito", given, certificate={"certificate_certificates": [entry]}) == []

    @pytest.mark.parametrize(
        ("entry", "name", "part"),
        [
            ({"domain_name": "api.example.com"}, "login", "'login' is a certificate for api.example.com and not for a"),
            ({"domain_name": "*.com"}, "login", "'login' is a certificate for *.com and not for auth.example.com"),
            ({"state": "absent"}, "login", "'login' is neither an ARN nor an entry of certificate_certificates"),
            ({"region": "us-west-2"}, "login", "'login' is in us-west-2, and Cognito takes one of us-east-1 alone"),
            ({"region": None}, "login", "'login' is in us-west-2, and Cognito takes one of us-east-1 alone"),
            ({}, "logins", "is neither an ARN nor an entry of certificate_certificates; did you mean login?"),
            ({}, "", "has no certificate: give cognito_custom_domain_certificate the name of an entry of"),
            ({}, "", "certificate_certificates such as login, or an ARN"),
            ({"domain_name": "x.com"}, "", "certificate_certificates for it in us-east-1, or an ARN"),
        ],
    )
    def test_one_that_is_not(self, entry, name, part):
        (line,) = lines([{**LOGIN, **entry}], custom_domain="auth.example.com", custom_domain_certificate=name)
        assert part in line


@pytest.mark.parametrize("key", ["password", "temporary_password"])
def test_a_secret_in_the_inventory_is_refused_and_not_shown(key):
    """No option takes one."""
    given = {"cognito_users": [{"email": "jo@example.com", key: "hunter2hunter2"}]}
    _right, found = check("cognito", options("cognito"), given)
    assert [str(item).partition(";")[0] for item in found] == [f"cognito_users[0].{key}: there is no such key"]
    assert "hunter2" not in "".join(map(str, found))


FOUND = {
    "user_pool_id": "us-west-2_a",
    "username_attributes": ["email"],
    "username_case_sensitive": False,
    "required_attributes": ["email"],
    "custom_attributes": {"team": {"type": "String", "mutable": True, "minimum": 0, "maximum": 2048}},
}


class TestChanges:
    def test_what_is_so_or_can_become_so(self):
        team = {"name": "team", "type": "String", "mutable": True}
        given = {**DEFAULTS, "cognito_custom_attributes": [team, {"name": "level", "type": "Number", "mutable": False}]}
        for found in (FOUND, {}):
            assert change_fault_lines("cognito", given, {"cognito": found}) == []

    @pytest.mark.parametrize(
        ("found", "given", "part"),
        [
            ({"username_attributes": []}, {}, "has users who sign in with [] and not with ['email'] alone"),
            ({"username_attributes": ["phone_number"]}, {}, "has users who sign in with ['phone_number']"),
            ({}, {"username_case_sensitive": True}, "cognito_username_case_sensitive: true is not so in the user pool"),
            ({}, {"required_attributes": ["email", "name"]}, "['email', 'name'] are ['email'] in the user pool"),
            ({}, {"required_attributes": []}, "cognito_required_attributes: [] are ['email'] in the user pool"),
            (
                {},
                {"custom_attributes": [{"name": "team", "type": "Number"}]},
                "cognito_custom_attributes[0].type: 'Number' is 'String' in the user pool us-west-2_a",
            ),
            (
                {},
                {"custom_attributes": [{"name": "team", "mutable": False}]},
                "mutable: false is true in the user pool",
            ),
            ({}, {"custom_attributes": [{"name": "team", "maximum": 64}]}, "maximum: 64 is 2048 in the user pool"),
        ],
    )
    def test_what_cognito_would_refuse(self, found, given, part):
        declared = {**DEFAULTS, **{f"cognito_{name}": value for name, value in given.items()}}
        (line,) = change_fault_lines("cognito", declared, {"cognito": {**FOUND, **found}})
        assert part in line
        assert "and Cognito can't change it" in line

    def test_an_attribute_that_is_no_longer_declared_is_told_of(self):
        (line,) = warning_lines("cognito", DEFAULTS, {"cognito": FOUND})
        assert "cognito_custom_attributes: doesn't have team of the user pool us-west-2_a" in line
        assert warning_lines("cognito", DEFAULTS, {"cognito": {}}) == []


def test_names_of_a_prefix_and_logs_that_are_declared():
    given = {**DEFAULTS, "cognito_domain_prefix": "acme", "cognito_log_sources": ["userNotification"]}
    claimed = {(item.kind, item.name) for item in component_names("cognito", values("cognito", **given))}
    assert ("cognito_domain", "acme") in claimed
    assert ("log_group", "/aws/vendedlogs/agent-platform-dev/cognito/user-notification") in claimed
