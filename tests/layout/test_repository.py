# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds for every role, module, playbook and inventory of the repository."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ansible_collections.agent_platform.aws.plugins.filter.iam_permissions import placeholders
from ansible_collections.agent_platform.aws.plugins.plugin_utils.roles import untold
from tests.layout.platform_stub import ROOT, ansible_command, clean_environment
from tests.layout.role_files import ROLES, constants, read, texts
from tests.support import ansible_cores

COLLECTION = ROOT / "collections/ansible_collections/agent_platform/aws"
ENVIRONMENTS = sorted(path.parent.name for path in (ROOT / "inventories").glob("*/hosts.yml"))
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
# Those that change a host, those that talk to a cluster's API, and the others that talk to AWS.
HOST_MODULES = ["host_tools", "host_user_files"]
CLUSTER_MODULES = [module for module in MODULES if module.startswith("k8s_")]
AWS_MODULES = [module for module in MODULES if module not in HOST_MODULES + CLUSTER_MODULES]
TASK_FILES = sorted(
    path
    for folder in ("roles", "playbooks")
    for path in (ROOT / folder).rglob("*.yml")
    if {"tasks", "handlers", "playbooks"} & set(path.relative_to(ROOT).parts) and path.parent.name != "vars"
)


def layers():
    """The components of the inventories, by layer."""
    groups = read(ROOT / "inventories/components.yml")["all"]["children"]["platform"]["children"]
    return {layer: list(group["hosts"]) for layer, group in groups.items()}


COMPONENTS = [component for hosts in layers().values() for component in hosts]


def test_the_repository_was_found():
    assert {"local", "dev", "prod"} <= set(ENVIRONMENTS)
    assert {"encryption", "network", "eks", "workload_identity", "bastion_instance", "bastion", "preflight"} <= set(
        ROLES
    )
    assert MODULES
    assert TASK_FILES


# Links


def links():
    found = [*COLLECTION.iterdir(), *(ROOT / "filter_plugins").glob("*.py")]
    found += sorted((ROOT / "inventories").glob("*/components.yml"))
    return found + sorted((ROOT / "inventories").glob("*/group_vars/*/00-common.yml"))


@pytest.mark.parametrize("link", links(), ids=lambda link: str(link.relative_to(ROOT)))
def test_links_are_relative_and_lead_to_something_in_here(link):
    assert link.is_symlink()
    assert not os.path.isabs(os.readlink(link))
    assert link.exists()
    assert link.resolve().is_relative_to(ROOT)


def test_everything_has_its_link():
    shipped = {"LICENSE", "README.md", "galaxy.yml", "meta", "playbooks", "plugins", "roles"}
    filters = {path.name for path in (ROOT / "plugins/filter").glob("*.py")}

    assert {path.parent.name for path in (ROOT / "inventories").glob("*/components.yml")} == {*ENVIRONMENTS}
    assert {path.name for path in COLLECTION.iterdir()} == shipped
    assert {path.name for path in (ROOT / "filter_plugins").glob("*.py")} == filters


# Roles


@pytest.mark.parametrize("role", ROLES)
def test_role_has_its_parts(role):
    parts = ["README.md", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml"]
    if role in COMPONENTS:
        parts += ["defaults/main.yml", "meta/component.yml", "tasks/absent.yml"]

    assert [part for part in parts if not (ROOT / "roles" / role / part).is_file()] == []


@pytest.mark.parametrize("role", ROLES)
def test_galaxy_shows_what_the_role_says_of_itself(role):
    meta = read(ROOT / "roles" / role / "meta/main.yml")["galaxy_info"]
    collection = read(ROOT / "galaxy.yml")

    assert (
        meta["description"]
        == read(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]["main"]["short_description"]
    )
    assert [meta["author"]] == collection["authors"]
    assert meta["min_ansible_version"] == read(ROOT / "meta/runtime.yml")["requires_ansible"].removeprefix(
        ">="
    ).removesuffix(".0")


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_what_the_specs_say(role):
    specs = read(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    options = specs["main"].get("options", {})
    file = ROOT / "roles" / role / "defaults/main.yml"
    defaults = (read(file) if file.exists() else None) or {}
    # Values that the whole platform shares have their defaults in group_vars/all/common.yml.
    own = {name: option for name, option in options.items() if not name.startswith("platform_")}

    assert set(defaults) == {name for name, option in own.items() if not option.get("required")}
    # A single value stands in both, so that ansible-doc shows it; a list or dict stands once, in the defaults.
    documented = {name: option["default"] for name, option in own.items() if "default" in option}
    assert documented == {name: value for name, value in defaults.items() if not isinstance(value, (dict, list))}
    assert [name for name, option in options.items() if not option.get("description") or not option.get("type")] == []
    assert [name for name in defaults if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", ROLES)
def test_entries_of_defaults_leave_out_what_the_specs_say(role):
    specs = read(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    file = ROOT / "roles" / role / "defaults/main.yml"
    defaults = (read(file) if file.exists() else None) or {}
    repeated = [
        f"{name}: {key}"
        for name, option in specs["main"].get("options", {}).items()
        if option["type"] == "list" and name in defaults
        for key, suboption in option.get("options", {}).items()
        for entry in defaults[name]
        if "default" in suboption and entry.get(key) == suboption["default"]
    ]

    assert repeated == []


def test_every_component_is_in_the_inventories():
    described = {path.parent.parent.name for path in (ROOT / "roles").glob("*/meta/component.yml")}
    assert described == {*COMPONENTS}


def steps():
    """The hosts of each play, a layer or one component, and which components are built side by side in it."""
    plays = [play.get("vars", {}).get("layer_hosts") for play in read(ROOT / "playbooks/provision.yml")]
    return [(hosts, layers().get(hosts, [hosts])) for hosts in plays if hosts]


def known_inputs(component):
    shared = read(ROOT / "group_vars/all/common.yml")
    return {*shared, *read(ROOT / "roles" / component / "defaults/main.yml")}


@pytest.mark.parametrize("component", COMPONENTS)
def test_component_says_what_it_builds_on(component):
    about = read(ROOT / "roles" / component / "meta/component.yml")
    step = {host: number for number, (_play, hosts) in enumerate(steps()) for host in hosts}

    known = {"requires", "reads", "entries", "endpoints", "protected_by", "service_linked_roles"}
    assert {"requires"} <= set(about) <= known
    assert set(about["requires"]) <= set(COMPONENTS) - {component}
    # In a play all start at once.
    assert [required for required in about["requires"] if step[required] >= step[component]] == []
    for entry in about.get("endpoints", []):
        assert isinstance(entry, str) or (
            set(entry) == {"service", "when"} and entry["when"] in known_inputs(component)
        )
    if "entries" in about:
        shared = read(ROOT / "group_vars/all/common.yml")
        lists = {**shared, **read(ROOT / "roles" / component / "defaults/main.yml")}
        named = about["entries"]
        # What others have made, told apart, is nothing by default.
        theirs = named.values() if isinstance(named, dict) else []
        assert not any(lists[variable] for variable in theirs)
        ours = [] if theirs else named
        assert all(item["name"] for variable in ours for item in lists[variable])


@pytest.mark.parametrize("component", COMPONENTS)
def test_component_refers_to_what_it_discovers(component):
    """A fact of a component that meta/component.yml doesn't name would look as if that didn't exist."""
    about = read(ROOT / "roles" / component / "meta/component.yml")
    role = ROOT / "roles" / component
    text = "".join(path.read_text() for folder in ("tasks", "vars") for path in (role / folder).glob("*.yml"))
    asked = re.findall(r"'([a-z_]+)\.[a-z_.]+'\s*\|\s*agent_platform\.aws\.fact\s*}", text)
    asked += re.findall(r"component_found(?:\.|\[')platform(?:'\])?(?:\.|\[')([a-z_]+)", text)

    assert set(asked) - {"account_id", "deployer", "dns_suffix", "partition", "region"} <= {
        *about["requires"],
        *about.get("reads", []),
        component,
    }


@pytest.mark.parametrize("component", COMPONENTS)
def test_statements_of_a_role_name_what_it_is_told(component):
    """One of another component's facts would wait for ever."""
    named = {name for _key, text in texts(constants(component)) for name in placeholders(text)}
    assert {name: other for name in named if (other := untold(component, name))} == {}


def test_the_readme_has_each_component():
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| \[`(\w+)`\]\(roles/\1/README.md\) \| (\w+) \|.*\| (.*?) ?\|$", text, re.MULTILINE)
    told = {name: (layer, set(re.findall(r"`(\w+)`", requires))) for name, layer, requires in rows}
    about = {name: read(ROOT / "roles" / name / "meta/component.yml") for name in COMPONENTS}

    assert told == {name: (layer, set(about[name]["requires"])) for layer, hosts in layers().items() for name in hosts}


def test_each_layer_is_built_and_removed():
    playbooks = {name: read(ROOT / "playbooks" / f"{name}.yml") for name in ("provision", "teardown")}
    hosts = {
        name: [play["vars"]["layer_hosts"] for play in plays if "layer_hosts" in play.get("vars", {})]
        for name, plays in playbooks.items()
    }
    built = [host for _play, components in steps() for host in components]

    # In the order of the layers, each once.
    order = list(layers())
    layer = {host: order.index(name) for name, members in layers().items() for host in members}
    assert sorted(built) == sorted(COMPONENTS)
    assert [layer[host] for host in built] == sorted(layer.values())
    assert hosts["teardown"] == hosts["provision"][::-1]


# Tasks


def tasks(nodes):
    """All tasks of a file, also those of plays and blocks."""
    for node in nodes or []:
        yield node
        for key in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
            yield from tasks(node.get(key))


@pytest.mark.parametrize("file", TASK_FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_command_line_where_a_module_exists(file):
    commands = {"command", "shell", "raw", "script", "expect"}
    tools = re.compile(r"\b(aws|eksctl|helm|kubectl)\b")
    found = []
    for task in tasks(read(file)):
        for key, arguments in task.items():
            if key.split(".")[-1] in commands and tools.search(json.dumps(arguments)):
                found.append(task.get("name", key))

    assert found == []


@pytest.mark.parametrize("file", TASK_FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_failure_is_ignored(file):
    assert [task.get("name") for task in tasks(read(file)) if task.get("ignore_errors")] == []


# Modules


def test_the_table_has_each_module():
    assert re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/modules.md").read_text(), re.MULTILINE) == MODULES


def documentation(module):
    source = (ROOT / "plugins/modules" / f"{module}.py").read_text()
    return yaml.safe_load(re.search(r'^DOCUMENTATION = r?"""(.*?)"""', source, re.DOTALL | re.MULTILINE).group(1))


def is_of_the_framework(module):
    return "agent_platform.aws.resource" in documentation(module).get("extends_documentation_fragment", [])


def action_group(name):
    """The modules of a group, with those of the groups of this collection that it extends."""
    members = []
    for member in read(ROOT / "meta/runtime.yml")["action_groups"][name]:
        if isinstance(member, str):
            members.append(member)
        else:
            extended = member["metadata"]["extend_group"]
            members += [module for group in extended if "." not in group for module in action_group(group)]
    return sorted(members)


def test_every_module_for_aws_takes_the_connection_settings_of_the_group_aws():
    assert action_group("aws") == AWS_MODULES


def test_every_module_that_runs_on_the_controller_is_handed_to_the_warm_process_by_its_name():
    """By the action of platform_info, or by one of its own, which stands on that."""
    routing = read(ROOT / "meta/runtime.yml")["plugin_routing"]["modules"]
    own = {file.stem for file in (ROOT / "plugins/action").glob("*.py")}
    handed = AWS_MODULES + CLUSTER_MODULES
    actions = {module: module if module in own else "platform_info" for module in handed}
    assert routing == {module: {"action_plugin": f"agent_platform.aws.{actions[module]}"} for module in handed}


def test_every_module_of_the_framework_gets_the_owner_tags():
    assert action_group("platform") == [module for module in MODULES if is_of_the_framework(module)]


# Inventories


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_inventory_has_all_components_and_its_own_values(environment):
    done = subprocess.run(
        [ansible_command("ansible-inventory"), "-i", f"inventories/{environment}", "--list"],
        cwd=ROOT, env=clean_environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    inventory = json.loads(done.stdout)
    values = inventory["_meta"]["hostvars"]

    assert set(values) == set(COMPONENTS)
    for component in COMPONENTS:
        assert values[component]["platform_environment"] == environment
        assert values[component]["ansible_connection"] == values["network"]["ansible_connection"]
        # Those of Ansible, of the platform and of the collection's plugins aside.
        shared = ("ansible_", "platform_", "agent_platform_")
        own = {name for name in values[component] if not name.startswith(shared)}
        assert {name for name in own if not name.startswith(f"{component}_")} == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_host_vars_are_inputs_of_the_component(environment):
    for file in (ROOT / "inventories" / environment / "host_vars").glob("*.yml"):
        options = read(ROOT / "roles" / file.stem / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
        assert set(read(file) or {}) <= set(options), file


def test_inventories_repeat_nothing_of_an_environment():
    """A source that asks AWS can't read the variables, so a copied environment would find the machines of another."""
    for environment in ENVIRONMENTS:
        sources = [path.name for path in (ROOT / "inventories" / environment).glob("*.y*ml")]
        assert sorted(sources) == ["components.yml", "hosts.yml"]


def test_only_the_embedded_environment_names_an_account():
    files = {name: ROOT / "inventories" / name / "group_vars/all/10-environment.yml" for name in ENVIRONMENTS}
    accounts = {name: read(file)["platform_account_id"] for name, file in files.items()}

    assert accounts.pop("local") == "123456789012"
    assert {account.split("-")[0] for account in accounts.values()} == {"REPLACE"}


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/status.yml", "playbooks/teardown.yml"])
def test_a_run_without_an_inventory_says_what_is_missing(playbook):
    done = subprocess.run(
        [ansible_command("ansible-playbook"), playbook],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "There are no components; name the inventory of an environment" in done.stdout + done.stderr


def test_the_checkout_uses_the_callbacks():
    done = subprocess.run(
        [ansible_command("ansible-config"), "dump", "--only-changed", "--format", "json"],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    settings = {entry["name"]: entry.get("value") for entry in json.loads(done.stdout) if "name" in entry}

    assert settings["CALLBACKS_ENABLED"] == [
        f"agent_platform.aws.{name}" for name in ("preload", "progress", "changes")
    ]
    # Nothing that hides trouble.
    assert not {"DEPRECATION_WARNINGS", "COMMAND_WARNINGS", "SYSTEM_WARNINGS", "HOST_KEY_CHECKING"} & set(settings)


# Versions


def bundled(collection):
    """Version of a collection in the Python package ansible."""
    namespace, name = collection.split(".")
    package = importlib.metadata.distribution("ansible").locate_file(f"ansible_collections/{namespace}/{name}")
    return json.loads((Path(package) / "MANIFEST.json").read_text())["collection_info"]["version"]


def pins():
    return {entry["name"]: entry["version"] for entry in read(ROOT / "collections/requirements.yml")["collections"]}


def test_pinned_collections_are_those_of_the_development_environment():
    assert pins() == {collection: bundled(collection) for collection in pins()}


def test_dependencies_admit_the_pinned_versions():
    dependencies = read(ROOT / "galaxy.yml")["dependencies"]

    assert set(dependencies) == set(pins())
    assert [name for name, allowed in dependencies.items() if pins()[name] not in SpecifierSet(allowed)] == []


def requirements():
    """What the collection needs of PyPI."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def development_pins():
    """The versions of the development environment, by package."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    pinned = [Requirement(line) for line in groups["dev"]]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pinned}


def test_the_development_environment_meets_the_requirements():
    assert [str(needed) for needed in requirements() if development_pins()[needed.name] not in needed.specifier] == []


def test_requirements_are_what_plugins_import():
    """In their code, or by name before the modules of others do, as the connection `warm` does."""
    found = set()
    for file in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
                options = yaml.safe_load(ast.literal_eval(node.value)).get("options") or {}
                found |= set(options.get("warm_modules", {}).get("default", []))
    packages = {name.partition(".")[0] for name in found} - sys.stdlib_module_names
    packages -= {"ansible", "ansible_collections"}

    providers = importlib.metadata.packages_distributions()
    of_ansible = {Requirement(line).name.lower() for line in importlib.metadata.requires("ansible-core")}
    needed = {providers[package][0].lower() for package in packages} - of_ansible
    assert needed == {requirement.name for requirement in requirements()}


def test_an_image_has_each_version_of_ansible_core_that_is_supported():
    definition = read(ROOT / "execution-environment.yml")
    wanted = Requirement(definition["dependencies"]["ansible_core"]["package_pip"])

    lowest = read(ROOT / "meta/runtime.yml")["requires_ansible"].removesuffix(".0")
    assert lowest in str(wanted.specifier).split(",")
    assert [version for version in ansible_cores.VERSIONS if version not in wanted.specifier] == []


def test_no_two_files_have_an_account_of_the_emulator_together():
    """They run in one process or in several, as it happens: together they would find each other's things."""
    owner = "123456789012"  # that of the platform, which has its own fixture
    users = {}
    for file in sorted((ROOT / "tests" / "integration").glob("test_*.py")):
        for account in set(re.findall(r'"([0-9]{12})"', file.read_text())) - {owner, "999999999999"}:
            users.setdefault(account, []).append(file.name)
    assert users
    assert {account: files for account, files in users.items() if len(files) > 1} == {}
