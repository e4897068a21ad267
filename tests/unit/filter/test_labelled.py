# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects get the labels of their component, and keep their own."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.agent_platform.aws.plugins.filter.labelled import labelled


def test_labels_are_added_and_nothing_else_is_changed():
    item = {"kind": "Namespace", "metadata": {"name": "a", "labels": {"own": "1", "part": "theirs"}}, "spec": {}}
    (found,) = labelled([item], {"part": "ours"})
    assert found == {"kind": "Namespace", "metadata": {"name": "a", "labels": {"own": "1", "part": "ours"}}, "spec": {}}
    assert item["metadata"]["labels"] == {"own": "1", "part": "theirs"}


def test_an_object_without_labels():
    assert labelled([{"metadata": {"name": "a"}}], {"x": "y"}) == [{"metadata": {"name": "a", "labels": {"x": "y"}}}]


@pytest.mark.parametrize("item", ["text", {"kind": "Namespace"}, None])
def test_what_is_no_object_is_refused(item):
    with pytest.raises(AnsibleFilterError, match="takes objects, not"):
        labelled([item], {})
