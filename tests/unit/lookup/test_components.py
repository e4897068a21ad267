# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible.errors import AnsibleError

from ansible_collections.agent_platform.aws.plugins.lookup import components

FILES = {
    "cache": {"component.yml": "requires: [base]\nservice_linked_roles: [cache.amazonaws.com, a.amazonaws.com]\n"},
    "base": {"component.yml": "requires: []\nreads: [base, not_built_yet]\n"},
    "apps": {
        "component.yml": (
            "requires: [cache]\nreads: [base]\nentries: [apps_list]\nservice_linked_roles: [a.amazonaws.com]\n"
        ),
        "main.yml": "apps_list:\n  - name: one\n  - name: two\n",
    },
    "host": {},
}


@pytest.fixture
def look(tmp_path, monkeypatch):
    for role, files in FILES.items():
        for folder, file in (("meta", "component.yml"), ("defaults", "main.yml")):
            (tmp_path / role / folder).mkdir(parents=True)
            if file in files:
                (tmp_path / role / folder / file).write_text(files[file])
    monkeypatch.setattr(components.roles, "ROLES", str(tmp_path))

    def run(**hostvars):
        (found,) = components.LookupModule().run([], {"hostvars": hostvars})
        return found

    return run


def test_in_the_order_of_construction(look):
    assert look()["requires"] == {"base": [], "cache": ["base"], "apps": ["cache"]}
    assert list(look()["requires"]) == ["base", "cache", "apps"]


def test_who_requires_it(look):
    assert look()["required_by"] == {"base": ["cache"], "cache": ["apps"], "apps": []}


def test_reads_what_there_is(look):
    assert look()["reads"] == {"base": ["base"], "cache": [], "apps": ["base"]}


def test_service_linked_roles_are_those_of_the_inventory(look):
    assert look()["service_linked_roles"] == []
    assert look(apps={}, base={})["service_linked_roles"] == ["a.amazonaws.com"]
    assert look(apps={}, cache={})["service_linked_roles"] == ["a.amazonaws.com", "cache.amazonaws.com"]


def test_endpoints_are_those_of_the_inventory_and_of_what_is_asked_for(look, tmp_path):
    (tmp_path / "apps/meta/component.yml").write_text(
        "requires: []\nendpoints: [sts, {service: sqs, when: apps_queue}, {service: sns, when: apps_topic}]\n"
    )
    (tmp_path / "apps/defaults/main.yml").write_text("apps_queue: false\napps_topic: true\n")
    (tmp_path / "cache/meta/component.yml").write_text("requires: []\nendpoints: [sts, s3]\n")
    assert look()["endpoints"] == []
    assert look(apps={})["endpoints"] == ["sts", "sns"]
    assert look(apps={"apps_queue": True, "apps_topic": False}, cache={})["endpoints"] == ["sts", "sqs", "s3"]
    assert look(apps=Broken())["endpoints"] == ["sts", "sns"]


def test_entries_by_default(look):
    assert look()["entries"] == look(apps={})["entries"] == {"apps": ["one", "two"]}


def test_entries_of_the_inventory(look):
    assert look(apps={"apps_list": [{"name": "mine", "size": 1}]})["entries"] == {"apps": ["mine"]}
    assert look(apps={"apps_list": []})["entries"] == {"apps": []}


def test_a_text_is_the_name_of_one_thing(look, tmp_path):
    (tmp_path / "apps/defaults/main.yml").write_text('apps_list: ""\n')
    assert look()["entries"] == {"apps": []}
    assert look(apps={"apps_list": "mine"})["entries"] == {"apps": ["mine"]}
    assert look(apps={"apps_list": ["mine"]})["entries"] == {"apps": []}


def test_entries_of_several_lists(look, tmp_path):
    """Of the platform's, which has no default in the role, and the role's own; each name once."""
    (tmp_path / "apps/meta/component.yml").write_text("requires: []\nentries: [platform_list, apps_list]\n")
    shared = [{"name": "shared"}, {"name": "two"}]
    assert look(apps={"platform_list": shared})["entries"] == {"apps": ["shared", "two", "one"]}
    assert look()["entries"] == {"apps": ["one", "two"]}


def test_lists_that_are_told_apart(look, tmp_path):
    """Of ids of what others have made; what is empty is left out."""
    (tmp_path / "apps/meta/component.yml").write_text("requires: []\nentries: {vpc: apps_vpc, private: apps_list}\n")
    (tmp_path / "apps/defaults/main.yml").write_text('apps_vpc: ""\napps_list: []\n')
    assert look()["entries"] == {"apps": {}}
    declared = {"apps_vpc": "vpc-1", "apps_list": ["subnet-1", "subnet-2", "subnet-1"]}
    assert look(apps=declared)["entries"] == {"apps": {"vpc": ["vpc-1"], "private": ["subnet-1", "subnet-2"]}}


def test_entries_that_are_wrong_are_left_to_preflight(look):
    assert look(apps={"apps_list": ["text", {"size": 1}, {"name": "mine"}]})["entries"] == {"apps": ["mine"]}
    assert look(apps={"apps_list": "text"})["entries"] == {"apps": ["one", "two"]}


class Broken:
    def get(self, name):
        raise AnsibleError("'nothing' is undefined")


def test_entries_that_can_not_be_evaluated_are_left_to_preflight(look):
    assert look(apps=Broken())["entries"] == {"apps": ["one", "two"]}
