# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection as users install it: built, installed into a folder of its own, used from elsewhere by full names."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import sys
import tarfile

import pytest
import yaml

from tests.layout.platform_stub import ROOT
from tests.layout.test_repository import AWS_MODULES, COMPONENTS, MODULES, ROLES, requirements
from tests.support.installation import Installation

# What playbooks find before a role begins: here nothing exists.
FOUND = ("-e", json.dumps({"component_found": {"platform": {}}}))
PLUGINS = {
    kind: sorted(path.stem for path in (ROOT / "plugins" / kind).glob("*.py"))
    for kind in ("callback", "connection", "filter", "lookup", "test")
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    return Installation(tmp_path_factory.mktemp("artifact"))


def test_tarball_holds_the_collection_and_nothing_else(installation):
    with tarfile.open(installation.tarball) as tarball:
        names = tarball.getnames()

    assert {name.split("/")[0] for name in names} == {
        "CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md", "bindep.txt",
        "changelogs", "docs", "group_vars", "inventories", "meta", "playbooks", "plugins", "requirements.txt", "roles",
    }  # fmt: skip
    assert [name for name in names if "__pycache__" in name or "/." in name] == []
    assert {"/".join(name.split("/")[1:2]) for name in names if name.startswith("inventories/")} == {
        "components.yml", "dev", "local", "prod",
    }  # fmt: skip
    expected = [f"plugins/modules/{module}.py" for module in MODULES]
    expected += [f"roles/{role}/tasks/main.yml" for role in ROLES]
    assert set(expected) <= set(names)


def test_every_module_has_its_documentation(installation):
    names = [f"agent_platform.aws.{module}" for module in MODULES]

    documented = json.loads(installation.run("ansible-doc", "-t", "module", "--json", *names).stdout)

    for name in names:
        doc = documented[name]["doc"]
        assert all([doc["short_description"], doc["description"], doc["options"]]), name
        assert all([documented[name]["examples"], documented[name]["return"]]), name
        # Fragments of the framework and of amazon.aws were found.
        assert ({"region", "profile"} <= set(doc["options"])) == (name.rpartition(".")[2] in AWS_MODULES), name
    # As text, too, which checks the markup.
    text = installation.run("ansible-doc", "-t", "module", *names)
    assert "[ERROR]" not in text.stderr
    assert "[WARNING]" not in text.stderr


@pytest.mark.parametrize("kind", sorted(PLUGINS))
def test_every_other_plugin_has_its_documentation(installation, kind):
    names = [f"agent_platform.aws.{plugin}" for plugin in PLUGINS[kind]]

    documented = json.loads(installation.run("ansible-doc", "-t", kind, "--json", *names).stdout)

    assert sorted(documented) == sorted(names)
    assert [name for name in names if not documented[name]["doc"]["short_description"]] == []
    assert [name for name in names if not documented[name]["examples"]] == []


def test_every_role_has_its_documentation(installation):
    names = [f"agent_platform.aws.{role}" for role in ROLES]

    documented = json.loads(installation.run("ansible-doc", "-t", "role", "--json", *names).stdout)

    assert sorted(documented) == sorted(names)
    for component in COMPONENTS:
        assert {"main", "absent"} <= set(documented[f"agent_platform.aws.{component}"]["entry_points"])


def test_modules_resolve_by_full_name(installation):
    """A module that says which arguments it misses has been found, packed with its module_utils, and started."""
    tasks = [
        {"name": module, f"agent_platform.aws.{module}": {}, "ignore_errors": True}
        for module in ("eks_addon", "platform_info")
    ]

    done = installation.play(tasks)

    assert done.stdout.count('"msg": "missing required arguments: ') == len(tasks), done.stdout


def test_every_module_imports_what_it_needs(installation):
    """In one process, since each module that is played loads the AWS SDK anew."""
    code = "import importlib, sys; sys.path.insert(0, 'installed'); print(*["
    code += "importlib.import_module(f'ansible_collections.agent_platform.aws.plugins.modules.{name}').__file__"
    code += " for name in sys.argv[1:]], sep='\\n')"

    done = installation.run(sys.executable, "-c", code, *MODULES)

    assert len(done.stdout.split()) == len(MODULES)
    assert all(str(installation.root) in line for line in done.stdout.split())


# A run of an installed collection, see test_first_hour.py, goes through most of them.
@pytest.mark.thorough
def test_roles_resolve_by_full_name(installation):
    """Static imports are read before anything runs, with all that they import in turn."""
    tasks = [
        {"name": f"{role} {file}", "when": False, "ansible.builtin.import_role": {
            "name": f"agent_platform.aws.{role}", "tasks_from": file, "rolespec_validate": False}}
        for role in ROLES for file in ("main", "absent")
        if (ROOT / "roles" / role / "tasks" / f"{file}.yml").exists()
    ]  # fmt: skip

    # In check mode, as lists are worked out before a task is skipped.
    done = installation.play(tasks, "--check", *FOUND)

    assert "failed=0" in done.stdout


def test_filters_and_tests_resolve_by_full_name(installation):
    name = "{{ 'flow-logs' | agent_platform.aws.resource_name('agent-platform-dev', 'iam_role') }}"
    test = "{{ {'failed': true, 'msg': 'Read timeout on endpoint URL'} is agent_platform.aws.transient_failure }}"
    fact = "{{ 'network.vpc_id' | agent_platform.aws.fact }}"
    task = {"name": "Show", "ansible.builtin.debug": {"msg": [name, test, fact]}}

    done = installation.play([task], "--check", *FOUND)
    missing = installation.play([task], *FOUND, check=False)

    assert '"agent-platform-dev-flow-logs",' in done.stdout
    assert "true," in done.stdout.lower()
    assert '"(known after apply)"' in done.stdout
    assert missing.returncode == 2
    assert "run ansible-playbook site.yml --limit network first" in missing.stdout + missing.stderr


def test_module_defaults_reach_upstream_modules_in_roles(installation):
    """The action group aws of this collection extends those of amazon.aws and community.aws."""
    role = installation.folder / "roles/caller/tasks"
    role.mkdir(parents=True)
    module = "agent_platform.aws.eks_addon: {name: x, cluster_name: x, wait: false}"
    role.joinpath("main.yml").write_text(
        "- name: Ask upstream\n  amazon.aws.aws_caller_info:\n  ignore_errors: true\n"
        "- name: Ask the community\n  community.aws.ssm_parameter: {name: x, value: x}\n  ignore_errors: true\n"
        f"- name: Ask ours\n  {module}\n  ignore_errors: true\n"
    )
    # Refused before anything is sent, by each with its own words: no request leaves the machine.
    block = {
        "name": "Run a role",
        "module_defaults": {"group/agent_platform.aws.aws": {"profile": "nobody", "region": "us-west-2"}},
        "block": [{"name": "Include the role", "ansible.builtin.include_role": {"name": "caller"}}],
    }

    done = installation.play([block])

    assert done.stdout.count("The config profile (nobody) could not be found") >= 3, done.stdout


ANSWERS = {"init_environment": "staging", "init_account_id": "012345678901", "init_region": "eu-west-1"}


@pytest.fixture
def environment(installation, tmp_path):
    """Has the collection write an environment in a folder of a user's own; called with answers and options."""

    def write(*arguments, **answers):
        given = [f"{name}={value}" for name, value in {**ANSWERS, **answers}.items()]
        options = [option for answer in given for option in ("-e", answer)]
        return installation.run(
            "ansible-playbook", "agent_platform.aws.init", *options, *arguments, cwd=tmp_path, check=False
        )

    return write


def settings_of(file):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(file)
    return {section: dict(parser[section]) for section in parser.sections()}


def test_an_environment_is_written_and_is_one(installation, environment, tmp_path):
    first = environment(init_like="prod", init_name="demo")
    assert first.returncode == 0, first.stdout + first.stderr
    again = environment(init_like="prod", init_name="another")
    assert "changed=0 " in again.stdout, again.stdout

    values = yaml.safe_load((tmp_path / "inventories/staging/group_vars/all/10-environment.yml").read_text())
    assert values == {
        **yaml.safe_load((ROOT / "inventories/prod/group_vars/all/10-environment.yml").read_text()),
        "platform_name": "demo",
        "platform_environment": "staging",
        "platform_account_id": "012345678901",
        "platform_region": "eu-west-1",
    }
    listed = installation.run("ansible-inventory", "-i", "inventories/staging", "--list", cwd=tmp_path)
    hosts = json.loads(listed.stdout)["_meta"]["hostvars"]
    assert set(hosts) == set(COMPONENTS)
    assert {host["ansible_connection"] for host in hosts.values()} == {"agent_platform.aws.warm"}
    assert hosts["eks"]["eks_log_retention_days"] == 365

    # What Ansible is told there is what the checkout tells it.
    written, own = settings_of(tmp_path / "ansible.cfg"), settings_of(ROOT / "ansible.cfg")
    assert {"defaults", "inventory", "connection"} == set(written)
    assert all(own[section][key] == value for section, keys in written.items() for key, value in keys.items())
    assert set(own["defaults"]) - set(written["defaults"]) == {"collections_path", "filter_plugins", "playbook_dir"}

    (tmp_path / "inventories/staging/group_vars/all/00-common.yml").unlink()
    site = ("ansible-playbook", "agent_platform.aws.site", "-i", "inventories/staging")
    told = installation.run(*site, cwd=tmp_path, check=False)
    assert told.returncode != 0
    common = installation.root / "group_vars/all/common.yml"
    assert f"environments share are not loaded. Link {common} as " in " ".join((told.stdout + told.stderr).split())


def test_answers_that_cannot_be_are_refused_at_once(environment, tmp_path):
    wrong = {"init_environment": "Staging", "init_account_id": "1234", "init_region": "europe", "init_like": "test"}
    refused = environment(**wrong)
    assert refused.returncode == 2
    assert [name for name in wrong if f"{name} is " not in refused.stdout + refused.stderr] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("playbook", ["site", "status", "teardown"])
def test_playbooks_resolve_by_full_name(installation, playbook):
    done = installation.run("ansible-playbook", f"agent_platform.aws.{playbook}", check=False)

    assert "There are no components; name the inventory of an environment" in done.stdout + done.stderr


# Execution environments


def test_an_execution_environment_gets_what_the_collection_needs(installation):
    shown = installation.run("ansible-builder", "introspect", "installed").stdout

    found = yaml.safe_load(shown.partition("---")[2])
    needed = {
        kind: [line.removesuffix("  # from collection agent_platform.aws") for line in lines]
        for kind, lines in found.items()
    }
    assert needed["python"] == [str(requirement) for requirement in requirements()]
    assert needed["system"] == ["openssh-client [platform:dpkg]", "openssh-clients [platform:rpm]"]


def test_ansible_builder_makes_an_image_of_the_collection(installation):
    shutil.copy(ROOT / "execution-environment.yml", installation.folder)

    installation.run("ansible-builder", "create", "--output-filename", "Containerfile", "--context", "context")

    context = installation.folder / "context"
    (wanted,) = yaml.safe_load((context / "_build/requirements.yml").read_text())["collections"]
    assert (context / "_build" / wanted["name"]).read_bytes() == installation.tarball.read_bytes()
    steps = (context / "Containerfile").read_text()
    assert "RUN ANSIBLE_GALAXY_DISABLE_GPG_VERIFY=1 ansible-galaxy collection install" in steps
    assert re.search(r"^ARG ANSIBLE_INSTALL_REFS=\"ansible-core>=2.19,<2.22 ansible-runner\"$", steps, re.MULTILINE)
    assert re.search(r"^RUN .*/session-manager-plugin\.rpm", steps, re.MULTILINE)
    # Helm as the bastion has it.
    helm = yaml.safe_load((ROOT / "roles/bastion/vars/main.yml").read_text())["__bastion_known_tools"]["helm"]
    assert f"/helm-v{helm['version']}-linux-" in steps
    assert all(checksum.removeprefix("sha256:") in steps for checksum in helm["checksums"].values())
