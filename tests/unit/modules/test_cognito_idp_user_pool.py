# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cognito user pool: which one is meant, what a change sends, the order of calls, what is refused before any."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.agent_platform.aws.plugins.modules.cognito_idp_user_pool import UserPool, same_whole
from tests.support.declarations import load
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

NAME = "demo-users"
ID = "us-west-2_aBcDeFgHi"
ARN = f"arn:aws:cognito-idp:us-west-2:123456789012:userpool/{ID}"
OURS = {"Project": "demo", "ManagedBy": "ansible"}
POOL = {"UserPoolId": ID}
MADE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:hook"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
LOG_GROUP = "arn:aws:logs:us-west-2:123456789012:log-group:/aws/vendedlogs/users"
PARAMS = {
    **dict.fromkeys(option for option in load("cognito_idp_user_pool").options if option not in ("state", "wait")),
    "name": NAME,
    "owned_by": OURS,
    "purge_tags": True,
}
PASSWORDS = {
    "MinimumLength": 14,
    "RequireUppercase": True,
    "RequireLowercase": True,
    "RequireNumbers": True,
    "RequireSymbols": True,
    "PasswordHistorySize": 5,
    "TemporaryPasswordValidityDays": 3,
}
# What UpdateUserPool takes, as a pool has it.
KEPT = {
    "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
    "AdminCreateUserConfig": {
        "AllowAdminCreateUserOnly": True,
        "InviteMessageTemplate": {"EmailMessage": "{username} {####}", "EmailSubject": "Hello", "SMSMessage": "{####}"},
    },
    "AutoVerifiedAttributes": ["email"],
    "DeletionProtection": "ACTIVE",
    "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False},
    "EmailConfiguration": {
        "EmailSendingAccount": "DEVELOPER",
        "SourceArn": "arn:aws:ses:us-west-2:123456789012:identity/example.com",
        "From": "Demo <demo@example.com>",
    },
    "IssuerConfiguration": {"Type": "ORIGINAL"},
    "KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": KEY},
    "LambdaConfig": {
        "PreSignUp": FUNCTION,
        "PreTokenGeneration": FUNCTION,
        "PreTokenGenerationConfig": {"LambdaArn": FUNCTION, "LambdaVersion": "V2_0"},
    },
    "MfaConfiguration": "OPTIONAL",
    "Policies": {"PasswordPolicy": PASSWORDS, "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
    "SmsAuthenticationMessage": "Code {####}",
    "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x"},
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
    "UserPoolTags": {**OURS, "Name": NAME},
    "UserPoolTier": "PLUS",
    "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailMessage": "Code {####}"},
}
STANDARD = [
    {"Name": "sub", "AttributeDataType": "String", "Mutable": False, "Required": True},
    {"Name": "email", "AttributeDataType": "String", "Mutable": True, "Required": False},
]
TEAM = {
    "Name": "custom:team",
    "AttributeDataType": "String",
    "DeveloperOnlyAttribute": False,
    "Mutable": True,
    "Required": False,
    "StringAttributeConstraints": {},
}
DESCRIBED = {
    "Id": ID,
    "Name": NAME,
    "Arn": ARN,
    "CreationDate": MADE,
    "EstimatedNumberOfUsers": 3,
    "SchemaAttributes": [*STANDARD, TEAM],
    "UsernameAttributes": ["email"],
    "UsernameConfiguration": {"CaseSensitive": False},
    **KEPT,
    # Older members that AWS gives beside the newer ones, and its own tags.
    "AdminCreateUserConfig": {**KEPT["AdminCreateUserConfig"], "UnusedAccountValidityDays": 3},
    "EmailVerificationMessage": "Code {####}",
    "UserPoolTags": {**KEPT["UserPoolTags"], "aws:cloudformation:stack-name": "x"},
}
SOFTWARE = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
MFA = {"MfaConfiguration": "OPTIONAL", **SOFTWARE}


def listed(*ids, name=NAME):
    pools = [{"Id": one, "Name": name, "CreationDate": MADE} for one in ids]
    others = [{"Id": "us-west-2_other", "Name": "others", "CreationDate": MADE}]
    return Step("ListUserPools", {"UserPools": [*others, *pools]}, {"MaxResults": 60})


def described(pool=ID, without=(), **members):
    answer = {**DESCRIBED, "Id": pool, **members}
    answer = {member: value for member, value in answer.items() if member not in without}
    return Step("DescribeUserPool", {"UserPool": answer}, {"UserPoolId": pool})


def seen(mfa=MFA, risk=None, logs=None, without=(), **members):
    """The calls of one reading. risk, logs: those of a run that declares them."""
    steps = [listed(ID), described(without=without, **members), Step("GetUserPoolMfaConfig", mfa, POOL)]
    if risk is not None:
        answer = {"RiskConfiguration": {**POOL, **risk}} if isinstance(risk, dict) else risk
        steps.append(Step("DescribeRiskConfiguration", answer, POOL))
    if logs is not None:
        answer = {"LogDeliveryConfiguration": {**POOL, "LogConfigurations": logs}}
        steps.append(Step("GetLogDeliveryConfiguration", answer, POOL))
    return steps


def run(params, *steps, **kwargs):
    return run_resource(UserPool, {**PARAMS, **params}, *steps, **kwargs)


def refuse(params, *steps, **kwargs):
    return refuse_resource(UserPool, {**PARAMS, **params}, *steps, **kwargs)


# ---- Which one is meant


def test_there_is_nothing_to_do_for_a_pool_as_declared():
    params = {
        "user_pool_tier": "PLUS",
        "deletion_protection": True,
        "password_policy": {"minimum_length": 14, "require_symbols": None},
        "allowed_first_auth_factors": ["PASSWORD"],
        "auto_verified_attributes": ["email"],
        "attributes_require_verification_before_update": ["email"],
        "username_attributes": ["email"],
        "alias_attributes": [],
        "username_case_sensitive": False,
        "schema": [{"name": "team", "attribute_data_type": "String", "mutable": True}],
        "verification_message_template": {"email_message": "Code {####}"},
        "allow_admin_create_user_only": True,
        "invite_message_template": {"sms_message": "{####}"},
        "email_configuration": {"email_sending_account": "DEVELOPER", "configuration_set": ""},
        "account_recovery": [{"name": "verified_email", "priority": 1}],
        "device_configuration": {"challenge_required_on_new_device": True},
        "user_pool_add_ons": {"advanced_security_mode": "AUDIT", "advanced_security_additional_flows": None},
        "lambda_config": {
            "pre_sign_up": FUNCTION,
            "pre_token_generation_config": {"lambda_arn": FUNCTION, "lambda_version": "V2_0"},
        },
        "key_configuration": {"key_type": "CUSTOMER_MANAGED_KEY", "kms_key_arn": KEY},
        "issuer_type": "ORIGINAL",
        "mfa_configuration": "OPTIONAL",
        "software_token_mfa": True,
        "email_mfa_configuration": {"enabled": False, "email_subject": None},
        "log_configurations": [],
        "tags": {**OURS, "Name": NAME},
    }
    result, _aws, _module = run(params, *seen(logs=[]))
    assert result["changed"] is False
    assert result["user_pool"]["id"] == ID
    assert result["user_pool"]["tags"]["Name"] == NAME


@pytest.mark.parametrize("mine", ["us-west-2_2", "us-west-2_1"])
def test_of_several_of_the_name_the_one_with_our_tags_is_meant(mine):
    ids = ["us-west-2_1", "us-west-2_2"]
    tags = {one: OURS if one == mine else {"Project": "theirs"} for one in ids}
    result, _aws, module = run(
        {},
        listed(*ids),
        *(described(one, UserPoolTags=tags[one]) for one in ids),
        described(mine),
        Step("GetUserPoolMfaConfig", MFA, {"UserPoolId": mine}),
    )
    assert result["user_pool"]["id"] == mine
    assert module.warnings == []


def test_of_two_of_ours_the_lower_id_is_kept_and_the_other_told_of():
    ids = ["us-west-2_2", "us-west-2_1"]
    _result, _aws, module = run(
        {},
        listed(*ids),
        *(described(one) for one in ids),
        described("us-west-2_1"),
        Step("GetUserPoolMfaConfig", MFA, {"UserPoolId": "us-west-2_1"}),
    )
    assert "us-west-2_1 is kept" in module.warnings[0]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_pool_of_someone_else_stays_and_gets_no_twin(state):
    assert "isn't ours" in refuse({"state": state}, *seen(UserPoolTags={"Project": "theirs"}))


def test_what_the_list_still_shows_and_is_gone_is_absent():
    gone = api_error("DescribeUserPool", "ResourceNotFoundException")
    result, _aws, _module = run({"state": "absent"}, listed(ID), Step("DescribeUserPool", gone, POOL))
    assert result["changed"] is False


# ---- Making one


def test_a_pool_is_made_and_then_gets_its_factors():
    params = {
        "user_pool_tier": "ESSENTIALS",
        "deletion_protection": True,
        "username_attributes": ["email"],
        "alias_attributes": [],
        "username_case_sensitive": False,
        "schema": [{"name": "team", "attribute_data_type": "String"}],
        "email_configuration": {"email_sending_account": "COGNITO_DEFAULT", "source_arn": ""},
        "key_configuration": {"key_type": "AWS_OWNED_KEY", "kms_key_arn": None},
        "issuer_type": "ORIGINAL",
        "lambda_config": {},
        "device_configuration": {},
        "mfa_configuration": "OPTIONAL",
        "software_token_mfa": True,
        "web_authn_configuration": {"user_verification": "required", "relying_party_id": None},
        "tags": {**OURS, "Name": NAME},
    }
    request = {
        "PoolName": NAME,
        "UserPoolTier": "ESSENTIALS",
        "DeletionProtection": "ACTIVE",
        "UsernameAttributes": ["email"],
        "UsernameConfiguration": {"CaseSensitive": False},
        "Schema": [{"Name": "team", "AttributeDataType": "String"}],
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
        "UserPoolTags": {**OURS, "Name": NAME},
    }
    members = {
        "UserPoolTier": "ESSENTIALS",
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
        "without": ("KeyConfiguration", "LambdaConfig", "DeviceConfiguration"),
    }
    passkeys = {"WebAuthnConfiguration": {"UserVerification": "required"}}
    result, _aws, _module = run(
        params,
        listed(),
        Step("CreateUserPool", {"UserPool": {"Id": ID}}, request),
        *seen({"MfaConfiguration": "OFF"}, **members),
        Step("SetUserPoolMfaConfig", {}, {**POOL, **MFA, **passkeys}),
        *seen({**MFA, **passkeys}, **members),
        *seen({**MFA, **passkeys}, **members),
    )
    assert result["changed"] is True


def test_a_lost_reply_makes_no_second_pool():
    _result, aws, _module = run({}, listed(), Step("CreateUserPool", lost_reply()), *seen())
    assert aws.operations().count("CreateUserPool") == 1


def test_what_another_run_has_made_at_the_same_moment_is_kept():
    older, mine = "us-west-2_1", "us-west-2_2"
    result, _aws, _module = run(
        {"tags": {**OURS, "Name": NAME}},
        listed(),
        Step("CreateUserPool", {"UserPool": {"Id": mine}}),
        listed(older, mine),
        described(older),
        described(mine),
        described(older),
        Step("GetUserPoolMfaConfig", MFA),
        Step("DeleteUserPool", {}, {"UserPoolId": mine}),
    )
    assert result["user_pool"]["id"] == older


def test_a_dry_run_makes_nothing():
    params = {"mfa_configuration": "ON", "software_token_mfa": True, "lambda_config": {}, "schema": [{"name": "team"}]}
    result, _aws, _module = run(params, listed(), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["mfa_configuration"] == "ON"
    assert result["diff"]["after"]["schema"] == [{"name": "team"}]


def test_a_dry_run_shows_what_goes():
    other = {"LambdaConfig": {"PreSignUp": FUNCTION, "PostConfirmation": FUNCTION}}
    params = {
        "lambda_config": {"pre_sign_up": FUNCTION},
        "mfa_configuration": "OFF",
        "software_token_mfa": False,
        "email_mfa_configuration": {"enabled": False},
    }
    result, _aws, _module = run(params, *seen({**MFA, "EmailMfaConfiguration": {}}, **other), check_mode=True)
    assert result["changed"] is True
    assert result["diff"]["before"]["lambda_config"] == {"pre_sign_up": FUNCTION, "post_confirmation": FUNCTION}
    assert result["diff"]["after"]["lambda_config"] == {"pre_sign_up": FUNCTION}
    assert result["diff"]["before"]["software_token_mfa"] is True
    assert result["diff"]["after"]["software_token_mfa"] is False
    assert result["diff"]["before"]["email_mfa_configuration"]["enabled"] is True
    assert result["diff"]["after"]["email_mfa_configuration"] == {"enabled": False}


# ---- Changing it: UpdateUserPool sets back what it isn't sent


def put(tree, path, value):
    first, _dot, rest = path.partition(".")
    return {**tree, first: put(tree[first], rest, value) if rest else value}


@pytest.mark.parametrize(
    ("params", "path", "value"),
    [
        ({"deletion_protection": False}, "DeletionProtection", "INACTIVE"),
        ({"password_policy": {"minimum_length": 20}}, "Policies.PasswordPolicy", {**PASSWORDS, "MinimumLength": 20}),
        (
            {"allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"]},
            "Policies.SignInPolicy.AllowedFirstAuthFactors",
            ["PASSWORD", "WEB_AUTHN"],
        ),
        ({"auto_verified_attributes": ["email", "phone_number"]}, "AutoVerifiedAttributes", ["email", "phone_number"]),
        (
            {"attributes_require_verification_before_update": []},
            "UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate",
            [],
        ),
        (
            {"verification_message_template": {"email_subject": "New"}},
            "VerificationMessageTemplate",
            {**KEPT["VerificationMessageTemplate"], "EmailSubject": "New"},
        ),
        ({"allow_admin_create_user_only": False}, "AdminCreateUserConfig.AllowAdminCreateUserOnly", False),
        (
            {"invite_message_template": {"sms_message": "Your code {####}"}},
            "AdminCreateUserConfig.InviteMessageTemplate.SMSMessage",
            "Your code {####}",
        ),
        (
            {"email_configuration": {"from": "", "configuration_set": "set"}},
            "EmailConfiguration",
            {
                "EmailSendingAccount": "DEVELOPER",
                "SourceArn": KEPT["EmailConfiguration"]["SourceArn"],
                "ConfigurationSet": "set",
            },
        ),
        (
            {"account_recovery": [{"name": "admin_only", "priority": 1}]},
            "AccountRecoverySetting.RecoveryMechanisms",
            [{"Name": "admin_only", "Priority": 1}],
        ),
        (
            {"device_configuration": {"device_only_remembered_on_user_prompt": True}},
            "DeviceConfiguration",
            {"DeviceOnlyRememberedOnUserPrompt": True},
        ),
        (
            {
                "user_pool_add_ons": {
                    "advanced_security_mode": "ENFORCED",
                    "advanced_security_additional_flows": {"custom_auth_mode": "AUDIT"},
                }
            },
            "UserPoolAddOns",
            {
                "AdvancedSecurityMode": "ENFORCED",
                "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "AUDIT"},
            },
        ),
        (
            {
                "lambda_config": {
                    "custom_sms_sender": {"lambda_arn": FUNCTION, "lambda_version": "V1_0"},
                    "kms_key_id": KEY,
                    "pre_token_generation_config": {"lambda_arn": FUNCTION, "lambda_version": "V3_0"},
                    "pre_sign_up": None,
                }
            },
            "LambdaConfig",
            {
                "CustomSMSSender": {"LambdaArn": FUNCTION, "LambdaVersion": "V1_0"},
                "KMSKeyID": KEY,
                "PreTokenGeneration": FUNCTION,
                "PreTokenGenerationConfig": {"LambdaArn": FUNCTION, "LambdaVersion": "V3_0"},
            },
        ),
        ({"key_configuration": {"key_type": "AWS_OWNED_KEY"}}, "KeyConfiguration", {"KeyType": "AWS_OWNED_KEY"}),
        ({"issuer_type": "UPDATED"}, "IssuerConfiguration.Type", "UPDATED"),
    ],
)
def test_a_change_sends_all_that_the_pool_has(params, path, value):
    whole = put(KEPT, path, value)
    result, _aws, _module = run(
        params, *seen(), Step("UpdateUserPool", {}, {**POOL, **whole}), *seen(**whole), *seen(**whole)
    )
    assert result["changed"] is True


@pytest.mark.parametrize(
    ("params", "member"),
    [
        ({"auto_verified_attributes": []}, "AutoVerifiedAttributes"),
        ({"device_configuration": {}}, "DeviceConfiguration"),
        ({"lambda_config": {}}, "LambdaConfig"),
    ],
)
def test_what_is_declared_empty_is_left_out_and_so_set_back(params, member):
    whole = {name: value for name, value in KEPT.items() if name != member}
    run(
        params,
        *seen(),
        Step("UpdateUserPool", {}, {**POOL, **whole}),
        *seen(without=[member]),
        *seen(without=[member]),
    )


def test_what_others_have_put_beside_it_is_taken_away():
    """Threat protection and triggers are as declared, and nothing more."""
    flows = {"AdvancedSecurityMode": "AUDIT", "AdvancedSecurityAdditionalFlows": {"CustomAuthMode": "AUDIT"}}
    for params, members in (
        ({"user_pool_add_ons": {"advanced_security_mode": "AUDIT"}}, {"UserPoolAddOns": flows}),
        (
            {"lambda_config": {"pre_sign_up": FUNCTION}},
            {"LambdaConfig": {"PreSignUp": FUNCTION, "PostConfirmation": FUNCTION}},
        ),
    ):
        (member,) = members
        declared = {"UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}, "LambdaConfig": {"PreSignUp": FUNCTION}}
        whole = {**KEPT, member: declared[member]}
        run(params, *seen(**members), Step("UpdateUserPool", {}, {**POOL, **whole}), *seen(**whole), *seen(**whole))


def test_older_members_are_sent_as_the_newer_ones():
    """A pool from before the template and the validity in the password policy."""
    old = {
        "without": ("VerificationMessageTemplate",),
        "EmailVerificationSubject": "Subject",
        "Policies": {"PasswordPolicy": {"MinimumLength": 8}},
    }
    whole = {
        **KEPT,
        "DeletionProtection": "INACTIVE",
        "VerificationMessageTemplate": {"EmailMessage": "Code {####}", "EmailSubject": "Subject"},
        "Policies": {"PasswordPolicy": {"MinimumLength": 8, "TemporaryPasswordValidityDays": 3}},
    }
    run(
        {"deletion_protection": False},
        *seen(**old),
        Step("UpdateUserPool", {}, {**POOL, **whole}),
        *seen(**whole),
        *seen(**whole),
    )


def test_the_lowest_plan_is_sent_nothing_that_it_lacks():
    members = {"UserPoolTier": "LITE", "UserPoolAddOns": {"AdvancedSecurityMode": "OFF"}}
    policies = {
        "PasswordPolicy": {**PASSWORDS, "PasswordHistorySize": 0},
        "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
    }
    plain = {"PasswordPolicy": {name: value for name, value in PASSWORDS.items() if name != "PasswordHistorySize"}}
    whole = {**KEPT, **members, "Policies": plain}
    run(
        {"user_pool_tier": "LITE"},
        *seen(**{**members, "UserPoolTier": "ESSENTIALS", "Policies": policies}),
        Step("UpdateUserPool", {}, {**POOL, **whole}),
        *seen(**whole),
        *seen(**whole),
    )


def test_no_history_is_none():
    """The lowest plan doesn't tell of it."""
    plain = {"PasswordPolicy": {name: value for name, value in PASSWORDS.items() if name != "PasswordHistorySize"}}
    result, _aws, _module = run(
        {"user_pool_tier": "LITE", "password_policy": {"password_history_size": 0}},
        *seen(UserPoolTier="LITE", Policies=plain),
    )
    assert result["changed"] is False


def test_tags_are_changed_by_calls_of_their_own():
    run(
        {"tags": {**OURS, "New": "1"}},
        *seen(),
        Step("UntagResource", {}, {"ResourceArn": ARN, "TagKeys": ["Name"]}),
        Step("TagResource", {}, {"ResourceArn": ARN, "Tags": {"New": "1"}}),
        *seen(),
    )


def test_a_change_at_the_same_time_is_waited_for():
    busy = api_error("UpdateUserPool", "ConcurrentModificationException")
    run(
        {"deletion_protection": False},
        *seen(),
        Step("UpdateUserPool", busy),
        *seen(),
        Step("UpdateUserPool", {}),
        *seen(DeletionProtection="INACTIVE"),
        *seen(DeletionProtection="INACTIVE"),
    )


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"username_attributes": ["phone_number"]}, "username_attributes: is ['email'], declared ['phone_number']"),
        ({"alias_attributes": ["email"]}, "alias_attributes: is [], declared ['email']"),
        ({"username_case_sensitive": True}, "username_case_sensitive: is False, declared True"),
    ],
)
def test_what_can_never_be_changed_is_refused(params, text):
    assert text in refuse(params, *seen())


# ---- Attributes


def test_custom_attributes_are_added_25_at_a_time():
    names = [f"a{number}" for number in range(27)]
    calls = []
    more = [*DESCRIBED["SchemaAttributes"], *({"Name": f"custom:{name}"} for name in names)]
    run(
        {"schema": [{"name": "team", "mutable": True}, {"name": "email"}, *({"name": name} for name in names)]},
        *seen(),
        *(Step("AddCustomAttributes", {}, calls.append) for _time in range(2)),
        *seen(SchemaAttributes=more),
        *seen(SchemaAttributes=more),
    )
    assert [len(call["CustomAttributes"]) for call in calls] == [25, 2]
    assert calls[0]["CustomAttributes"][0] == {"Name": "a0"}


@pytest.mark.parametrize("changed", [{"mutable": False}, {"attribute_data_type": "Number"}])
def test_an_attribute_is_never_changed(changed):
    text = refuse({"schema": [{"name": "team", **changed}]}, *seen())
    assert "Attributes of user pool 'demo-users' can't be changed (team: is {" in text
    assert "Cognito never changes or removes one" in text


# ---- Factors


OFF = {"MfaConfiguration": "OFF"}
MAIL = {"Subject": "Code", "Message": "Code {####}"}
SMS = {"SmsMfaConfiguration": {"SmsAuthenticationMessage": "Code {####}"}}
PASSKEYS = {"RelyingPartyId": "auth.example.com", "UserVerification": "preferred"}


@pytest.mark.parametrize(
    ("params", "before", "request_"),
    [
        ({"mfa_configuration": "ON"}, {**MFA, **SMS}, {"MfaConfiguration": "ON", **SOFTWARE, **SMS}),
        (
            {"mfa_configuration": "OFF"},
            {**MFA, "WebAuthnConfiguration": PASSKEYS},
            {**OFF, "WebAuthnConfiguration": PASSKEYS},
        ),
        (
            {"email_mfa_configuration": {"enabled": True, "email_subject": "Code", "email_message": "Code {####}"}},
            MFA,
            {**MFA, "EmailMfaConfiguration": MAIL},
        ),
        (
            {"software_token_mfa": False, "email_mfa_configuration": {"enabled": True, "email_subject": None}},
            MFA,
            {
                "MfaConfiguration": "OPTIONAL",
                "SoftwareTokenMfaConfiguration": {"Enabled": False},
                "EmailMfaConfiguration": {},
            },
        ),
        ({"email_mfa_configuration": {"enabled": False}}, {**MFA, "EmailMfaConfiguration": {}}, MFA),
        (
            {"web_authn_configuration": {"user_verification": "required"}},
            {**MFA, "WebAuthnConfiguration": PASSKEYS},
            {**MFA, "WebAuthnConfiguration": {**PASSKEYS, "UserVerification": "required"}},
        ),
    ],
)
def test_all_factors_are_sent_together(params, before, request_):
    """What SetUserPoolMfaConfig isn't sent is turned off."""
    run(
        params,
        *seen(before),
        Step("SetUserPoolMfaConfig", {}, {**POOL, **request_}),
        *seen(request_),
        *seen(request_),
    )


def test_mfa_takes_a_factor():
    text = refuse({"mfa_configuration": "ON"}, *seen({**OFF, "WebAuthnConfiguration": PASSKEYS}))
    assert "can't have mfa_configuration ON without a second factor" in text
    assert "without a second factor" in refuse({"mfa_configuration": "ON"}, listed())
    assert "without a second factor" in refuse({"software_token_mfa": False}, *seen())


@pytest.mark.parametrize("factor", [{"software_token_mfa": True}, {"email_mfa_configuration": {"enabled": True}}])
def test_a_factor_takes_mfa(factor):
    """AWS would take neither, and the next run find the same to do."""
    assert "mfa_configuration is OFF, which goes with no second factor" in refuse(factor, *seen(OFF))
    assert "mfa_configuration is OFF, which goes with no second factor" in refuse(factor, listed())


def test_no_factor_is_turned_off_where_all_are():
    params = {"mfa_configuration": "OFF", "software_token_mfa": False, "email_mfa_configuration": {"enabled": False}}
    result, _aws, _module = run(params, *seen({**OFF, "EmailMfaConfiguration": {}}))
    assert result["changed"] is False


def test_passkeys_go_with_mfa_on_only_as_two_factors():
    factors = {"allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"]}
    on = {**MFA, "MfaConfiguration": "ON"}
    assert "can't have WEB_AUTHN in" in refuse(factors, *seen(on))
    both = {"factor_configuration": "MULTI_FACTOR_WITH_USER_VERIFICATION"}
    double = {**on, "WebAuthnConfiguration": {"FactorConfiguration": both["factor_configuration"]}}
    whole = put(KEPT, "Policies.SignInPolicy.AllowedFirstAuthFactors", ["PASSWORD", "WEB_AUTHN"])
    _result, aws, _module = run(
        {**factors, "web_authn_configuration": both},
        *seen(on),
        Step("SetUserPoolMfaConfig", {}, {**POOL, **double}),
        *seen(double),
        Step("UpdateUserPool", {}),
        *seen(double, **whole),
        *seen(double, **whole),
    )
    assert aws.operations().count("UpdateUserPool") == 1


# ---- The order of calls


def test_mail_as_a_factor_goes_before_what_it_needs():
    """AWS refuses to take SES away from a pool that has codes by e-mail as a factor."""
    own = {"EmailSendingAccount": "COGNITO_DEFAULT"}
    _result, aws, _module = run(
        {
            "email_configuration": {"email_sending_account": "COGNITO_DEFAULT", "source_arn": "", "from": ""},
            "email_mfa_configuration": {"enabled": False},
        },
        *seen({**MFA, "EmailMfaConfiguration": {}}),
        Step("SetUserPoolMfaConfig", {}, {**POOL, **MFA}),
        *seen(),
        Step("UpdateUserPool", {}, {**POOL, **KEPT, "EmailConfiguration": own}),
        *seen(EmailConfiguration=own),
        *seen(EmailConfiguration=own),
    )
    assert aws.operations().count("UpdateUserPool") == 1


def test_mail_as_a_factor_comes_after_what_it_needs():
    own = {"EmailSendingAccount": "COGNITO_DEFAULT"}
    ses = {"EmailSendingAccount": "DEVELOPER", "SourceArn": KEPT["EmailConfiguration"]["SourceArn"]}
    run(
        {
            "email_configuration": {"email_sending_account": "DEVELOPER", "source_arn": ses["SourceArn"]},
            "email_mfa_configuration": {"enabled": True},
        },
        *seen(EmailConfiguration=own),
        Step("UpdateUserPool", {}, {**POOL, **KEPT, "EmailConfiguration": ses}),
        *seen(EmailConfiguration=ses),
        Step("SetUserPoolMfaConfig", {}, {**POOL, **MFA, "EmailMfaConfiguration": {}}),
        *seen({**MFA, "EmailMfaConfiguration": {}}, EmailConfiguration=ses),
        *seen({**MFA, "EmailMfaConfiguration": {}}, EmailConfiguration=ses),
    )


NOTICE = [
    {
        "EventSource": "userAuthEvents",
        "LogLevel": "INFO",
        "CloudWatchLogsConfiguration": {"LogGroupArn": LOG_GROUP},
    }
]
EVENTS = {
    "event_source": "userAuthEvents",
    "log_level": "INFO",
    "cloud_watch_logs_configuration": {"log_group_arn": f"{LOG_GROUP}:*"},
    "s3_configuration": None,
    "firehose_configuration": None,
}
BLOCK = {"CompromisedCredentialsRiskConfiguration": {"Actions": {"EventAction": "BLOCK"}}}


def test_a_higher_plan_comes_before_what_takes_it():
    blocking = {"actions": {"event_action": "BLOCK"}, "event_filter": None}
    off = api_error("DescribeRiskConfiguration", "UserPoolAddOnNotEnabledException")
    lower = {"UserPoolTier": "ESSENTIALS", "without": ["UserPoolAddOns"]}
    run(
        {
            "user_pool_tier": "PLUS",
            "user_pool_add_ons": {"advanced_security_mode": "AUDIT"},
            "compromised_credentials_risk_configuration": blocking,
            "log_configurations": [EVENTS],
        },
        *seen(risk=off, logs=[], **lower),
        Step("UpdateUserPool", {}, {**POOL, **KEPT}),
        *seen(risk={}, logs=[]),
        Step("SetRiskConfiguration", {"RiskConfiguration": {}}, {**POOL, **BLOCK}),
        *seen(risk=BLOCK, logs=[]),
        Step("SetLogDeliveryConfiguration", {}, {**POOL, "LogConfigurations": NOTICE}),
        *seen(risk=BLOCK, logs=NOTICE),
        *seen(risk=BLOCK, logs=NOTICE),
    )


def test_a_lower_plan_comes_after_what_took_the_higher():
    plain = {"UserPoolTier": "ESSENTIALS", "UserPoolAddOns": {"AdvancedSecurityMode": "OFF"}}
    off = api_error("DescribeRiskConfiguration", "UserPoolAddOnNotEnabledException")
    run(
        {
            "user_pool_tier": "ESSENTIALS",
            "user_pool_add_ons": {"advanced_security_mode": "OFF"},
            "risk_exception_configuration": {},
            "compromised_credentials_risk_configuration": {},
            "log_configurations": [],
        },
        *seen(risk=BLOCK, logs=NOTICE),
        Step("SetRiskConfiguration", {"RiskConfiguration": {}}, POOL),
        *seen(risk={}, logs=NOTICE),
        Step("SetLogDeliveryConfiguration", {}, {**POOL, "LogConfigurations": []}),
        *seen(risk={}, logs=[]),
        Step("UpdateUserPool", {}, {**POOL, **KEPT, **plain}),
        *seen(risk=off, logs=[], **plain),
        *seen(risk=off, logs=[], **plain),
    )


# ---- Risks and logs


def test_all_of_the_risks_is_sent_together():
    takeover = {
        "AccountTakeoverRiskConfiguration": {"Actions": {"LowAction": {"Notify": False, "EventAction": "BLOCK"}}}
    }
    have = {**BLOCK, **takeover}
    ranges = {"RiskExceptionConfiguration": {"BlockedIPRangeList": ["192.0.2.0/24"]}}
    run(
        {"risk_exception_configuration": {"blocked_ip_range_list": ["192.0.2.0/24"], "skipped_ip_range_list": None}},
        *seen(risk=have),
        Step("SetRiskConfiguration", {"RiskConfiguration": {}}, {**POOL, **have, **ranges}),
        *seen(risk={**have, **ranges}),
        *seen(risk={**have, **ranges}),
    )


def test_what_aws_adds_to_a_risk_is_no_change():
    filled = {**BLOCK["CompromisedCredentialsRiskConfiguration"], "EventFilter": ["SIGN_IN"]}
    params = {
        "compromised_credentials_risk_configuration": {"actions": {"event_action": "BLOCK"}, "event_filter": None}
    }
    result, _aws, _module = run(params, *seen(risk={"CompromisedCredentialsRiskConfiguration": filled}))
    assert result["changed"] is False


def test_lists_that_are_replaced_are_compared_in_any_order():
    assert same_whole({"a": ["2", "1"], "b": None}, {"a": ["1", "2"], "c": ""})
    assert not same_whole({"a": ["1"]}, {"a": ["1", "2"]})
    assert same_whole(None, {})


def test_a_log_group_is_known_with_its_streams_or_without():
    result, _aws, _module = run({"log_configurations": [EVENTS]}, *seen(logs=NOTICE))
    assert result["changed"] is False


# ---- Options that don't go together


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"alias_attributes": ["email"], "username_attributes": ["email"]}, "exclude each other"),
        ({"allowed_first_auth_factors": ["WEB_AUTHN"]}, "must have PASSWORD"),
        (
            {
                "attributes_require_verification_before_update": ["email", "phone_number"],
                "auto_verified_attributes": ["email"],
            },
            "has phone_number, which must be in auto_verified_attributes",
        ),
        ({"password_policy": {"temporary_password_validity_days": 0}}, "is 0, which AWS takes for 7"),
        ({"mfa_configuration": "OFF", "software_token_mfa": True}, "goes with no second factor"),
        ({"mfa_configuration": "OFF", "email_mfa_configuration": {"enabled": True}}, "goes with no second factor"),
        (
            {"mfa_configuration": "ON", "allowed_first_auth_factors": ["PASSWORD", "EMAIL_OTP"]},
            "goes with no one-time password",
        ),
        (
            {"user_pool_tier": "LITE", "allowed_first_auth_factors": ["PASSWORD", "WEB_AUTHN"]},
            "allowed_first_auth_factors takes the user_pool_tier ESSENTIALS or PLUS, not LITE",
        ),
        ({"user_pool_tier": "LITE", "password_policy": {"password_history_size": 3}}, "password_history_size takes"),
        ({"user_pool_tier": "LITE", "email_mfa_configuration": {"enabled": True}}, "email_mfa_configuration takes"),
        (
            {"user_pool_tier": "ESSENTIALS", "user_pool_add_ons": {"advanced_security_mode": "AUDIT"}},
            "threat protection (AUDIT in user_pool_add_ons) takes the user_pool_tier PLUS, not ESSENTIALS",
        ),
        (
            {"user_pool_tier": "ESSENTIALS", "log_configurations": [EVENTS]},
            "userAuthEvents take the user_pool_tier PLUS",
        ),
        (
            {
                "email_mfa_configuration": {"enabled": True},
                "email_configuration": {"email_sending_account": "COGNITO_DEFAULT"},
            },
            "takes SES",
        ),
        (
            {
                "email_mfa_configuration": {"enabled": True},
                "account_recovery": [{"name": "verified_email", "priority": 1}],
            },
            "can't go with an account_recovery by verified_email alone",
        ),
        (
            {"account_recovery": [{"name": "admin_only", "priority": 1}, {"name": "verified_email", "priority": 2}]},
            "admin_only must be the only entry",
        ),
        (
            {
                "account_recovery": [
                    {"name": "verified_phone_number", "priority": 1},
                    {"name": "verified_email", "priority": 1},
                ]
            },
            "has a priority twice",
        ),
        ({"key_configuration": {"key_type": "CUSTOMER_MANAGED_KEY"}}, "takes kms_key_arn with CUSTOMER_MANAGED_KEY"),
        ({"key_configuration": {"key_type": "AWS_OWNED_KEY", "kms_key_arn": KEY}}, "and only with that"),
        (
            {
                "account_takeover_risk_configuration": {
                    "actions": {"high_action": {"event_action": "BLOCK", "notify": True}, "low_action": None}
                }
            },
            "takes a notify_configuration",
        ),
        ({"verification_message_template": {"email_message": "Code  now"}}, "email_message has no place for the code"),
        ({"verification_message_template": {"sms_message": "Code  now"}}, "sms_message has no place for the code"),
        ({"verification_message_template": {"email_message_by_link": "Click"}}, "{##words##}"),
        ({"email_mfa_configuration": {"enabled": True, "email_message": "Code  now"}}, "by !unsafe"),
        ({"log_configurations": [{**EVENTS, "log_level": "ERROR"}]}, "have the log_level INFO, not ERROR"),
        ({"log_configurations": [{**EVENTS, "cloud_watch_logs_configuration": None}]}, "take one destination; 0"),
        (
            {
                "log_configurations": [
                    {
                        "event_source": "userNotification",
                        "log_level": "ERROR",
                        "s3_configuration": {"bucket_arn": "arn:aws:s3:::logs"},
                    }
                ]
            },
            "can go to a log group only",
        ),
    ],
)
def test_what_aws_would_refuse_is_refused_before_any_call(params, text):
    told = refuse(params)
    assert told.startswith("user pool 'demo-users': ")
    assert text in told


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("FeatureUnavailableInTierException", "Take a higher user_pool_tier"),
        ("TierChangeNotAllowedException", "Turn off what AWS names"),
        ("UserImportInProgressException", "Users are being imported"),
        ("InvalidEmailRoleAccessPolicyException", "verified in SES"),
    ],
)
def test_refusals_come_with_what_helps(code, text):
    refused = Step("UpdateUserPool", api_error("UpdateUserPool", code, "no"))
    assert text in refuse({"deletion_protection": False}, *seen(), refused)


# ---- Removing it


ABSENT = {"state": "absent"}


def test_a_protected_pool_stays_unless_it_is_meant():
    assert "is protected against deletion" in refuse(ABSENT, *seen())


def test_protection_is_taken_from_a_pool_that_goes():
    run(
        {**ABSENT, "deletion_protection": False},
        *seen(),
        *seen(),
        Step("UpdateUserPool", {}, {**POOL, **KEPT, "DeletionProtection": "INACTIVE"}),
        Step("DeleteUserPool", {}, POOL),
        listed(),
    )


def test_the_end_of_a_domain_is_waited_for():
    unprotected = {"DeletionProtection": "INACTIVE"}
    run(
        ABSENT,
        *seen(**unprotected, Domain="demo-1"),
        *seen(**unprotected, Domain="demo-1"),
        *seen(**unprotected),
        Step("DeleteUserPool", {}, POOL),
        listed(),
    )


def test_a_pool_with_a_domain_stays_and_keeps_its_protection():
    text = refuse(
        {**ABSENT, "deletion_protection": False},
        *seen(Domain="demo-1", CustomDomain="auth.example.com"),
        *endless(*seen(Domain="demo-1", CustomDomain="auth.example.com")),
    )
    assert "while it has the domain demo-1 and auth.example.com. Delete that first" in text


def test_a_pool_whose_domain_is_gone_for_us_only_is_tried_again():
    refused = api_error(
        "DeleteUserPool",
        "InvalidParameterException",
        "User pool cannot be deleted. It has a domain configured that should be deleted first.",
    )
    unprotected = seen(DeletionProtection="INACTIVE")
    run(
        ABSENT,
        *unprotected,
        *unprotected,
        Step("DeleteUserPool", refused, POOL),
        *unprotected,
        *unprotected,
        Step("DeleteUserPool", {}, POOL),
        listed(),
    )


def test_a_dry_run_removes_nothing():
    result, _aws, _module = run({**ABSENT, "deletion_protection": False}, *seen(Domain="demo-1"), check_mode=True)
    assert result["changed"] is True
