# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run would send is read from the tasks of a role, through imports, loops and the roles that it uses."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleUndefinedVariable
from jinja2 import StrictUndefined, UndefinedError
from jinja2.nativetypes import NativeEnvironment

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.sent import Reader, imagined, path_of

OPTIONS = {"iam_role": ["description", "policy"]}
IAM_ROLE = "agent_platform.aws.iam_role"


def evaluate(value, variables):
    """Fills in templates as Ansible does, variables in variables, too."""
    if isinstance(value, list):
        return [evaluate(item, variables) for item in value]
    if isinstance(value, dict):
        return {key: evaluate(item, variables) for key, item in value.items()}
    if not isinstance(value, str) or "{{" not in value:
        return value
    environment = NativeEnvironment(undefined=StrictUndefined)
    template = environment.from_string(value)
    names = [name for name in variables if name in value]
    try:
        return template.render({name: evaluate(variables[name], variables) for name in names})
    except UndefinedError as error:
        raise AnsibleUndefinedVariable(str(error)) from error


@pytest.fixture
def read(monkeypatch):
    """Reads a role `demo` with these files; its inputs are demo_list and demo_text."""

    def read(files, **variables):
        inputs = {"demo": ["demo_list", "demo_text"], "other": ["other_list"]}
        module = "ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.sent.roles.options"
        monkeypatch.setattr(module, lambda role: dict.fromkeys(inputs.get(role, [])))
        reader = Reader(lambda role, name: files.get(f"{role}/{name}"), evaluate, OPTIONS)
        return [(one.option, one.value, one.name(), one.inputs) for one in reader.role("demo", variables)]

    return read


def test_options_that_inputs_change(read):
    task = {IAM_ROLE: {"name": "a", "description": "{{ demo_text }}!", "policy": "fixed", "tags": "{{ demo_text }}"}}
    found = read({"demo/tasks/main.yml": [task], "demo/defaults/main.yml": {"demo_text": "default"}}, demo_text="mine")
    assert found == [("description", "mine!", "a", ["demo_text"])]


def test_through_variables_of_the_role_imports_and_blocks(read):
    files = {
        "demo/vars/main.yml": {"__demo_text": "<{{ demo_text }}>"},
        "demo/tasks/main.yml": [{"block": [{"ansible.builtin.import_tasks": "more.yml", "vars": {"which": "b"}}]}],
        "demo/tasks/more.yml": [{IAM_ROLE: {"name": "{{ which }}", "description": "{{ __demo_text }}"}}],
    }
    assert read(files, demo_text="x") == [("description", "<x>", "b", ["demo_text"])]


def test_what_exists_is_no_template_whatever_words_are_in_it(read):
    task = {IAM_ROLE: {"name": "a", "description": "{{ component_found['platform'] }}"}}
    found = {"platform": "demo_text"}
    assert read({"demo/tasks/main.yml": [task]}, demo_text="x", component_found=found) == []


def test_a_variable_of_several_tasks_is_looked_at_once(read):
    looks = []

    class Value(dict):
        def __str__(self):
            looks.append(1)
            return super().__str__()

    task = {IAM_ROLE: {"name": "a", "description": "{{ __demo_map['key'] }}"}}
    files = {
        "demo/vars/main.yml": {"__demo_map": Value(key="{{ demo_text }}")},
        "demo/tasks/main.yml": [task, task],
    }
    assert [value for _option, value, _name, _inputs in read(files, demo_text="x")] == ["x", "x"]
    assert len(looks) == 1


def test_each_item_of_a_loop(read):
    task = {IAM_ROLE: {"name": "{{ item['name'] }}", "policy": "{{ item['text'] }}"}, "loop": "{{ demo_list }}"}
    found = read({"demo/tasks/main.yml": [task]}, demo_list=[{"name": "a", "text": "1"}, {"name": "b", "text": "two"}])
    assert found == [("policy", 1, "a", ["demo_list"]), ("policy", "two", "b", ["demo_list"])]


@pytest.mark.parametrize(
    "aggregate",
    [
        "{{ query('agent_platform.aws.each', demo_list, entry='__demo_entry') }}",
        "{{ query('agent_platform.aws.each', demo_list[:1], entry='__demo_entry')\n"
        "   + query('agent_platform.aws.each', demo_list[1:], entry='__demo_entry') }}",
        "{{ __demo_entries }}",
    ],
)
def test_each_entry_of_an_aggregate(read, aggregate):
    files = {
        "demo/vars/main.yml": {
            "__demo_entries": "{{ query('agent_platform.aws.each', demo_list, entry='__demo_entry') }}",
            "__demo_entry": {"name": "{{ item['name'] }}", "policy": "{{ item['text'] }}"},
        },
        "demo/tasks/main.yml": [{IAM_ROLE: {"aggregate": aggregate, "description": "{{ demo_text }}"}}],
    }
    found = read(files, demo_list=[{"name": "a", "text": "1"}, {"name": "b", "text": "two"}], demo_text="x")
    assert sorted(found, key=str) == [
        ("description", "x", "a", ["demo_list", "demo_text"]),
        ("description", "x", "b", ["demo_list", "demo_text"]),
        ("policy", "two", "b", ["demo_list"]),
        ("policy", 1, "a", ["demo_list"]),
    ]


def test_entries_of_an_aggregate_that_are_written_down(read):
    entries = [{"name": "a", "policy": "{{ demo_text }}"}, {"name": "b", "policy": "fixed"}]
    files = {"demo/tasks/main.yml": [{IAM_ROLE: {"aggregate": entries}}]}
    assert read(files, demo_text="x") == [("policy", "x", "a", ["demo_text"])]


def test_a_role_that_is_used_for_it(read):
    use = {"name": "agent_platform.aws.other"}
    files = {
        "demo/tasks/main.yml": [{"ansible.builtin.import_role": use, "vars": {"other_list": "{{ demo_list }}"}}],
        "other/tasks/main.yml": [
            {IAM_ROLE: {"name": "{{ item }}", "policy": "{{ item }}"}, "loop": "{{ other_list }}"}
        ],
    }
    assert read(files, demo_list=["a"]) == [("policy", "a", "a", ["demo_list"])]


def test_what_is_removed_and_what_is_not_known_yet_is_left_out(read):
    files = {
        "demo/tasks/main.yml": [
            {IAM_ROLE: {"name": "a", "description": "{{ demo_text }}", "state": "absent"}},
            {IAM_ROLE: {"name": "b", "description": "{{ demo_text }}{{ registered.id }}", "policy": "{{ demo_text }}"}},
            {IAM_ROLE: {"name": "c", "description": "{{ item }}{{ demo_text }}"}, "loop": "{{ registered.results }}"},
            {"amazon.aws.iam_role_info": {"name": "{{ demo_text }}"}},
        ]
    }
    assert read(files, demo_text="x") == [("policy", "x", "b", ["demo_text"])]


def test_facts_that_the_first_run_makes_are_as_long_as_they_will_be():
    platform = {
        "region": "us-west-2",
        "partition": "aws",
        "conflicts": [],
        "a": {"arn": None, "ids": {"x": None}, "n": 1},
    }
    found = imagined(platform, {"a": {"arn": "arn:{partition}:x:{region}"}})
    assert found["a"]["arn"] == "arn:aws:x:us-west-2"
    assert len(found["a"]["ids"]["x"]) == 64
    assert (found["a"]["n"], found["conflicts"]) == (1, [])


def test_the_place_of_an_entry_among_the_inputs():
    values = {"one": [{"name": "a"}], "two": [{"name": "b"}, {"name": "x", "irsa": {"name": "c"}}], "three": "text"}
    assert path_of(values, ["one", "two"], {"name": "c", "more": 1}) == "two[1].irsa"
    assert path_of(values, ["one", "two"], {"name": "d"}) is None
    assert path_of(values, ["two"], {"name": "a"}) is None
    assert path_of(values, ["one"], None) is None
