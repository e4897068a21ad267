#!/usr/bin/python
# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
---
module: cognito_idp_user_pool
version_added: 0.1.0
short_description: Manage an Amazon Cognito user pool
description:
  - Creates, changes, tags and deletes a user pool with its policies, its messages, its factors for sign-in, its threat
    protection and the delivery of its logs.
  - Names of user pools aren't unique. The one that bears the tags of O(owned_by) is taken, of several the oldest. If
    none bears them and there is one of that name, the module refuses rather than to make another.
  - Cognito sets back what a change leaves out. So a change sends all of the pool's present configuration, with what is
    declared put into it. Old members that mean the same as new ones are sent as the new ones.
  - A pool that is deleted takes its users with it, and another one can't be given its ID. Delete its domains first.
author:
  - Contributors to the agent_platform.aws project (@agent-platform)
options:
  name:
    description:
      - Name of the user pool, of 1 to 128 letters, digits, spaces and characters of C(_+=,.@-).
    type: str
    required: true
  user_pool_tier:
    description:
      - The feature plan, which decides what the pool can do and what a user costs. AWS takes V(ESSENTIALS) for a new
        pool if it isn't set.
      - Passkeys, one-time passwords as the first factor, codes by e-mail as the second one, and the password history
        take V(ESSENTIALS) at least, threat protection and its logs take V(PLUS).
    type: str
    choices: [LITE, ESSENTIALS, PLUS]
  deletion_protection:
    description:
      - Whether Cognito refuses to delete the pool. To remove a protected one, give V(false) together with
        O(state=absent).
    type: bool
  password_policy:
    description:
      - What a password must be like. What isn't given of it stays as it is.
    type: dict
    suboptions:
      minimum_length:
        description:
          - How long it must be at least, 6 to 99 characters.
        type: int
      require_uppercase:
        description: Whether it must have an upper-case letter.
        type: bool
      require_lowercase:
        description: Whether it must have a lower-case letter.
        type: bool
      require_numbers:
        description: Whether it must have a digit.
        type: bool
      require_symbols:
        description: Whether it must have a character that is neither a letter nor a digit.
        type: bool
      password_history_size:
        description:
          - How many of a user's last passwords can't be used again, 0 to 24.
        type: int
      temporary_password_validity_days:
        description:
          - How many days a temporary password is good for, 1 to 365.
        type: int
  allowed_first_auth_factors:
    description:
      - With what users can begin to sign in. V(PASSWORD) is always one of them.
      - The others can't go with O(mfa_configuration=ON), but for V(WEB_AUTHN) with a passkey that counts as two
        factors, see O(web_authn_configuration).
    type: list
    elements: str
    choices: [PASSWORD, EMAIL_OTP, SMS_OTP, WEB_AUTHN]
  auto_verified_attributes:
    description:
      - What users are asked to verify with a code when they sign up, or give another one.
    type: list
    elements: str
    choices: [email, phone_number]
  attributes_require_verification_before_update:
    description:
      - Of these a changed value counts only when the user has verified it. Until then the old one does.
    type: list
    elements: str
    choices: [email, phone_number]
  alias_attributes:
    description:
      - With what users can sign in besides their user name. Not together with O(username_attributes). It can't be
        changed later.
    type: list
    elements: str
    choices: [email, phone_number, preferred_username]
  username_attributes:
    description:
      - What users sign up with in place of a user name. It can't be changed later.
    type: list
    elements: str
    choices: [email, phone_number]
  username_case_sensitive:
    description:
      - Whether user names that differ in capitals only are different ones. It can't be changed later. AWS makes them
        differ if it isn't set.
    type: bool
  schema:
    description:
      - Attributes of users, besides the standard ones or in place of how those are. Those that aren't named are left
        alone.
      - Custom attributes can be added later, 50 in all. Nothing else can ever be changed, and none removed.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the attribute, of 1 to 20 characters, without C(custom:).
        type: str
        required: true
      attribute_data_type:
        description: Type of its values.
        type: str
        choices: [String, Number, DateTime, Boolean]
      developer_only_attribute:
        description: Whether it is a custom attribute that only administrators can read and write (C(dev:)).
        type: bool
      mutable:
        description:
          - Whether its value can be changed. AWS makes it V(false) for each attribute that is named here if it isn't
            set, for a standard one as well, and then nobody can ever change it.
        type: bool
      required:
        description: Whether each user must have it. A custom attribute can't be required.
        type: bool
      string_attribute_constraints:
        description: Limits for texts.
        type: dict
        suboptions:
          min_length:
            description: How long a text is at least.
            type: str
          max_length:
            description: How long a text is at most, up to 2048.
            type: str
      number_attribute_constraints:
        description: Limits for numbers.
        type: dict
        suboptions:
          min_value:
            description: The lowest number.
            type: str
          max_value:
            description: The highest number.
            type: str
  verification_message_template:
    description:
      - What users get to verify an e-mail address or a telephone number. What isn't given of it stays as it is.
    type: dict
    suboptions:
      default_email_option:
        description: Whether an e-mail has a code or a link.
        type: str
        choices: [CONFIRM_WITH_CODE, CONFIRM_WITH_LINK]
      email_subject:
        description: Subject of an e-mail with a code, 1 to 140 characters.
        type: str
      email_message:
        description: Text of an e-mail with a code, 6 to 20000 characters, with C({####}) where the code stands.
        type: str
      email_subject_by_link:
        description: Subject of an e-mail with a link.
        type: str
      email_message_by_link:
        description: Text of an e-mail with a link, with C({##words##}) for the words that are the link.
        type: str
      sms_message:
        description: Text message with a code, 6 to 140 characters, with C({####}) where it stands.
        type: str
  allow_admin_create_user_only:
    description:
      - Whether only administrators can create users. With V(false) anybody can sign up.
    type: bool
  invite_message_template:
    description:
      - What users get that an administrator has created, with C({username}) and C({####}) for the temporary password.
        What isn't given of it stays as it is.
    type: dict
    suboptions:
      email_subject:
        description: Subject of the e-mail, 1 to 140 characters.
        type: str
      email_message:
        description: Text of the e-mail, 6 to 20000 characters.
        type: str
      sms_message:
        description: Text message, 6 to 140 characters.
        type: str
  email_configuration:
    description:
      - How e-mails are sent. An empty text takes a part of it away; what isn't given stays as it is.
      - With V(COGNITO_DEFAULT) Cognito sends 50 e-mails a day at most, with V(DEVELOPER) as many as SES lets the
        account send. Cognito then makes the service-linked role of C(email.cognito-idp.amazonaws.com), for which the
        identity of the run needs C(iam:CreateServiceLinkedRole).
    type: dict
    suboptions:
      email_sending_account:
        description: Whether Cognito sends e-mails by itself or with SES.
        type: str
        choices: [COGNITO_DEFAULT, DEVELOPER]
      source_arn:
        description: ARN of the verified identity of SES. V(DEVELOPER) needs it.
        type: str
      from:
        description: The sender, as C(Name <address>) or the address alone.
        type: str
      reply_to_email_address:
        description: Where answers go to.
        type: str
      configuration_set:
        description: Name of a configuration set of SES.
        type: str
  account_recovery:
    description:
      - How users who have forgotten their password can set a new one, in the order of O(account_recovery[].priority).
      - E-mails alone can't serve for that where they are a second factor, too.
    type: list
    elements: dict
    suboptions:
      name:
        description: The way. V(admin_only) must be the only one.
        type: str
        required: true
        choices: [verified_email, verified_phone_number, admin_only]
      priority:
        description: V(1) comes before V(2).
        type: int
        required: true
  device_configuration:
    description:
      - Whether and how devices are remembered. An empty dict stands for not at all.
    type: dict
    suboptions:
      challenge_required_on_new_device:
        description: Whether a remembered device stands for the second factor.
        type: bool
      device_only_remembered_on_user_prompt:
        description: Whether users are asked before their device is remembered.
        type: bool
  user_pool_add_ons:
    description:
      - Threat protection. What isn't given of it is off.
    type: dict
    suboptions:
      advanced_security_mode:
        description: Whether risks are looked for, and with V(ENFORCED) answered, too.
        type: str
        required: true
        choices: ["OFF", AUDIT, ENFORCED]
      advanced_security_additional_flows:
        description: The same for sign-in by own challenges.
        type: dict
        suboptions:
          custom_auth_mode:
            description: Whether risks are looked for, and with V(ENFORCED) answered, too.
            type: str
            choices: [AUDIT, ENFORCED]
  compromised_credentials_risk_configuration:
    description:
      - What is done about passwords that are known to be stolen. An empty dict stands for nothing. It takes threat
        protection.
    type: dict
    suboptions:
      event_filter:
        description: When passwords are looked up. Always, if it isn't set.
        type: list
        elements: str
        choices: [SIGN_IN, PASSWORD_CHANGE, SIGN_UP]
      actions:
        description: What is done.
        type: dict
        suboptions:
          event_action:
            description: Whether the user must set another one.
            type: str
            required: true
            choices: [BLOCK, NO_ACTION]
  account_takeover_risk_configuration:
    description:
      - What is done about a sign-in that looks like someone else's. What isn't given of it is taken away. An empty dict
        stands for nothing. It takes threat protection.
    type: dict
    suboptions:
      actions:
        description: What is done, by how great the risk is. Nothing, for what isn't given.
        type: dict
        suboptions:
          low_action:
            description: What is done about a low risk.
            type: dict
            suboptions: &action
              event_action:
                description: Whether it is let through, and with which second factor.
                type: str
                required: true
                choices: [BLOCK, MFA_IF_CONFIGURED, MFA_REQUIRED, NO_ACTION]
              notify:
                description: Whether the user gets an e-mail, for which C(notify_configuration) must be given.
                type: bool
                required: true
          medium_action:
            description: What is done about a medium risk.
            type: dict
            suboptions: *action
          high_action:
            description: What is done about a high risk.
            type: dict
            suboptions: *action
      notify_configuration:
        description: How users are told.
        type: dict
        suboptions:
          from:
            description: The sender.
            type: str
          reply_to:
            description: Where answers go to.
            type: str
          source_arn:
            description: ARN of the verified identity of SES.
            type: str
            required: true
          block_email:
            description: The e-mail about a sign-in that was blocked.
            type: dict
            suboptions: &email
              subject:
                description: Its subject.
                type: str
                required: true
              html_body:
                description: Its text in HTML.
                type: str
              text_body:
                description: Its plain text.
                type: str
          no_action_email:
            description: The e-mail about a sign-in that was let through.
            type: dict
            suboptions: *email
          mfa_email:
            description: The e-mail about a sign-in that took a second factor.
            type: dict
            suboptions: *email
  risk_exception_configuration:
    description:
      - Addresses that are never let in, or always without a look. An empty dict stands for none. It takes threat
        protection.
    type: dict
    suboptions:
      blocked_ip_range_list:
        description: Ranges in CIDR notation from which nobody is let in.
        type: list
        elements: str
      skipped_ip_range_list:
        description: Ranges in CIDR notation whose sign-ins count as without risk.
        type: list
        elements: str
  lambda_config:
    description:
      - ARNs of the functions that Cognito calls. Those that aren't given are taken away, an empty dict takes them all.
      - Each function must let C(cognito-idp.amazonaws.com) call it.
    type: dict
    suboptions:
      pre_sign_up: &function
        description: ARN of the function of that trigger.
        type: str
      custom_message: *function
      post_confirmation: *function
      pre_authentication: *function
      post_authentication: *function
      define_auth_challenge: *function
      create_auth_challenge: *function
      verify_auth_challenge_response: *function
      user_migration: *function
      pre_token_generation_config:
        description: The function that changes tokens, and which form its events have.
        type: dict
        suboptions:
          lambda_arn: &arn
            description: ARN of the function.
            type: str
            required: true
          lambda_version:
            description: Form of the events. V(V2_0) and V(V3_0) take the plan ESSENTIALS or PLUS.
            type: str
            required: true
            choices: [V1_0, V2_0, V3_0]
      custom_email_sender:
        description: The function that sends e-mails in place of Cognito.
        type: dict
        suboptions: &sender
          lambda_arn: *arn
          lambda_version:
            description: Form of the events.
            type: str
            required: true
            choices: [V1_0]
      custom_sms_sender:
        description: The function that sends text messages in place of Cognito.
        type: dict
        suboptions: *sender
      inbound_federation:
        description: The function that looks at users who come from another identity provider.
        type: dict
        suboptions: *sender
      kms_key_id:
        description: ARN of the KMS key that encrypts codes for the functions that send messages.
        type: str
  key_configuration:
    description:
      - The key that encrypts the pool's data. It can be changed.
    type: dict
    suboptions:
      key_type:
        description: Whether it is AWS's key or one of ours.
        type: str
        required: true
        choices: [AWS_OWNED_KEY, CUSTOMER_MANAGED_KEY]
      kms_key_arn:
        description:
          - ARN of the symmetric KMS key, of the pool's own region, with V(CUSTOMER_MANAGED_KEY).
          - Its policy must let C(cognito-idp.amazonaws.com) and C(identitystore.amazonaws.com) use it for this pool.
        type: str
  issuer_type:
    description:
      - Which issuer stands in tokens. V(UPDATED) is C(https://issuer-cognito-idp.<region>.amazonaws.com/<pool id>),
        which several regions serve. Everything that checks tokens must know the issuer. Rules of load balancers and
        authorizers of API Gateway that go by a user pool don't take it.
    type: str
    choices: [ORIGINAL, UPDATED]
  mfa_configuration:
    description:
      - Whether users need a second factor. V(ON) and V(OPTIONAL) take one at least of O(software_token_mfa) and
        O(email_mfa_configuration). V(OFF) goes with none.
    type: str
    choices: ["OFF", "ON", OPTIONAL]
  software_token_mfa:
    description:
      - Whether an authenticator app (TOTP) can be the second factor.
    type: bool
  email_mfa_configuration:
    description:
      - Whether codes by e-mail can be the second factor. That takes SES, see O(email_configuration).
      - Both this and O(software_token_mfa) take O(mfa_configuration) V(ON) or V(OPTIONAL).
    type: dict
    suboptions:
      enabled:
        description: Whether they can.
        type: bool
        required: true
      email_subject:
        description: Subject of the e-mail. AWS's own, if it isn't set.
        type: str
      email_message:
        description: Text of the e-mail, 6 to 20000 characters, with C({####}) where the code stands. AWS's own, if it
          isn't set.
        type: str
  web_authn_configuration:
    description:
      - How passkeys are used. What isn't given of it stays as it is.
    type: dict
    suboptions:
      relying_party_id:
        description:
          - The domain for which passkeys are made. A changed one makes all passkeys useless.
          - Cognito takes the pool's domain if it isn't set, and the custom one as soon as there is one. A pool with a
            custom domain must have that one for its sign-in pages.
        type: str
      user_verification:
        description: Whether a passkey must ask for a PIN, a finger or a face.
        type: str
        choices: [preferred, required]
      factor_configuration:
        description: Whether a passkey that has verified its user counts as two factors.
        type: str
        choices: [SINGLE_FACTOR, MULTI_FACTOR_WITH_USER_VERIFICATION]
  log_configurations:
    description:
      - Where logs of the pool go to. Others are taken away.
      - A log group must not be encrypted with a KMS key. Cognito puts a resource policy for it by itself, so the
        identity of the run needs C(logs:CreateLogDelivery), C(logs:GetLogDelivery), C(logs:UpdateLogDelivery),
        C(logs:DeleteLogDelivery), C(logs:ListLogDeliveries), C(logs:PutResourcePolicy),
        C(logs:DescribeResourcePolicies) and C(logs:DescribeLogGroups). A group below C(/aws/vendedlogs) never meets the
        limit for the size of such policies.
    type: list
    elements: dict
    suboptions:
      event_source:
        description:
          - What is told. V(userNotification) tells of messages that couldn't be delivered, V(userAuthEvents) of
            sign-ins as threat protection sees them.
        type: str
        required: true
        choices: [userNotification, userAuthEvents]
      log_level:
        description:
          - V(ERROR) for V(userNotification), V(INFO) for V(userAuthEvents).
        type: str
        required: true
        choices: [ERROR, INFO]
      cloud_watch_logs_configuration:
        description: A log group.
        type: dict
        suboptions:
          log_group_arn:
            description: Its ARN, with or without C(:*) at the end.
            type: str
      s3_configuration:
        description: A bucket, for V(userAuthEvents).
        type: dict
        suboptions:
          bucket_arn:
            description: Its ARN.
            type: str
      firehose_configuration:
        description: A stream of Data Firehose, for V(userAuthEvents).
        type: dict
        suboptions:
          stream_arn:
            description: Its ARN.
            type: str
extends_documentation_fragment:
  - agent_platform.aws.resource
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - agent_platform.aws.resource.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Make a user pool into which only administrators bring users
  agent_platform.aws.cognito_idp_user_pool:
    name: demo-dev-users
    user_pool_tier: ESSENTIALS
    deletion_protection: true
    username_attributes: [email]
    username_case_sensitive: false
    auto_verified_attributes: [email]
    allow_admin_create_user_only: true
    password_policy:
      minimum_length: 14
      require_uppercase: true
      require_lowercase: true
      require_numbers: true
      require_symbols: true
      password_history_size: 5
      temporary_password_validity_days: 3
    account_recovery:
      - name: verified_email
        priority: 1
    mfa_configuration: OPTIONAL
    software_token_mfa: true
    tags:
      Project: demo

- name: Answer risks, and tell of sign-ins in a log group
  agent_platform.aws.cognito_idp_user_pool:
    name: demo-dev-users
    user_pool_tier: PLUS
    user_pool_add_ons:
      advanced_security_mode: ENFORCED
    compromised_credentials_risk_configuration:
      actions:
        event_action: BLOCK
    log_configurations:
      - event_source: userAuthEvents
        log_level: INFO
        cloud_watch_logs_configuration:
          log_group_arn: arn:aws:logs:us-west-2:123456789012:log-group:/aws/vendedlogs/demo/users

- name: Remove a protected user pool with all users in it
  agent_platform.aws.cognito_idp_user_pool:
    name: demo-dev-users
    deletion_protection: false
    state: absent
"""

RETURN = r"""
user_pool:
  description: The user pool as Cognito describes it; empty when it is absent.
  returned: always
  type: dict
  contains:
    arn:
      description: ARN of the user pool. Not known in check mode before it exists.
      type: str
      sample: arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_aBcDeFgHi
    custom_domain:
      description: Its custom domain, if it has one.
      type: str
    domain:
      description: Its prefix domain, if it has one.
      type: str
    id:
      description: ID of the user pool. Not known in check mode before it exists.
      type: str
      sample: us-west-2_aBcDeFgHi
    log_configurations:
      description: Where its logs go to, if that was declared.
      type: list
      elements: dict
    mfa:
      description: Its factors, as C(GetUserPoolMfaConfig) tells them.
      type: dict
    name:
      description: Name of the user pool.
      type: str
    risk_configuration:
      description: What is done about risks, if that was declared.
      type: dict
    tags:
      description: Tags of the user pool.
      type: dict
    user_pool_tier:
      description: Its feature plan.
      type: str
"""

import copy
import re

from ..module_utils.cognito import NOT_FOUND, CognitoResource
from ..module_utils.declarations import Addition, Create, Delete, Describe, Setting, Tagging, Update
from ..module_utils.faults import ResourceError
from ..module_utils.finding import VISIBLE_AFTER
from ..module_utils.resource import run_module
from ..module_utils.values import camel, camel_name, get_path, is_satisfied, set_path, snake, without_unset

ID = {"UserPoolId": "Id"}
MFA = "mfa_configuration"
EMAIL_MFA = "email_mfa_configuration"
SECOND_FACTORS = ("software_token_mfa", EMAIL_MFA)
FACTORS = "allowed_first_auth_factors"
RISKS = (
    "compromised_credentials_risk_configuration",
    "account_takeover_risk_configuration",
    "risk_exception_configuration",
)
# What UpdateUserPool sets back where it isn't sent. Of some members that isn't so today, and nowhere said.
RESET = (
    "AccountRecoverySetting",
    "AdminCreateUserConfig",
    "AutoVerifiedAttributes",
    "DeletionProtection",
    "DeviceConfiguration",
    "EmailConfiguration",
    "IssuerConfiguration",
    "KeyConfiguration",
    "LambdaConfig",
    "MfaConfiguration",
    "Policies",
    "SmsAuthenticationMessage",
    "SmsConfiguration",
    "UserAttributeUpdateSettings",
    "UserPoolAddOns",
    "UserPoolTags",
    "UserPoolTier",
    "VerificationMessageTemplate",
)
# Older members that mean the same as those of the template.
OLDER_MESSAGES = {
    "EmailMessage": "EmailVerificationMessage",
    "EmailSubject": "EmailVerificationSubject",
    "SmsMessage": "SmsVerificationMessage",
}
# Messages that AWS refuses without a place for the code or the link.
MARKED = (
    ("verification_message_template", "email_message", r"\{####\}"),
    ("verification_message_template", "sms_message", r"\{####\}"),
    ("verification_message_template", "email_message_by_link", r"\{##[^#]*##\}"),
    (EMAIL_MFA, "email_message", r"\{####\}"),
)
NO_FACTOR = (
    f"{MFA} is OFF, which goes with no second factor; make it OPTIONAL, or turn software_token_mfa and {EMAIL_MFA} off."
)
MOST_ADDED = 25  # custom attributes in one call
PREFIXES = ("custom:", "dev:")
# Options that sound like secrets.
NO_SECRETS = (
    "key_configuration",
    "key_configuration.kms_key_arn",
    "lambda_config.pre_token_generation_config",
    "password_policy",
    "password_policy.password_history_size",
    "password_policy.temporary_password_validity_days",
    "software_token_mfa",
)


def spelled(**members):
    """Turns options into members, some of which AWS writes otherwise than their words say."""

    def encode(value):
        return {
            members.get(option) or camel_name(option, capital=True): camel(inner, capital=True)
            for option, inner in value.items()
        }

    return encode


def filled(value):
    """What of a value says something; of a list in any order."""
    if isinstance(value, dict):
        return {key: inner for key, inner in ((key, filled(inner)) for key, inner in value.items()) if inner != {}}
    if isinstance(value, list):
        return sorted(value)
    return {} if value in (None, "") else value


def same_whole(current, desired):
    """Whether a dict that is replaced as a whole is as declared."""
    return filled(current) == filled(desired)


def same_or_none(current, desired):
    """The same for one that AWS completes."""
    return is_satisfied(current, desired, unordered=True) if desired else not current


def of_passwords(value):
    """A policy as AWS describes it where the plan has no history."""
    return {"password_history_size": 0, **snake(value)}


def to_protection(value):
    return "ACTIVE" if value else "INACTIVE"


def of_protection(value):
    return value == "ACTIVE"


def to_email(value):
    return {member: text for member, text in camel(value, capital=True).items() if text}


def of_schema(attributes):
    """Attributes by the names that they were given."""
    return [{**attribute, "name": bare(attribute["name"])} for attribute in snake(attributes)]


def bare(name):
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)


def to_functions(value):
    functions = spelled(custom_sms_sender="CustomSMSSender", kms_key_id="KMSKeyID")(value)
    # The older member says the same, or is refused.
    changer = functions.get("PreTokenGenerationConfig")
    return {**functions, "PreTokenGeneration": changer["LambdaArn"]} if changer else functions


def of_functions(value):
    functions = snake(value)
    changer = functions.pop("pre_token_generation", None)
    if changer:
        functions.setdefault("pre_token_generation_config", {"lambda_arn": changer, "lambda_version": "V1_0"})
    return functions


to_risk = spelled(blocked_ip_range_list="BlockedIPRangeList", skipped_ip_range_list="SkippedIPRangeList")


def to_email_mfa(value):
    members = {"Subject": value.get("email_subject"), "Message": value.get("email_message")}
    return {member: text for member, text in members.items() if text}


def of_email_mfa(value):
    return {"enabled": True, "email_subject": value.get("Subject"), "email_message": value.get("Message")}


def without_streams(configurations):
    """Destinations, log groups by the ARN without the ":*" that stands for their streams."""
    path = "cloud_watch_logs_configuration.log_group_arn"
    result = copy.deepcopy(configurations)
    for item in result:
        if get_path(item, path):
            set_path(item, path, get_path(item, path).removesuffix(":*"))
    return result


def of_logs(value):
    return without_streams(snake(value))


def pool(option, member, **how):
    """A setting of the pool itself."""
    return Setting(option, member, update="pool", **how)


def risk(option, same=same_whole):
    """A setting of threat protection."""
    member = camel_name(option, capital=True)
    return Setting(
        option,
        None,
        read=f"RiskConfiguration.{member}",
        update="risk",
        update_members=(member,),
        absent={},
        same=same,
        encode=to_risk,
        decode=snake,
    )


class UserPool(CognitoResource):
    kind = "user pool"
    result = "user_pool"
    names = {"PoolName": "name"}
    identifier = "Id"
    made_at = "CreationDate"
    unique_name = False
    describe = Describe("ListUserPools", "UserPools", many=True)
    create = Create("CreateUserPool", tags="UserPoolTags", made="UserPool.Id")
    delete = Delete("DeleteUserPool", missing=NOT_FOUND, by=ID)
    settings = (
        pool("user_pool_tier", "UserPoolTier"),
        pool(
            "deletion_protection",
            "DeletionProtection",
            absent=False,
            encode=to_protection,
            decode=of_protection,
        ),
        pool("password_policy", "Policies.PasswordPolicy", partial=True, decode=of_passwords),
        pool(FACTORS, "Policies.SignInPolicy.AllowedFirstAuthFactors", unordered=True, absent=["PASSWORD"]),
        pool("auto_verified_attributes", "AutoVerifiedAttributes", unordered=True, absent=[]),
        pool(
            "attributes_require_verification_before_update",
            "UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate",
            unordered=True,
            absent=[],
        ),
        Setting("alias_attributes", "AliasAttributes", unordered=True, absent=[]),
        Setting("username_attributes", "UsernameAttributes", unordered=True, absent=[]),
        Setting("username_case_sensitive", "UsernameConfiguration.CaseSensitive", absent=True),
        Setting(
            "schema",
            "Schema",
            read="SchemaAttributes",
            update="attributes",
            update_members=("CustomAttributes",),
            unordered=True,
            key="name",
            absent=[],
            decode=of_schema,
        ),
        pool("verification_message_template", "VerificationMessageTemplate", partial=True, absent={}),
        pool("allow_admin_create_user_only", "AdminCreateUserConfig.AllowAdminCreateUserOnly", absent=False),
        pool(
            "invite_message_template",
            "AdminCreateUserConfig.InviteMessageTemplate",
            partial=True,
            absent={},
            encode=spelled(sms_message="SMSMessage"),
            decode=snake,
        ),
        pool("email_configuration", "EmailConfiguration", partial=True, absent={}, encode=to_email, decode=snake),
        pool(
            "account_recovery",
            "AccountRecoverySetting.RecoveryMechanisms",
            unordered=True,
            key="name",
            absent=[],
        ),
        pool("device_configuration", "DeviceConfiguration", absent={}, same=same_or_none),
        pool("user_pool_add_ons", "UserPoolAddOns", absent={"advanced_security_mode": "OFF"}, same=same_whole),
        pool(
            "lambda_config",
            "LambdaConfig",
            absent={},
            same=same_whole,
            encode=to_functions,
            decode=of_functions,
        ),
        pool("key_configuration", "KeyConfiguration", absent={"key_type": "AWS_OWNED_KEY"}, same=same_whole),
        pool("issuer_type", "IssuerConfiguration.Type", absent="ORIGINAL"),
        Setting(
            MFA,
            None,
            read="Mfa.MfaConfiguration",
            update="mfa",
            update_members=("MfaConfiguration",),
            absent="OFF",
        ),
        Setting(
            "software_token_mfa",
            None,
            read="Mfa.SoftwareTokenMfaConfiguration.Enabled",
            update="mfa",
            update_members=("SoftwareTokenMfaConfiguration.Enabled",),
            absent=False,
        ),
        Setting(
            EMAIL_MFA,
            None,
            read="Mfa.EmailMfaConfiguration",
            update="mfa",
            update_members=("EmailMfaConfiguration",),
            absent={"enabled": False},
            encode=to_email_mfa,
            decode=of_email_mfa,
        ),
        Setting(
            "web_authn_configuration",
            None,
            read="Mfa.WebAuthnConfiguration",
            update="mfa",
            update_members=("WebAuthnConfiguration",),
            partial=True,
            absent={},
        ),
        risk(RISKS[0], same_or_none),
        risk(RISKS[1]),
        risk(RISKS[2]),
        Setting(
            "log_configurations",
            None,
            read="LogConfigurations",
            update="logs",
            update_members=("LogConfigurations",),
            unordered=True,
            key="event_source",
            absent=[],
            given=without_streams,
            decode=of_logs,
        ),
    )
    protection = "deletion_protection"
    updates = {
        "attributes": Update("AddCustomAttributes", by=ID),
        "pool": Update("UpdateUserPool", by=ID),
        "mfa": Update("SetUserPoolMfaConfig", by=ID),
        "risk": Update("SetRiskConfiguration", by=ID),
        "logs": Update("SetLogDeliveryConfiguration", by=ID),
    }
    tagging = Tagging(
        "TagResource",
        "UntagResource",
        by={"ResourceArn": "Arn"},
        read="UserPoolTags",
        tags_member="Tags",
        keys_member="TagKeys",
    )
    free_form = ("UserPoolTags",)
    additions = (
        Addition("DescribeUserPool", "UserPool", by=ID, missing=NOT_FOUND, itself=True),
        Addition("GetUserPoolMfaConfig", "", "Mfa", by=ID, missing=NOT_FOUND, empty={}),
        Addition(
            "DescribeRiskConfiguration",
            "RiskConfiguration",
            "RiskConfiguration",
            by=ID,
            missing=(*NOT_FOUND, "UserPoolAddOnNotEnabledException"),
            empty={},
        ),
        Addition(
            "GetLogDeliveryConfiguration",
            "LogDeliveryConfiguration.LogConfigurations",
            "LogConfigurations",
            by=ID,
            missing=NOT_FOUND,
            empty=[],
            option="log_configurations",
        ),
    )
    # Another change is under way, or the pool or its last domain's end isn't known everywhere yet.
    passing = {
        "ConcurrentModificationException": ("",),
        "InvalidParameterException": ("It has a domain configured",),
        "ResourceNotFoundException": ("",),
    }
    hints = {
        "FeatureUnavailableInTierException": {"": "Take a higher user_pool_tier, or turn off what AWS names."},
        "TierChangeNotAllowedException": {"": "Turn off what AWS names, or keep the user_pool_tier."},
        "UserPoolAddOnNotEnabledException": {"": "Turn threat protection on, see user_pool_add_ons."},
        "UserImportInProgressException": {"": "Users are being imported; run again when that is over."},
        "InvalidEmailRoleAccessPolicyException": {
            "": "See that the identity is verified in SES, in a region that the user pool can use, and that the "
            "identity of this run may make the service-linked role of email.cognito-idp.amazonaws.com."
        },
    }
    unmanaged = {
        **dict.fromkeys(
            (
                "CreateUserPool.EmailVerificationMessage",
                "CreateUserPool.EmailVerificationSubject",
                "CreateUserPool.SmsVerificationMessage",
                "UpdateUserPool.EmailVerificationMessage",
                "UpdateUserPool.EmailVerificationSubject",
                "UpdateUserPool.SmsVerificationMessage",
            ),
            "older forms of the verification message template",
        ),
        **dict.fromkeys(
            (
                "CreateUserPool.AdminCreateUserConfig.UnusedAccountValidityDays",
                "UpdateUserPool.AdminCreateUserConfig.UnusedAccountValidityDays",
            ),
            "the older form of the validity of temporary passwords",
        ),
        **dict.fromkeys(
            ("CreateUserPool.SmsAuthenticationMessage", "CreateUserPool.SmsConfiguration"),
            "text messages are left to whoever sets them up; a change keeps what is there",
        ),
        "CreateUserPool.MfaConfiguration": "factors are set by a call of their own, before which AWS takes text "
        "messages only",
        **dict.fromkeys(
            ("AdminDisableProviderForUser", "AdminLinkProviderForUser"), "at which other provider a user is known, too"
        ),
        "SetUICustomization": "how the sign-in pages look is left to who draws them",
        "UpdateUserPool.PoolName": "the name is how the pool is found",
        "SetRiskConfiguration.ClientId": "clients follow the user pool",
    }
    timeout = 120

    # ---- Finding

    def describe_request(self):
        return {"MaxResults": 60}

    def normal(self, description):
        return {**description, "PoolName": description["Name"]}

    def select(self, found):
        """Those of the name, and of these the ones that bear the owner's tags, as far as there are any."""
        named = super().select(found)
        if len(named) < 2:
            return named
        return self.ours_first([{**item, **self.described(item)} for item in named])

    def described(self, item):
        """The description of one of several, with its tags."""
        return (self.read("DescribeUserPool", {"UserPoolId": item["Id"]}, NOT_FOUND) or {}).get("UserPool", {})

    def wanted(self, addition):
        if addition.operation == "DescribeRiskConfiguration":
            return self.options["state"] == "present" and any(self.options[option] is not None for option in RISKS)
        return super().wanted(addition)

    # ---- Refusals

    def run(self):
        problem = self.problem() if self.options["state"] == "present" else None
        if problem:
            raise ResourceError(f"{self.title}: {problem}")
        return super().run()

    def problem(self):
        """What is wrong with the options together."""
        return next((text for wrong, text in self.rules() if wrong), None)

    def rules(self):
        """Combinations that AWS refuses, each with what to say of it."""
        options = self.options
        tier, mode, factors = options["user_pool_tier"], options[MFA], options[FACTORS]
        mails, recovery = options[EMAIL_MFA] or {}, [item["name"] for item in options["account_recovery"] or []]
        sender = (options["email_configuration"] or {}).get("email_sending_account")
        threats = (options["user_pool_add_ons"] or {}).get("advanced_security_mode", "OFF")
        key = options["key_configuration"] or {}
        takeover = options["account_takeover_risk_configuration"] or {}
        logs = options["log_configurations"] or []
        told = any((action or {}).get("notify") for action in (takeover.get("actions") or {}).values())
        more = {
            "allowed_first_auth_factors": bool(set(factors or []) - {"PASSWORD"}),
            "password_policy.password_history_size": bool(
                (options["password_policy"] or {}).get("password_history_size")
            ),
            EMAIL_MFA: bool(mails.get("enabled")),
        }
        yield (
            options["alias_attributes"] and options["username_attributes"],
            "alias_attributes and username_attributes exclude each other; give one of them.",
        )
        yield factors is not None and "PASSWORD" not in factors, f"{FACTORS} must have PASSWORD; add it."
        yield mode == "OFF" and self.wants_factor(), NO_FACTOR
        yield (
            mode == "ON" and set(factors or []) & {"EMAIL_OTP", "SMS_OTP"},
            f"{MFA} is ON, which goes with no one-time password in {FACTORS}; make it OPTIONAL, or take EMAIL_OTP and "
            "SMS_OTP away.",
        )
        for option, wanted in more.items():
            yield tier == "LITE" and wanted, f"{option} takes the user_pool_tier ESSENTIALS or PLUS, not LITE."
        yield (
            tier not in (None, "PLUS") and threats != "OFF",
            f"threat protection ({threats} in user_pool_add_ons) takes the user_pool_tier PLUS, not {tier}.",
        )
        yield (
            tier not in (None, "PLUS") and any(item["event_source"] == "userAuthEvents" for item in logs),
            f"logs of userAuthEvents take the user_pool_tier PLUS, not {tier}.",
        )
        yield (
            mails.get("enabled") and sender == "COGNITO_DEFAULT",
            f"{EMAIL_MFA} takes SES; give email_configuration the email_sending_account DEVELOPER.",
        )
        yield (
            mails.get("enabled") and recovery == ["verified_email"],
            f"{EMAIL_MFA} can't go with an account_recovery by verified_email alone; add verified_phone_number, or "
            "make it admin_only.",
        )
        yield (
            "admin_only" in recovery and len(recovery) > 1,
            "admin_only must be the only entry of account_recovery; take the others away.",
        )
        watched, verified = (
            options["attributes_require_verification_before_update"],
            options["auto_verified_attributes"],
        )
        unverified = set() if verified is None else set(watched or []) - set(verified)
        yield (
            unverified,
            f"attributes_require_verification_before_update has {', '.join(sorted(unverified))}, which must be in "
            "auto_verified_attributes, too.",
        )
        yield (
            (options["password_policy"] or {}).get("temporary_password_validity_days") == 0,
            "password_policy.temporary_password_validity_days is 0, which AWS takes for 7; give 1 to 365.",
        )
        places = [item["priority"] for item in options["account_recovery"] or []]
        yield len(places) != len(set(places)), "account_recovery has a priority twice; give each its own, 1 or 2."
        yield (
            (key.get("key_type") == "CUSTOMER_MANAGED_KEY") != bool(key.get("kms_key_arn")),
            "key_configuration takes kms_key_arn with CUSTOMER_MANAGED_KEY, and only with that.",
        )
        yield (
            told and not takeover.get("notify_configuration"),
            "account_takeover_risk_configuration has notify: true, which takes a notify_configuration; give it.",
        )
        for option, key, pattern in MARKED:
            text = (options[option] or {}).get(key)
            yield (
                text and not re.search(pattern, text),
                f"{option}.{key} has no place for the code. Put {{####}} into it, or {{##words##}} for a link; in a "
                "playbook by !unsafe, as Ansible takes {# for the beginning of a comment.",
            )
        for item in logs:
            yield from self.log_rules(item)

    def wants_factor(self):
        return self.options["software_token_mfa"] or (self.options[EMAIL_MFA] or {}).get("enabled")

    @staticmethod
    def log_rules(item):
        source = item["event_source"]
        level = {"userNotification": "ERROR", "userAuthEvents": "INFO"}[source]
        places = [place for place in ("cloud_watch_logs", "s3", "firehose") if item.get(f"{place}_configuration")]
        yield item["log_level"] != level, f"logs of {source} have the log_level {level}, not {item['log_level']}."
        yield len(places) != 1, f"logs of {source} take one destination; {len(places)} are given."
        yield (
            source == "userNotification" and places != ["cloud_watch_logs"],
            "logs of userNotification can go to a log group only; give cloud_watch_logs_configuration.",
        )

    def refuse(self, current, changes):
        current = current or {}
        change = changes.get("schema")
        altered = self.altered(change) if change else {}
        if altered:
            raise ResourceError(
                f"Attributes of {self.title} can't be changed ({'; '.join(altered.values())}): Cognito never changes "
                "or removes one. Go back to what is there, or take another name."
            )
        mode, request = self.mfa_mode(current), self.mfa_request(current)
        if mode == "OFF" and self.wants_factor():
            raise ResourceError(f"{self.title}: {NO_FACTOR}")
        declared = any(self.options[option] is not None for option in (MFA, *SECOND_FACTORS))
        if declared and mode != "OFF" and not has_factor(request):
            raise ResourceError(
                f"{self.title} can't have {MFA} {mode} without a second factor. Turn software_token_mfa or {EMAIL_MFA} "
                "on, or MFA off."
            )
        factor = get_path(request, "WebAuthnConfiguration.FactorConfiguration")
        passkeys = "WEB_AUTHN" in self.effective(FACTORS, current)
        if passkeys and mode == "ON" and factor != "MULTI_FACTOR_WITH_USER_VERIFICATION" and self.options[FACTORS]:
            raise ResourceError(
                f"{self.title} can't have WEB_AUTHN in {FACTORS} with {MFA} ON. Give web_authn_configuration the "
                "factor_configuration MULTI_FACTOR_WITH_USER_VERIFICATION, or make MFA OPTIONAL."
            )

    @staticmethod
    def altered(change):
        """The attributes that are there, and not as declared."""
        have = {attribute["name"]: attribute for attribute in change.current or []}
        return {
            want["name"]: f"{want['name']}: is {have[want['name']]}, declared {want}"
            for want in change.added
            if want["name"] in have
        }

    # ---- Values

    def changes(self, current):
        found = super().changes(current)
        if MFA not in found and self.mfa_mode(current) == "OFF" and not self.wants_factor():
            # A factor that is off, as all are then, however AWS tells of it.
            found = {option: change for option, change in found.items() if option not in SECOND_FACTORS}
        return found

    def decoded(self, setting, description):
        value = super().decoded(setting, description)
        if setting.option != "schema":
            return value
        # All pools have some twenty attributes; which others there are is left alone.
        names = {attribute["name"] for attribute in self.options["schema"] or []}
        return [attribute for attribute in value if attribute["name"] in names]

    def predicted(self, current):
        future = super().predicted(current)
        # What is replaced as a whole isn't mixed with what was there.
        for change in self.changes(future).values():
            set_path(future, change.setting.path, self.encode(change.setting, change.desired))
        if (self.options[EMAIL_MFA] or {}).get("enabled") is False:
            future.get("Mfa", {}).pop("EmailMfaConfiguration", None)
        return future

    def effective(self, option, current):
        """What is declared, or else what is there."""
        declared = without_unset(self.options[option])
        return self.decoded(self.setting(option), current) if declared is None else declared

    def mfa_mode(self, current):
        return self.effective(MFA, current)

    def create_request(self):
        request = super().create_request()
        # What AWS does by itself isn't asked for, where not all of its regions know it.
        for option, member in (("key_configuration", "KeyConfiguration"), ("issuer_type", "IssuerConfiguration")):
            setting = self.setting(option)
            if self.options[option] is not None and setting.satisfied(setting.absent, self.options[option]):
                request.pop(member, None)
        return as_taken(request)

    # ---- Updates

    def update_order(self, current, changes):
        """MFA comes first where the pool's own change needs it, and what takes a higher plan before that goes."""
        first = set()
        mails = changes.get(EMAIL_MFA)
        if (
            (mails and not mails.desired["enabled"])
            or (MFA in changes and changes[MFA].desired == "OFF")
            or ("web_authn_configuration" in changes and self.mfa_mode(current) == "ON")
        ):
            first.add("mfa")
        tier, threats = changes.get("user_pool_tier"), changes.get("user_pool_add_ons")
        if (tier and tier.desired != "PLUS") or (threats and threats.desired["advanced_security_mode"] == "OFF"):
            first |= {"risk", "logs"}
        return sorted(self.updates, key=lambda name: name not in first)

    def update_attributes(self, changes, current):
        have = {attribute["name"] for attribute in changes["schema"].current or []}
        missing = [attribute for attribute in changes["schema"].desired if attribute["name"] not in have]
        for start in range(0, len(missing), MOST_ADDED):
            attributes = camel(missing[start : start + MOST_ADDED], capital=True)
            request = {**self.target(self.updates["attributes"], current), "CustomAttributes": attributes}
            self.write("AddCustomAttributes", request, f"add attributes to {self.title}")

    def update_request(self, name, changes, current):
        """Each of these calls replaces all that it can set."""
        request = super().update_request(name, changes, current)
        if name == "mfa":
            return self.target(self.updates[name], current) | self.mfa_request(current)
        if name == "risk":
            have = current.get("RiskConfiguration") or {}
            for setting in self.settings_of(name):
                member = setting.members[0]
                request.setdefault(member, have.get(member))
            return {member: value for member, value in request.items() if value}
        if name == "pool":
            whole = copy.deepcopy({member: current[member] for member in RESET if member in current})
            keep_older_messages(whole, current)
            for change in changes.values():
                set_path(whole, change.setting.member, get_path(request, change.setting.member))
            return self.target(self.updates[name], current) | as_taken(whole)
        return request

    def mfa_request(self, current):
        """The factors as they shall be. MFA that is off goes with none of them; passkeys don't depend on it."""
        have = current.get("Mfa") or {}
        mode = self.mfa_mode(current)
        request = {"MfaConfiguration": mode}
        passkeys = {
            **self.decoded(self.setting("web_authn_configuration"), current),
            **without_unset(self.options["web_authn_configuration"] or {}),
        }
        if passkeys:
            request["WebAuthnConfiguration"] = camel(passkeys, capital=True)
        if mode == "OFF":
            return request
        if have.get("SmsMfaConfiguration"):
            request["SmsMfaConfiguration"] = have["SmsMfaConfiguration"]
        apps = self.effective("software_token_mfa", current)
        if apps or "SoftwareTokenMfaConfiguration" in have:
            request["SoftwareTokenMfaConfiguration"] = {"Enabled": bool(apps)}
        mails = self.effective(EMAIL_MFA, current)
        if mails["enabled"]:
            request["EmailMfaConfiguration"] = to_email_mfa(mails)
        return request

    def setting(self, option):
        return next(setting for setting in self.settings if setting.option == option)

    # ---- Removal

    def before_delete(self, current):
        # Cognito refuses a pool that has a domain; its protection isn't taken from it in vain.
        for now in self.looks(self.find, VISIBLE_AFTER, pause=1.0, longest=5.0):
            domains = [now[member] for member in ("Domain", "CustomDomain") if (now or {}).get(member)]
            if not domains:
                break
        else:
            raise ResourceError(
                f"{self.title} can't be deleted while it has the domain {' and '.join(domains)}. Delete that first, by "
                "cognito_idp_user_pool_domain with state: absent, and run again."
            )
        super().before_delete(current)


def has_factor(request):
    """Whether a request to set the factors has one besides passkeys."""
    apps = get_path(request, "SoftwareTokenMfaConfiguration.Enabled")
    return apps or "EmailMfaConfiguration" in request or "SmsMfaConfiguration" in request


def keep_older_messages(whole, current):
    """Put messages that a pool has in older members where they belong today."""
    template = whole.setdefault("VerificationMessageTemplate", {})
    for member, older in OLDER_MESSAGES.items():
        if current.get(older):
            template.setdefault(member, current[older])


def as_taken(request):
    """The request without what AWS refuses together, or takes for something else."""
    policies, admin = request.get("Policies") or {}, request.get("AdminCreateUserConfig") or {}
    days = admin.pop("UnusedAccountValidityDays", None)
    if days and policies.get("PasswordPolicy"):
        policies["PasswordPolicy"].setdefault("TemporaryPasswordValidityDays", days)
    if request.get("UserPoolTier") == "LITE":
        # That plan has no first factors to choose from, and no history.
        policies.pop("SignInPolicy", None)
        if not get_path(policies, "PasswordPolicy.PasswordHistorySize"):
            (policies.get("PasswordPolicy") or {}).pop("PasswordHistorySize", None)
    tags = request.get("UserPoolTags") or {}
    request["UserPoolTags"] = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    # An empty block would turn on what it is about.
    return {member: value for member, value in request.items() if value not in (None, "", {}, [])}


def main():
    run_module(UserPool, DOCUMENTATION, {path: {"no_log": False} for path in NO_SECRETS})


if __name__ == "__main__":
    main()
