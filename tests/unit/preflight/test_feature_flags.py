# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for feature flags: what AppConfig would refuse of their document, and of how it is deployed."""

from __future__ import annotations

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import component_names

from .declared import fault_lines, removal_fault_lines, values

ALARM = "arn:aws:cloudwatch:us-west-2:123456789012:alarm:errors"
ROLE = "arn:aws:iam::123456789012:role/alarms"
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:check"
NUMBER = {"key": "seconds", "type": "number", "minimum": 0, "maximum": 60, "value": 30}
PATH = "feature_flags_declared[0].attributes[0]"


def lines(**given):
    return fault_lines("feature_flags", {"platform_region": "us-west-2", **given})


def of_attribute(**attribute):
    return lines(feature_flags_declared=[{"key": "cache", "attributes": [{"key": "a", **attribute}]}])


def test_what_is_right_has_no_fault():
    assert lines() == []
    flags = [
        {"key": "plain"},
        {
            "key": "all-of_It9",
            "name": "All of it",
            "description": "x" * 1024,
            "enabled": True,
            "attributes": [
                NUMBER,
                {"key": "share", "type": "number", "value": 0.5, "required": True},
                {"key": "model", "type": "string", "enum": ["a", "b"], "value": "b"},
                {"key": "path", "type": "string", "pattern": "^/", "value": "/x"},
                {"key": "strict", "type": "boolean", "value": False},
                {"key": "names", "type": "array", "elements": {"type": "string", "enum": ["x"]}, "value": ["x"]},
                {"key": "sizes", "type": "array", "value": [1, 2.5]},
                {"key": "later", "type": "array"},
            ],
        },
    ]
    assert (
        lines(
            feature_flags_declared=flags,
            feature_flags_growth_factor=1,
            feature_flags_deployment_minutes=0,
            feature_flags_bake_minutes=1440,
            feature_flags_strategy_id="AppConfig.Canary10Percent20Minutes",
            feature_flags_monitors=[{"alarm_arn": ALARM, "alarm_role_arn": ROLE}],
            feature_flags_validators=[
                {"type": "JSON_SCHEMA", "content": "{}"},
                {"type": "LAMBDA", "content": FUNCTION},
            ],
        )
        == []
    )


@pytest.mark.parametrize("key", ["Upper", "1st", "", "with space", "a.b", "x" * 65])
def test_keys(key):
    (line,) = lines(feature_flags_declared=[{"key": key}])
    assert line.startswith("feature_flags_declared[0].key: ")
    assert "is not a lower-case letter and up to 63 letters, digits, - and _" in line
    (line,) = lines(feature_flags_declared=[{"key": "cache", "attributes": [{"key": key, "type": "string"}]}])
    assert line.startswith(f"{PATH}.key: ")


def test_keys_that_occur_twice():
    (line,) = lines(feature_flags_declared=[{"key": "cache"}, {"key": "cache"}])
    assert line == "feature_flags_declared[].key: 'cache' occurs more than once"
    (line,) = lines(feature_flags_declared=[{"key": "cache", "attributes": [NUMBER, NUMBER]}])
    assert line == "feature_flags_declared[0].attributes[].key: 'seconds' occurs more than once"


def test_an_attribute_cant_be_called_as_the_switch_is():
    (line,) = lines(feature_flags_declared=[{"key": "cache", "attributes": [{"key": "enabled", "type": "boolean"}]}])
    assert line == f"{PATH}.key: 'enabled' says whether the flag is on, so no attribute can be called that"


@pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines"])
def test_names(name):
    (line,) = lines(feature_flags_declared=[{"key": "cache", "name": name}])
    assert "is not one line of 1 to 64 characters" in line


def test_long_texts():
    (line,) = lines(feature_flags_declared=[{"key": "cache", "description": "x" * 1025}])
    assert line == "feature_flags_declared[0].description: has 1,025 characters, AppConfig takes 1,024"
    (line,) = of_attribute(type="string", pattern="x" * 1025)
    assert line == f"{PATH}.pattern: has 1,025 characters, AppConfig takes 1,024"
    (line,) = of_attribute(type="string", value="x" * 1025)
    assert line == f"{PATH}.value: has 1,025 characters, AppConfig takes 1,024"


def test_too_many_attributes_and_too_much_in_all():
    many = [{"key": f"a{number}", "type": "string"} for number in range(26)]
    (line,) = lines(feature_flags_declared=[{"key": "cache", "attributes": many}])
    assert line == "feature_flags_declared[0].attributes: 26 are too many: AppConfig allows 25"
    flags = [{"key": f"flag{number}", "description": "x" * 1024} for number in range(2000)]
    (line,) = lines(feature_flags_declared=flags)
    assert line.startswith("feature_flags_declared: are together 2,")
    assert line.endswith(" KB, AppConfig takes 2,048 KB")


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ({"type": "string", "minimum": 1}, "minimum: 1 has no meaning with type string"),
        ({"type": "number", "pattern": "x"}, "pattern: 'x' has no meaning with type number"),
        ({"type": "boolean", "enum": ["x"]}, "enum: ['x'] has no meaning with type boolean"),
        ({"type": "string", "elements": {"type": "string"}}, "has no meaning with type string"),
        (
            {"type": "string", "pattern": "x", "enum": ["x"]},
            "enum: stands beside a pattern, and AppConfig takes one of the two",
        ),
        ({"type": "string", "enum": []}, "enum: has 0 strings, which is not from 1 to 100"),
        ({"type": "string", "enum": ["x"] * 101}, "enum: has 101 strings"),
        ({"type": "string", "enum": [1]}, "enum[0]: 1 is not a text: put it in quotes"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "minimum: 2 is more than the maximum, 1"),
        (
            {"type": "array", "elements": {"type": "number", "pattern": "x"}},
            "elements.pattern: 'x' has no meaning with type number",
        ),
        ({"type": "string", "required": True}, "value: is missing: the attribute is required"),
        ({"type": "string", "value": 1}, "value: 1 is not a text: put it in quotes"),
        ({"type": "string", "enum": ["a", "b"], "value": "c"}, "value: 'c' is not one of a, b"),
        ({"type": "number", "value": "1"}, "value: '1' is not a number"),
        ({"type": "number", "value": True}, "value: true is not a number"),
        ({"type": "number", "minimum": 1, "maximum": 2, "value": 3}, "value: 3 is not at least 1 and at most 2"),
        ({"type": "number", "minimum": 1, "value": 0}, "value: 0 is not at least 1"),
        ({"type": "boolean", "value": "yes"}, "value: 'yes' is not true or false"),
        ({"type": "array", "value": "x"}, "value: 'x' is not a list"),
        ({"type": "array", "value": ["x", 1]}, "has texts and numbers, and AppConfig takes one of the two"),
        ({"type": "array", "elements": {"type": "number"}, "value": ["x"]}, "value[0]: 'x' is not a number"),
    ],
)
def test_attributes(attribute, expected):
    (line,) = of_attribute(**attribute)
    assert line.startswith(f"{PATH}.")
    assert line.endswith(expected) or expected in line


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("feature_flags_growth_factor", 0, "0 is not from 1 to 100 percent"),
        ("feature_flags_growth_factor", 101, "101 is not from 1 to 100 percent"),
        ("feature_flags_deployment_minutes", -1, "-1 is not from 0 to 1440 minutes"),
        ("feature_flags_bake_minutes", 1441, "1441 is not from 0 to 1440 minutes"),
        ("feature_flags_strategy_id", "Linear", "'Linear' is not the id of a deployment strategy"),
    ],
)
def test_how_changes_spread(variable, value, expected):
    (line,) = lines(**{variable: value})
    assert line.startswith(f"{variable}: {expected}")


def test_monitors():
    def one(**monitor):
        return lines(feature_flags_monitors=[{"alarm_arn": ALARM, "alarm_role_arn": ROLE, **monitor}])

    (line,) = one(alarm_arn="errors")
    assert line == "feature_flags_monitors[0].alarm_arn: 'errors' is not the ARN of a CloudWatch alarm"
    (line,) = one(alarm_arn=ALARM.replace("us-west-2", "us-east-1"))
    assert line.endswith("is in us-east-1, and AppConfig looks at alarms of its own region, us-west-2")
    (line,) = one(alarm_role_arn="alarms")
    assert line == "feature_flags_monitors[0].alarm_role_arn: 'alarms' is not the ARN of an IAM role"
    six = [{"alarm_arn": f"{ALARM}{number}", "alarm_role_arn": ROLE} for number in range(6)]
    assert lines(feature_flags_monitors=six) == ["feature_flags_monitors: 6 are too many: AppConfig allows 5"]
    twice = [{"alarm_arn": ALARM, "alarm_role_arn": ROLE}] * 2
    assert len(lines(feature_flags_monitors=twice)) == 1


def test_validators():
    (line,) = lines(feature_flags_validators=[{"type": "JSON_SCHEMA", "content": "{"}])
    assert line.startswith("feature_flags_validators[0].content: '{' is not JSON: ")
    (line,) = lines(feature_flags_validators=[{"type": "JSON_SCHEMA", "content": f'"{"x" * 32767}"'}])
    assert line == "feature_flags_validators[0].content: has 32,769 characters, AppConfig takes 32,768"
    (line,) = lines(feature_flags_validators=[{"type": "LAMBDA", "content": "check"}])
    assert line == "feature_flags_validators[0].content: 'check' is not the ARN of a Lambda function"
    (line,) = lines(feature_flags_validators=[{"type": "LAMBDA", "content": FUNCTION}] * 3)
    assert line == "feature_flags_validators: 3 are too many: AppConfig allows 2"


def test_an_application_in_which_others_have_something_cant_be_removed():
    found = {"feature_flags": {"others_within": ["environment prod"]}}
    (line,) = removal_fault_lines("feature_flags", {}, found)
    assert line == (
        "feature_flags: can't be removed, because its application has what others have made: environment prod. Remove"
        " that first"
    )
    assert removal_fault_lines("feature_flags", {}, {"feature_flags": {"others_within": []}}) == []


def test_names_of_things():
    found = {
        name.kind: name.name for name in component_names("feature_flags", values("feature_flags", platform_prefix="p"))
    }
    assert found == dict.fromkeys(
        ("appconfig_application", "appconfig_environment", "appconfig_profile", "appconfig_strategy"),
        "p-feature-flags",
    )
