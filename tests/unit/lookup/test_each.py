# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.agent_platform.aws.plugins.lookup.each import LookupModule


def variables(texts):
    """With templates that may be filled in, as those of a task."""
    if isinstance(texts, dict):
        return {key: variables(value) for key, value in texts.items()}
    return trust_as_template(texts) if isinstance(texts, str) else texts


def each(items, name, **given):
    known = variables(given)
    templar = Templar(DataLoader(), variables=known)
    terms = [templar.template(trust_as_template(f"{{{{ {items} }}}}"))]
    return LookupModule(templar=templar).run(terms, known, entry=name)


def test_the_variable_is_filled_in_for_each_item():
    subnet = {"cidr_block": "{{ item['cidr'] }}", "tags": {"Name": "{{ prefix }}-{{ item['zone'] }}"}, "size": 7}
    zones = [{"zone": "a", "cidr": "10.0.1.0/24"}, {"zone": "b", "cidr": "10.0.2.0/24"}]
    assert each("zones", "subnet", zones=zones, subnet=subnet, prefix="demo") == [
        {"cidr_block": "10.0.1.0/24", "tags": {"Name": "demo-a"}, "size": 7},
        {"cidr_block": "10.0.2.0/24", "tags": {"Name": "demo-b"}, "size": 7},
    ]


def test_other_variables_know_the_item_and_types_are_kept():
    found = each("[1, 2]", "entry", entry={"twice": "{{ doubled }}"}, doubled="{{ item * 2 }}")
    assert found == [{"twice": 2}, {"twice": 4}]


def test_what_is_omitted_is_left_out():
    entry = {"a": "{{ item['a'] | default(omit) }}", "in": {"b": "{{ item['b'] | default(omit) }}"}}
    assert each("[{'a': 1}, {'b': 2}]", "entry", entry=entry) == [{"a": 1, "in": {}}, {"in": {"b": 2}}]


def test_what_filters_give_piece_by_piece_is_taken():
    assert each("things | selectattr('on') | map(attribute='n')", "entry", entry="{{ item }}",
                things=[{"n": 1, "on": True}, {"n": 2, "on": False}, {"n": 3, "on": True}]) == [1, 3]  # fmt: skip
    assert each("[1, 2] | zip(['a', 'b'])", "entry", entry="{{ item[1] }}{{ item[0] }}") == ["a1", "b2"]


def test_nothing_for_nothing():
    assert each("[]", "entry", entry="{{ item }}") == []


def test_an_item_of_an_outer_loop_is_not_lost():
    assert each("[1]", "entry", entry="{{ item }}", item="outer") == [1]


def test_a_variable_that_there_is_not_is_named():
    with pytest.raises(AnsibleError, match="There is no variable entry"):
        each("[1]", "entry")
