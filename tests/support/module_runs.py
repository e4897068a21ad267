# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module against a script of AWS, with its options checked and completed as Ansible does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tests.support.declarations import load
from tests.support.scripted_aws import ScriptedAws, ScriptedModule, Step, run_resource

OWNER = {"Project": "demo", "ManagedBy": "agent_platform.aws"}


def given(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of the module: defaults, None for what isn't set, also in suboptions. Fails as the module would."""
    declared = load(name)
    validator = ArgumentSpecValidator(declared.options, mutually_exclusive=declared.arguments.get("mutually_exclusive"))
    result = validator.validate({option: value for option, value in options.items() if value is not None})
    assert not result.error_messages, result.error_messages
    return result.validated_parameters


def run(
    name: str, options: Mapping[str, Any], *steps: Step, check_mode: bool = False
) -> tuple[dict, ScriptedAws, ScriptedModule]:
    """The module's result, the calls it made, and the module with its warnings."""
    return run_resource(load(name).resource, given(name, options), *steps, check_mode=check_mode)


def ec2_tagged(identifier: str, **tags: str) -> Step:
    """The call that sets tags of one resource, in any order."""

    def check(request: dict) -> None:
        assert request["Resources"] == [identifier]
        assert {tag["Key"]: tag["Value"] for tag in request["Tags"]} == tags

    return Step("CreateTags", {}, check)


def tag_list(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
