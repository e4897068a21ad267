# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The front end's own page, as far as no browser is needed: a strict policy holds, and what it is told it is given."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils.website import items
from ansible_collections.agent_platform.aws.plugins.plugin_utils import roles
from tests.support.components import ROLES

FOLDER = ROLES / "frontend/files/page"
# All of it, before it is compressed.
LARGEST = 40_000


class Document(HTMLParser):
    """The elements of the page with their attributes, and the text of those that could hold code."""

    def __init__(self):
        super().__init__()
        self.elements, self.inline, self.inside = [], [], None
        self.feed((FOLDER / "index.html").read_text())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data):
        if self.inside in ("script", "style") and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag):
        self.inside = None


@pytest.fixture(scope="module")
def document():
    return Document()


def test_nothing_is_inline(document):
    assert document.inline == []
    names = [name for _tag, attributes in document.elements for name in attributes]
    assert not [name for name in names if name == "style" or name.startswith("on")]
    code = "".join((FOLDER / name).read_text() for name in ("app.js", "auth.js"))
    # Nor is a text made code, or markup.
    assert not re.search(r"\beval\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Function", code)


def test_all_that_it_loads_is_its_own_and_there(document):
    found = items(str(FOLDER), [], [], {})
    addresses = [attributes.get("src") or attributes.get("href") for _tag, attributes in document.elements]
    files = {address.removeprefix("/") for address in addresses if address and not address.startswith("#")}
    imported = set(re.findall(r"from '\./(.+)'", (FOLDER / "app.js").read_text()))
    assert {*files, *imported, "index.html"} == set(found)
    assert sum(item.size for item in found.values()) < LARGEST


def test_every_element_that_the_code_looks_for_is_there(document):
    ids = [attributes["id"] for _tag, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    code = (FOLDER / "app.js").read_text()
    assert set(re.findall(r"\$\('([a-z-]+)'\)", code)) <= set(ids)


def test_whatever_it_needs_to_know_is_published(document):
    told = set(roles.load("configuration", "vars/main.yml")["__configuration_page"])
    (needed,) = re.findall(r"NEEDED = \[(.+)\]", (FOLDER / "app.js").read_text())
    assert set(re.findall(r"'(\w+)'", needed)) <= told
    assert set(re.findall(r"#config\.(\w+)", (FOLDER / "auth.js").read_text())) <= told
