# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules and their tests know no key that isn't there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import (
    change_rules,
    change_warnings,
    component_faults,
    component_needs,
    components,
    formats,
    removal_rules,
)
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import options
from tests.unit.platform_info.fake_aws import everything

from .declared import UndeclaredError, checked_roles, facts, facts_of, others, result, samples, values

MODULES = sorted(path.stem for path in Path(components.__file__).parent.glob("[!_]*.py"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: values("eks", eks_node_gruops=[]),
        lambda: values("eks", platform_nmae="x"),
        lambda: values("eks", network_vpc_cidr="10.0.0.0/16"),
        lambda: values("eks", eks_addons=[{"name": "a", "irsa": {"role": "x"}}]),
        lambda: values("eks", eks_node_groups=[{"name": "a", "taints": [{"kye": "b"}]}]),
        lambda: others(workload_identity={"workload_identity_roles": [{"nmae": "agent"}]}),
        lambda: others(netwrok={}),
        lambda: facts(ekss={}),
        lambda: facts(eks={"verison": "1.34"}),
        lambda: facts(eks={"node_groups": {"any": {"kubernetes_version": "1.34"}}}),
        lambda: facts(network={"subnets": {"private": [{"cidr": "10.0.0.0/24"}]}}),
        lambda: facts(conflicts=[{"why": "x"}]),
        lambda: facts(offers={"ekss": {}}),
        lambda: facts(offers={"encryption": {"quotas": {}}}),
        lambda: result(account="123456789012"),
    ],
)
def test_a_key_that_nobody_declares_is_refused(make):
    with pytest.raises(UndeclaredError):
        make()


@pytest.mark.parametrize(
    "read",
    [
        lambda found: found["eks_verison"],
        lambda found: found.get("eks_verison"),
        lambda found: "eks_verison" in found,
        lambda found: found["eks_addons"][0]["irsa"].get("service_account"),
    ],
)
def test_a_key_that_nobody_declares_is_not_read(read):
    given = values("eks", eks_addons=[{"name": "a", "irsa": {"name": "a", "service_accounts": ["b"]}}])
    with pytest.raises(UndeclaredError):
        read(given)
    with pytest.raises(UndeclaredError):
        facts(eks={"node_groups": {"any": {}}})["eks"]["node_groups"]["any"].get("kubernetes_version")


def test_what_is_declared_is_free_where_the_declaration_is():
    given = values(
        "eks",
        eks_node_groups=[{"name": "a", "labels": {"any": "b"}}],
        platform_tags={"any": "c"},
        eks_log_types=["api"],
    )
    assert given["eks_node_groups"][0]["labels"]["any"] == "b"
    assert given.get("eks_addons") is None
    assert facts(eks={"node_groups": {"any": {"status": "ACTIVE"}}})["eks"]["node_groups"]["any"]["status"] == "ACTIVE"


def test_each_module_of_rules_belongs_to_a_component():
    assert MODULES
    assert set(MODULES) <= set(checked_roles())


@pytest.mark.parametrize("component", MODULES)
def test_rules_read_what_is_declared(component):
    every = others(**{role: next(samples(role)) for role in MODULES})
    found = facts(**facts_of(everything()))
    for given in samples(component):
        list(component_faults(component, given, every))
        component_needs(component, given, found)
        for rules in filter(None, (change_rules(component), change_warnings(component), removal_rules(component))):
            list(rules(given, found))
            list(rules(given, facts(**facts_of({}))))


@pytest.mark.parametrize("component", MODULES)
def test_ranges_are_of_whole_numbers(component):
    module = importlib.import_module(f"{components.__name__}.{component}")
    for path in getattr(module, "RANGES", {}):
        name, *keys = path.split("[].")
        option = options(component)[name]
        for key in keys:
            option = option["options"][key]
        assert option["type"] == "int"


def test_a_component_without_rules_has_no_faults():
    assert list(component_faults("none_such", values("irsa_role"), others())) == []
    assert change_rules("registry") is None
    assert change_warnings("registry") is None


def test_rules_that_cannot_be_imported_are_not_taken_for_none(monkeypatch):
    monkeypatch.delitem(sys.modules, f"{components.__name__}.encryption", raising=False)
    monkeypatch.setitem(sys.modules, formats.__name__, None)
    with pytest.raises(ModuleNotFoundError):
        list(component_faults("encryption", values("encryption"), others()))
