# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of every module are those that it documents, and stand nowhere else."""

from __future__ import annotations

import ast
import importlib
import json
from unittest import mock

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.agent_platform.aws.plugins.doc_fragments.resource import ModuleDocFragment
from ansible_collections.agent_platform.aws.plugins.module_utils import documentation, resource
from ansible_collections.agent_platform.aws.plugins.module_utils.documentation import KEYS, argument_spec
from ansible_collections.agent_platform.aws.plugins.modules import eks_cluster, host_tools, s3_bucket
from tests.support.declarations import MODULES, PACKAGE, load, module_names
from tests.support.declarations import documentation as texts_of

NAMES = sorted(path.stem for path in MODULES.glob("*.py"))


KINDS = ("AnsibleModule", "AnsibleAWSModule")


class Made(Exception):
    """The module object would be there now."""


def made_with(name):
    """What a module's main() makes its module object with."""
    module = importlib.import_module(f"{PACKAGE}.{name}")
    seen = {}

    def make(**arguments):
        seen.update(arguments)
        raise Made

    kinds = [(place, kind) for place in (module, resource) for kind in KINDS if hasattr(place, kind)]
    with mock.patch.object(*kinds[0], make), pytest.raises(Made):
        module.main()
    return seen


def facts(options, inner):
    """What an option is, apart from words and conditions."""
    return {
        name: {
            **{key: option[key] for key in KEYS if option.get(key) is not None and option[key] is not False},
            **({"options": facts(option[inner], inner)} if inner in option else {}),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_options_are_the_documented_ones(name):
    texts = texts_of(importlib.import_module(f"{PACKAGE}.{name}").DOCUMENTATION)["options"]
    assert facts(made_with(name)["argument_spec"], "options") == facts(texts, "suboptions")


@pytest.mark.parametrize("name", NAMES)
def test_no_module_writes_its_options_down_again(name):
    """A literal with types of options, or an argument_spec that isn't made of the documentation."""
    tree = ast.parse((MODULES / f"{name}.py").read_text())
    keys = [
        key.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    ]
    assert not {"type", "elements", "choices", "required", "aliases"} & set(keys)
    made = [
        argument.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in ("run_api_module", "run_module", "argument_spec")
        for argument in node.args
        if isinstance(argument, ast.Name)
    ]
    assert "DOCUMENTATION" in made


@pytest.mark.parametrize("name", module_names())
def test_a_resource_with_tags_has_the_options_for_them(name):
    assert ("tags" in load(name).options) is bool(load(name).resource.tagging)


def test_fragments_and_modules_read_the_same_text():
    assert ModuleDocFragment.DOCUMENTATION is documentation.RESOURCE
    assert ModuleDocFragment.TAGS is documentation.TAGS


# ---- Constants of the code that name documented choices or suboptions


def test_constants_are_the_documented_ones():
    cluster, bucket = load("eks_cluster").options, load("s3_bucket").options
    assert cluster["logging"]["choices"] == eks_cluster.LOG_TYPES
    assert set(cluster["authentication_mode"]["choices"]) == set(eks_cluster.AUTHENTICATION_MODES)
    assert set(bucket["public_access_block"]["options"]) == set(s3_bucket.SWITCHES)
    assert set(bucket["lifecycle_rules"]["options"]) - {"id", "prefix", "status"} == set(s3_bucket.ACTIONS)
    tool = made_with("host_tools")["argument_spec"]["tools"]["options"]
    assert set(tool["source"]["choices"]) == set(host_tools.UNPACK)


# ---- The function

TEXT = """
options:
  name: {description: [a name], type: str, required: true, version_added: 0.2.0}
  parts:
    description: [parts]
    type: list
    elements: dict
    suboptions:
      key: {description: [a key], type: str, choices: [a, b], default: a}
  state: {description: [more about the state]}
extends_documentation_fragment: [agent_platform.aws.resource, amazon.aws.boto3]
"""
PARTS = {"type": "list", "elements": "dict", "options": {"key": {"type": "str", "choices": ["a", "b"], "default": "a"}}}


def test_words_for_people_stay_in_the_documentation():
    spec = argument_spec(TEXT)
    assert spec["name"] == {"type": "str", "required": True}
    assert spec["parts"] == PARTS


def test_a_module_may_say_more_of_an_option_of_a_fragment():
    spec = argument_spec(TEXT)
    assert spec["state"] == {"type": "str", "choices": ["present", "absent"], "default": "present"}
    assert spec["wait"] == {"type": "bool", "default": True}
    assert "tags" not in spec


def test_what_documentation_cannot_say_is_added_by_path():
    spec = argument_spec(TEXT, {"name": {"no_log": True}, "parts.key": {"no_log": False}})
    assert spec["name"] == {"type": "str", "required": True, "no_log": True}
    assert spec["parts"]["options"]["key"] == {**PARTS["options"]["key"], "no_log": False}


@pytest.mark.parametrize("path", ["names", "parts.keys", "name.key"])
def test_a_path_that_is_not_documented_is_an_error(path):
    with pytest.raises(KeyError):
        argument_spec(TEXT, {path: {"no_log": True}})


@pytest.mark.parametrize("check_mode", [True, False])
def test_without_a_parser_the_module_says_so(monkeypatch, capsys, check_mode):
    monkeypatch.setattr(documentation, "HAS_YAML", False)
    arguments = {"root": "/opt/tools", "tools": [], "_ansible_check_mode": check_mode}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        host_tools.main()
    result = json.loads(capsys.readouterr().out)
    assert result["failed"] is True
    assert "PyYAML" in result["msg"]
