# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Configuration profile of AppConfig."""

from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.modules.appconfig_configuration_profile import ConfigurationProfile
from tests.support.scripted_aws import Step, api_error, refuse_resource, run_resource

NAME = "demo-feature-flags"
KEY = "arn:aws:kms:us-west-2:123456789012:key/k"
FLAGS = "AWS.AppConfig.FeatureFlags"
PARAMS = {
    "application_id": "abc1234",
    "name": NAME,
    "description": None,
    "type": None,
    "kms_key_identifier": None,
    "validators": None,
    "deletion_protection_check": None,
}
IT = {"ApplicationId": "abc1234", "ConfigurationProfileId": "ghi9012"}
ARN = "arn:aws:appconfig:us-west-2:123456789012:application/abc1234/configurationprofile/ghi9012"
CALLER = Step("GetCallerIdentity", {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/someone"}, {})
SUMMARY = {"ApplicationId": "abc1234", "Id": "ghi9012", "Name": NAME, "LocationUri": "hosted", "Type": FLAGS}
NONE = Step("ListConfigurationProfiles", {"Items": []}, {"ApplicationId": "abc1234"})


def seen(first=True, **members):
    return [
        Step("ListConfigurationProfiles", {"Items": [SUMMARY]}, {"ApplicationId": "abc1234"}),
        *([CALLER] if first else []),
        Step("GetConfigurationProfile", {**SUMMARY, **members}, IT),
        Step("ListTagsForResource", {"Tags": {}}, {"ResourceArn": ARN}),
    ]


def run(params, *steps, **kwargs):
    return run_resource(ConfigurationProfile, {**PARAMS, **params}, *steps, **kwargs)


def test_create():
    request = {
        "ApplicationId": "abc1234",
        "Name": NAME,
        "LocationUri": "hosted",
        "Type": FLAGS,
        "KmsKeyIdentifier": KEY,
    }
    result, _aws, _module = run(
        {"type": FLAGS, "kms_key_identifier": KEY, "validators": []},
        NONE,
        Step("CreateConfigurationProfile", SUMMARY, request),
        *seen(KmsKeyIdentifier=KEY, KmsKeyArn=KEY),
    )
    assert result["changed"] is True
    assert result["configuration_profile"]["id"] == "ghi9012"


def test_second_run_changes_nothing():
    result, _aws, _module = run(
        {"type": FLAGS, "kms_key_identifier": KEY, "validators": []}, *seen(KmsKeyIdentifier=KEY, KmsKeyArn=KEY)
    )
    assert result["changed"] is False


def test_key_and_validators():
    schema = {"Type": "JSON_SCHEMA", "Content": "{}"}
    result, _aws, _module = run(
        {"kms_key_identifier": "", "validators": [{"type": "JSON_SCHEMA", "content": "{}"}]},
        *seen(KmsKeyIdentifier=KEY, KmsKeyArn=KEY),
        Step("UpdateConfigurationProfile", {}, {**IT, "KmsKeyIdentifier": "", "Validators": [schema]}),
        *seen(first=False, Validators=[schema]),
        *seen(first=False, Validators=[schema]),
    )
    assert result["changed"] is True


def test_the_type_cant_be_changed():
    text = refuse_resource(ConfigurationProfile, {**PARAMS, "type": "AWS.Freeform"}, *seen())
    assert "can't be changed in place (type: is 'AWS.AppConfig.FeatureFlags', declared 'AWS.Freeform')" in text


def test_versions_go_before_the_profile():
    result, aws, _module = run(
        {"state": "absent", "deletion_protection_check": "BYPASS"},
        *seen(),
        Step("ListHostedConfigurationVersions", {"Items": [{"VersionNumber": 2}, {"VersionNumber": 1}]}, IT),
        Step("DeleteHostedConfigurationVersion", {}, {**IT, "VersionNumber": 2}),
        Step(
            "DeleteHostedConfigurationVersion",
            api_error("DeleteHostedConfigurationVersion", "ResourceNotFoundException"),
            {**IT, "VersionNumber": 1},
        ),
        Step("DeleteConfigurationProfile", {}, {**IT, "DeletionProtectionCheck": "BYPASS"}),
        NONE,
    )
    assert result["changed"] is True
    assert aws.operations().count("DeleteHostedConfigurationVersion") == 2


def test_a_version_that_was_made_meanwhile():
    said = "Cannot delete it because there are still hosted configuration versions existing under it."
    _result, aws, _module = run(
        {"state": "absent"},
        *seen(),
        Step("ListHostedConfigurationVersions", {"Items": []}, IT),
        Step("DeleteConfigurationProfile", api_error("DeleteConfigurationProfile", "BadRequestException", said)),
        *seen(first=False),
        Step("ListHostedConfigurationVersions", {"Items": [{"VersionNumber": 3}]}, IT),
        Step("DeleteHostedConfigurationVersion", {}, {**IT, "VersionNumber": 3}),
        Step("DeleteConfigurationProfile", {}, IT),
        NONE,
    )
    assert aws.operations().count("DeleteConfigurationProfile") == 2
