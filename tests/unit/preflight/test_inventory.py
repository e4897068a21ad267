# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The check of a whole inventory against the roles of this collection: what is evaluated, reported once, and placed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.agent_platform.aws.plugins.lookup.inventory_faults import Inventory, Made
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules import prerequisites
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.components import network
from ansible_collections.agent_platform.aws.plugins.plugin_utils.inventory_rules.fault import Fault
from tests.support.components import shared

from .declared import facts

ROOT = Path(__file__).resolve().parents[3]
HOSTS = ["encryption", "network", "eks", "workload_identity", "bastion_instance"]


class HostVars(dict):
    def raw_get(self, host):
        return self[host]


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Has all programs and libraries, but for those whose names are put into the set."""
    monkeypatch.chdir(ROOT)
    missing = set()
    monkeypatch.setattr(prerequisites.shutil, "which", lambda name: None if name in missing else f"/usr/bin/{name}")
    monkeypatch.setattr(prerequisites.importlib.util, "find_spec", lambda name: None if name in missing else name)
    return missing


@pytest.fixture(scope="module")
def common():
    """What a user's inventory begins with, and what Ansible adds for each host."""
    return {
        **DataLoader().load_from_file(str(ROOT / "group_vars" / "all" / "common.yml"), trusted_as_template=True),
        "platform_account_id": "123456789012",
        # This process doesn't load filters and lookups of collections, as ansible-playbook does.
        "platform_models": shared()["platform_models"],
        "platform_task_environment": {},
        "platform_lookup_options": {},
        # The one input without a default: each environment names an image.
        "bastion_instance_image": "ami-0123456789abcdef0",
        "ansible_run_tags": ["all"],
        "ansible_skip_tags": [],
    }


@pytest.fixture
def inventory(common, tmp_path):
    """Makes an inventory of the common values, values for all hosts (as YAML text) and for single hosts."""

    def make(text="", hosts=(*HOSTS,), **of_host):
        loader = DataLoader()

        def load(content, name):
            path = tmp_path / f"{name}.yml"
            path.write_text(content)
            return loader.load_from_file(str(path), trusted_as_template=True) or {}

        shared = load(text, "all")
        hostvars = HostVars()
        for host in hosts:
            own = load(of_host.get(host, ""), host)
            names = {"inventory_hostname": host, "group_names": ["services" if host == "eks" else "foundation"]}
            hostvars[host] = {**common, **shared, **own, **names}
        variables = {"hostvars": hostvars, "groups": {"all": list(hosts)}}
        return Inventory(loader, Templar(loader=loader, variables={}), variables)

    return make


def lines(inventory, hosts=None):
    found = dict.fromkeys(str(item) for item in inventory.static_faults(hosts or inventory.hosts))
    # The place is the file in tmp_path; its folder is of no interest.
    return [line.replace(os.path.dirname(line[line.rfind("(") + 1 :]), "") for line in found]


def test_the_defaults_of_all_roles_are_right(inventory):
    assert lines(inventory()) == []


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_inventories_of_this_repository_need_nothing_but_an_account(environment, inventory):
    text = (ROOT / "inventories" / environment / "group_vars" / "all" / "10-environment.yml").read_text()
    found = lines(inventory(text))
    assert found == [] or (len(found) == 1 and "is not an AWS account id of 12 digits" in found[0])


def test_every_shared_variable_of_the_repository_is_declared(inventory):
    declared = inventory().shared
    files = [ROOT / "group_vars" / "all" / "common.yml", *ROOT.glob("inventories/*/group_vars/all/*.yml")]
    used = {name for path in files for name in yaml.safe_load(path.read_text()) if name.startswith("platform_")}
    assert used <= set(declared)


def test_all_faults_of_all_components_come_at_once(inventory):
    found = lines(
        inventory(
            """
            platform_name: Agent
            network_vpc_cidr: 10.0.0.0/33
            eks_verison: "1.34"
            eks_node_groups: [{name: a, min_size: 3, max_size: 2}]
            encryption_deletion_window_days: 5
            """
        )
    )
    assert [line.partition(":")[0] for line in found] == [
        "platform_name",
        "encryption_deletion_window_days",
        "network_vpc_cidr",
        "eks_node_groups[0].min_size",
        "eks_verison",
    ]


def test_only_components_of_the_run_are_checked_but_all_names_are(inventory):
    checked = inventory("network_vpc_cidr: 10.0.0.0/33\nnetwork_vpc_cdir: x\nencryption_deletion_window_days: 5")
    assert [line.partition(":")[0] for line in lines(checked, ["encryption"])] == [
        "encryption_deletion_window_days",
        "network_vpc_cdir",
    ]


def test_a_fault_says_where_it_is(inventory):
    found = lines(
        inventory("platform_tags:\n  a: b\n  c: 1\n", eks='\neks_node_groups:\n  - name: a\n    max_size: "6"\n')
    )
    assert found == [
        "platform_tags.c: 1 is not a text: put it in quotes (/all.yml:3)",
        "eks_node_groups[0].max_size: '6' is a text, not a whole number: write it without quotes (/eks.yml:4)",
    ]


def test_values_are_evaluated_for_their_host(inventory):
    text = """
eks_kubernetes_version: "{{ {'eks': '1.35'}[inventory_hostname] }}"
network_vpc_cidr: "{{ cidr }}"
cidr: 10.9.0.0/33
"""
    assert lines(inventory(text)) == [
        "network_vpc_cidr: '10.9.0.0/33' is not an IPv4 network with a prefix length from 16 to 28 (/all.yml:3)"
    ]


@pytest.mark.parametrize(
    ("text", "of_eks", "fault"),
    [
        # Set for the host itself, by what the variable is made of, and by what is reached without its name.
        ("", "platform_region: {}\n", "platform_region: {} is not a text"),
        ('platform_region: "{{ theirs }}"\ntheirs: us-west-2\n', "theirs: {}\n", "platform_region: {} is not a text"),
        (
            "platform_region: \"{{ hostvars.eks['the' ~ 'irs'] if inventory_hostname == 'eks' else 'us-west-2' }}\"\n",
            "",
            "platform_region: \"{{ hostvars.eks['the' ~ 'irs']",
        ),
        (
            "platform_region: \"{{ lookup('vars', 'the' ~ 'irs') }}\"\ntheirs: us-west-2\n",
            "theirs: {}\n",
            "platform_region",
        ),
    ],
)
def test_a_variable_of_the_platform_is_the_hosts_own_where_what_it_is_made_of_is(text, of_eks, fault, inventory):
    found = lines(inventory(text, eks=of_eks))
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_a_variable_that_all_hosts_have_alike_is_evaluated_once(inventory, monkeypatch):
    evaluated = []
    evaluate = Inventory._evaluate
    monkeypatch.setattr(
        Inventory,
        "_evaluate",
        lambda self, templar, path, raw: evaluated.append(path) or evaluate(self, templar, path, raw),
    )
    checked = inventory()
    assert {checked.shared_values[host][0]["platform_component_tags"]["Component"] for host in HOSTS} == {*HOSTS}
    assert evaluated.count("platform_component_tags") == len(HOSTS)
    assert evaluated.count("platform_owner_tags") == 1


def test_what_cannot_be_evaluated_is_reported_and_the_rest_is_checked(inventory):
    text = "eks_node_groups:\n  - name: a\n    max_size: '{{ nodes }}'\n    disk_size_gib: 5\n"
    assert lines(inventory(text)) == [
        "eks_node_groups[0].max_size: '{{ nodes }}' can't be evaluated: 'nodes' is undefined (/all.yml:3)",
        "eks_node_groups[0].disk_size_gib: 5 is not from 20 to 65536 GiB (/all.yml:4)",
    ]


def test_a_list_without_one_of_its_items_is_not_checked_further(inventory):
    text = "network_availability_zones: [us-west-2a, '{{ second }}']\n"
    assert lines(inventory(text)) == [
        "network_availability_zones[1]: '{{ second }}' can't be evaluated: 'second' is undefined (/all.yml:1)"
    ]


def test_what_follows_from_a_missing_variable_is_not_reported_too(inventory, common):
    common.pop("platform_region")
    try:
        assert lines(inventory()) == ["platform_region: is required and missing"]
    finally:
        common["platform_region"] = "us-west-2"


def test_a_wrong_shared_value_is_not_used_to_judge_others(inventory):
    found = lines(inventory("platform_region: us-wset-2\nnetwork_availability_zones: [us-west-2a, us-west-2b]"))
    assert [line.partition(":")[0] for line in found] == ["platform_region"]


def test_what_is_made_from_a_wrong_value_is_not_reported_too(inventory):
    text = """
platform_account_id: REPLACE
eks_access_entries:
  - principal_arn: arn:aws:iam::{{ platform_account_id }}:role/admin
  - principal_arn: admin
"""
    assert [line.partition(":")[0] for line in lines(inventory(text))] == [
        "platform_account_id",
        "eks_access_entries[1].principal_arn",
    ]


def test_emptied_variables(inventory):
    assert lines(inventory("network_vpc_cidr:\n")) == [
        "network_vpc_cidr: null is empty: give it a value or remove the line to get the default"
    ]


def test_hosts_that_are_no_component(inventory):
    checked = inventory(hosts=("network", "ekss"))
    assert lines(checked, ["network", "ekss"]) == ["ekss: there is no component of this name; did you mean eks?"]


def test_variables_of_another_component(inventory):
    assert lines(inventory(network="eks_node_groups: []\n")) == [
        "eks_node_groups: is set for the host network, but eks reads it: move it to host_vars/eks.yml or group_vars/all"
        " (/network.yml:1)"
    ]


def test_components_are_judged_by_what_others_declare(inventory):
    text = "network_vpc_cidr: 10.0.0.0/26\neks_node_groups: [{name: a, min_size: 1, max_size: 100}]\n"
    assert "has 11 free addresses, but 56 are needed" in lines(inventory(text))[0]
    assert lines(inventory(text, hosts=("network",))) == []


def test_what_is_made_is_made_once():
    asked = []
    made = Made(lambda key: asked.append(key) or key.upper())
    assert [made["a"], made["b"], made["a"]] == ["A", "B", "A"]
    assert asked == ["a", "b"]


@pytest.mark.parametrize(
    ("tags", "selected"), [("[all]", True), ("[eks]", True), ("[services]", True), ("[network]", False)]
)
def test_components_selected_by_tags(tags, selected, inventory):
    assert inventory(f"ansible_run_tags: {tags}\n").selected("eks") is selected


def test_without_a_selection_all_are_selected(inventory, common):
    expression = common.pop("platform_component_selected")
    try:
        assert inventory("ansible_run_tags: [network]\n").selected("eks") is True
    finally:
        common["platform_component_selected"] = expression


def test_changes_and_conflicts(inventory):
    platform = facts(
        network={"cidr_block": "10.1.0.0/16", "vpc_id": "vpc-1"},
        eks={"version": "1.32", "cluster_name": "agent-platform-dev-eks"},
        conflicts=[{"component": "eks", "resource": "IAM role x", "reason": "isn't ours", "remedy": "go"}],
    )
    found = list(inventory("network_vpc_cidr: 10.0.0.0/16\n").change_faults(HOSTS, platform))
    assert [item.variable for item in found] == ["network_vpc_cidr", "eks_kubernetes_version", "eks"]
    assert found[0].place.endswith("all.yml:1")
    assert found[1].place == ""
    assert [item.variable for item in inventory().change_faults(["encryption"], platform)] == ["eks"]


def test_warnings_of_the_components_of_the_run(inventory, monkeypatch):
    """They are shown once, with their places, and are no faults."""

    def warnings(values, platform):
        yield Fault("network_vpc_cidr", f"{values['network_vpc_cidr']} in {platform['account_id']}")

    monkeypatch.setattr(network, "warnings", warnings, raising=False)
    platform = facts(account_id="123456789012")
    made = inventory("network_vpc_cidr: 10.0.0.0/16\n")
    found = [str(item) for item in made.warnings(HOSTS, platform)]
    assert len(found) == 1
    assert re.fullmatch(r"network_vpc_cidr: 10.0.0.0/16 in 123456789012 \(.*all.yml:1\)", found[0])
    assert list(made.warnings(["encryption"], platform)) == []


def test_a_name_of_two_owners_whichever_of_them_the_run_is_about(inventory):
    role = "{name: bastion, namespace: gateways, service_accounts: [bastion]}"
    checked = inventory(workload_identity=f"workload_identity_roles:\n  - {role}\n")
    for hosts in (None, ["bastion_instance"], ["workload_identity"]):
        (line,) = lines(checked, hosts)
        assert line.startswith(
            "workload_identity_roles[0].name: makes the IAM role agent-platform-dev-bastion, which is"
        )
        assert line.endswith("(/workload_identity.yml:2)")
    assert lines(checked, ["network"]) == []


def test_what_keeps_components_from_being_removed_comes_at_once(inventory):
    nothing = {"state": "absent", "lines": []}
    found = {
        "platform": facts(eks={"exists": True}, bastion_instance={"exists": True}),
        "summary": {"eks": {"state": "exists"}, "bastion_instance": {"state": "exists"}, "network": nothing},
    }
    faults = [str(item) for item in inventory().removal_faults(["eks", "bastion_instance"], found)]
    assert [line.partition(":")[0] for line in faults] == [
        "eks_deletion_protection",
        "bastion_instance_termination_protection",
    ]
    off = "eks_deletion_protection: false\nbastion_instance_termination_protection: false\n"
    assert list(inventory(off).removal_faults(["eks", "bastion_instance"], found)) == []
    assert [item.variable for item in inventory(off).removal_faults(["network"], found)] == ["network"]


# ---- What this machine lacks

PLUGIN = "session-manager-plugin"
INSTALL_PLUGIN = f"needs the program {PLUGIN}, which isn't on the PATH: {prerequisites.PROGRAMS[PLUGIN]}"
IN_CLUSTER = ["cluster_services", "telemetry"]


def with_cluster(inventory, text=""):
    made = inventory(text, hosts=(*HOSTS, *IN_CLUSTER))
    made.in_cluster = set(IN_CLUSTER)
    return made


def of_machine(faults):
    return [str(item) for item in faults if " needs the " in str(item)]


def lacks(made):
    return of_machine(made.static_faults(made.hosts))


def test_what_is_missing_is_told_once_and_how_to_install_it(inventory, machine):
    machine |= {PLUGIN, "argon2", "kubernetes", "helm"}
    found = lacks(with_cluster(inventory))
    pip = "for the Python that ansible-playbook has"
    assert found == [
        f"bastion_instance, cluster_services, telemetry: {INSTALL_PLUGIN}",
        f"bastion_instance: needs the library argon2-cffi, which isn't there: pip install argon2-cffi {pip}",
        f"cluster_services, telemetry: needs the library kubernetes, which isn't there: pip install kubernetes {pip}",
        f"cluster_services: needs the program helm, which isn't on the PATH: {prerequisites.PROGRAMS['helm']}",
    ]


@pytest.mark.parametrize(
    ("text", "takers"),
    [
        ("platform_cluster_access: direct", ["bastion_instance"]),
        ("bastion_instance_configured: false", IN_CLUSTER),
        ("bastion_instance_configured: false\nplatform_cluster_access: direct", []),
    ],
)
def test_nothing_is_missing_that_nothing_takes(inventory, machine, text, takers):
    machine.add(PLUGIN)
    assert lacks(with_cluster(inventory, text)) == [f"{', '.join(takers)}: {INSTALL_PLUGIN}"] * bool(takers)


def test_a_program_that_the_inventory_names_is_looked_for_there(inventory, machine):
    machine.add("/opt/helm")
    found = lacks(with_cluster(inventory, "cluster_services_helm: /opt/helm"))
    assert found == [
        f"cluster_services: needs the program helm, which isn't at /opt/helm: {prerequisites.PROGRAMS['helm']}"
    ]


def test_a_removal_takes_what_leads_into_the_cluster_alone(inventory, machine):
    machine |= {PLUGIN, "argon2"}
    made = with_cluster(inventory)
    found = of_machine(made.static_faults(made.hosts, removal=True))
    assert found == [f"cluster_services, telemetry: {INSTALL_PLUGIN}"]
    assert of_machine(made.static_faults(["bastion_instance"], removal=True)) == []


def test_what_only_other_components_take_is_a_warning(inventory, machine):
    machine.add(PLUGIN)
    made = with_cluster(inventory)
    assert of_machine(made.static_faults(["network"])) == []
    found = of_machine(made.warnings(["network", "telemetry"], facts()))
    assert found == [f"bastion_instance, cluster_services: {INSTALL_PLUGIN}"]
