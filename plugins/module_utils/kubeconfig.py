# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubeconfig of one cluster: what stands in it, and how it is read, compared and written."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ansible.module_utils.common.yaml import HAS_YAML, yaml_dump, yaml_load

from .faults import ResourceError

MODE = 0o600
SECTIONS = ("clusters", "contexts", "users")
HIDDEN = "********"


def document(
    arn: str, server: str, authority: str, tls_server_name: str | None, context: str, program: Mapping[str, Any]
) -> dict[str, Any]:
    """The kubeconfig of a cluster. Its entries are named by the cluster's ARN, as other makers of kubeconfigs do."""
    cluster = {"server": server, "certificate-authority-data": authority}
    if tls_server_name:
        cluster["tls-server-name"] = tls_server_name
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": arn, "cluster": cluster}],
        "users": [{"name": arn, "user": {"exec": dict(program)}}],
        "contexts": [{"name": context, "context": {"cluster": arn, "user": arn}}],
        "current-context": context,
        "preferences": {},
    }


def text_of(kubeconfig: Mapping[str, Any]) -> str:
    return "# Written by agent_platform.aws.eks_kubeconfig.\n" + yaml_dump(dict(kubeconfig), sort_keys=False)


def read(path: str) -> dict[str, Any] | None:
    """What the file says, or None where there is none. ResourceError for what is no kubeconfig."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, IsADirectoryError):
        raise ResourceError(f"{path} is no kubeconfig, and is left alone. Choose another path.") from None
    try:
        found = yaml_load(text) if HAS_YAML else None
    except Exception:
        # The error would show parts of the file.
        found = None
    if found is None and not text.strip():
        return {}
    if not isinstance(found, dict) or found.get("kind", "Config") != "Config":
        raise ResourceError(f"{path} is no kubeconfig, and is left alone. Choose another path.")
    return found


def names(kubeconfig: Mapping[str, Any], section: str) -> list[str]:
    entries = kubeconfig.get(section) or []
    return [str(entry.get("name")) for entry in entries if isinstance(entry, dict)]


def refuse_foreign(path: str, kubeconfig: Mapping[str, Any], is_ours: Callable[[str], bool]) -> None:
    """ResourceError for a kubeconfig that names another cluster than ours, or something besides it."""
    others = [name for name in names(kubeconfig, "clusters") if not is_ours(name)]
    if others:
        raise ResourceError(
            f"{path} is the kubeconfig of another cluster, {', '.join(others)}, and is left alone. Choose another path,"
            " or remove the file."
        )
    for section in SECTIONS:
        found = names(kubeconfig, section)
        if len(found) > 1:
            raise ResourceError(
                f"{path} has more than one of the {section}, {', '.join(found)}, and nothing is merged. Choose another"
                " path; KUBECONFIG may name several files, with colons between them."
            )


def shown(kubeconfig: Mapping[str, Any] | None, ours: Mapping[str, Any] | None) -> str:
    """For a diff: of what somebody else has written only what can't be a secret."""
    if not kubeconfig:
        return ""
    return yaml_dump(_hidden(kubeconfig, ours), sort_keys=False)


def _hidden(found: Any, ours: Any, path: tuple = ()) -> Any:
    if isinstance(found, Mapping):
        inner = ours if isinstance(ours, Mapping) else {}
        # These have keys, passwords and tokens, if it isn't ours.
        user = path[-1:] == ("user",)
        return {
            key: HIDDEN if user and key != "exec" else _hidden(value, inner.get(key), (*path, key))
            for key, value in found.items()
        }
    if isinstance(found, list):
        inner = ours if isinstance(ours, list) else []
        return [_hidden(value, inner[index] if index < len(inner) else None, path) for index, value in enumerate(found)]
    # Another value of an environment variable of the program's may be one, too.
    return HIDDEN if path[-2:] == ("env", "value") and found != ours else found


def private_text(path: str) -> str | None:
    """The text of a file that is its owner's alone; None if there is none, or others may read it."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        return file.read() if os.fstat(file.fileno()).st_mode & 0o777 == MODE else None
    return None


def make_folder(path: str) -> None:
    os.makedirs(path, mode=0o700, exist_ok=True)


def put(path: str, text: str) -> None:
    """Write a file in one step: whoever reads it meanwhile has the old one."""
    draft = f"{path}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def source_of(module: ModuleType) -> str:
    """The text of a module of ours, which may lie in the archive in which Ansible sends modules."""
    return inspect.getsource(module)
