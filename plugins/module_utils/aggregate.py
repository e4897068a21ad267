# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several resources of one kind in one module call, side by side: what takes AWS minutes is waited for once."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .faults import ResourceError, error_code
from .values import listed, without_unset

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    from .resource import Resource

# A client has ten connections.
SIDE_BY_SIDE = 8


def details_of(error: ResourceError) -> dict[str, Any]:
    """What a module's result says of an error besides its message."""
    return {"error_code": error_code(error.cause)} if error.cause else {}


class Clients:
    """Clients for all threads of a module call: boto3 makes them in one thread at a time."""

    def __init__(self, module: AnsibleAWSModule):
        self.module = module
        self.made: dict[tuple[Any, ...], Any] = {}
        self.ended: SystemExit | None = None
        self.lock = threading.Lock()

    def client(self, service: str, config: Any = None, region: str | None = None) -> Any:
        """The client of that service, configuration and region, the same for all."""
        key = (service, repr(sorted((config.retries or {}).items())) if config else None, region)
        with self.lock:
            # amazon.aws prints a failure as the module's result and ends; one result is enough.
            if self.ended:
                raise self.ended
            if key not in self.made:
                try:
                    elsewhere = {"region": region} if region else {}
                    self.made[key] = self.module.client(service, config=config, **elsewhere)
                except SystemExit as end:
                    self.ended = end
                    raise
            return self.made[key]


class Part:
    """The module as one of the resources sees it: with options of its own, and those for the connection."""

    def __init__(self, module: AnsibleAWSModule, clients: Clients, params: dict[str, Any]):
        self._module = module
        self.params = {**{name: value for name, value in module.params.items() if name != "aggregate"}, **params}
        # One of them may lie in a region of its own.
        self.client = functools.partial(clients.client, region=self.params.get("region"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class Aggregate:
    """The resource, or all resources, of a call of a module that has the option aggregate.

    spec: the module's argument_spec. conditions: those that hold among the options of one resource.
    """

    side_by_side = SIDE_BY_SIDE

    def __init__(
        self,
        resource: type[Resource],
        module: AnsibleAWSModule,
        spec: Mapping[str, Mapping[str, Any]],
        conditions: Mapping[str, Any],
    ):
        self.resource = resource
        self.module = module
        self.clients = Clients(module)
        required = resource.names.values()
        self.spec = {
            name: {**option, "required": True} if name in required else dict(option)
            for name, option in spec.items()
            if name != "aggregate"
        }
        self.validator = ArgumentSpecValidator(self.spec, **conditions)

    def run(self) -> dict:
        """Bring all to their states. The result of the module, which has failed where one of them has."""
        entries = self.module.params["aggregate"]
        # Suboptions that weren't given would count as given, where one excludes the other.
        common = without_unset({name: self.module.params[name] for name in self.spec})
        if entries is None:
            return self.resource(Part(self.module, self.clients, self.options(common, ""))).run()
        options = [
            self.options(
                {**common, **{name: value for name, value in entry.items() if value is not None}}, f"[{index}]"
            )
            for index, entry in enumerate(entries)
        ]
        self.refuse_twice(options)
        with ThreadPoolExecutor(max_workers=self.side_by_side) as threads:
            results = list(threads.map(self.result_of, self.parts(options)))
        return self.summed_up([{**result, "item": entry} for result, entry in zip(results, entries, strict=True)])

    def options(self, given: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The options of one resource with their defaults; an error that says where what is wrong stands."""
        checked = self.validator.validate(dict(given))
        if checked.error_messages:
            where = f"aggregate{place}: " if place else ""
            raise ResourceError(where + "; ".join(checked.error_messages))
        return {name: checked.validated_parameters.get(name) for name in self.spec}

    def parts(self, options: Iterable[Mapping[str, Any]]) -> list[Part]:
        """The module as each of the resources sees it."""
        return [Part(self.module, self.clients, dict(params)) for params in options]

    def refuse_twice(self, options: Iterable[Mapping[str, Any]]) -> None:
        seen = []
        for params in options:
            names = [params[option] for option in self.resource.names.values()]
            # What has no unique name is told apart by its tag Name, or its id.
            name = [*names, (params.get("tags") or {}).get("Name"), params.get(getattr(self.resource, "known_by", ""))]
            if name in seen:
                named = listed(repr(value) for value in names)
                raise ResourceError(f"The aggregate has the {self.resource.kind} {named} more than once.")
            seen.append(name)

    def result_of(self, part: Part) -> dict:
        resource = None
        try:
            resource = self.resource(part)
            return resource.run()
        except ResourceError as error:
            changed = bool(resource and resource.changed)
            return {"failed": True, "changed": changed, "msg": str(error), **details_of(error)}

    def summed_up(self, results: list[dict]) -> dict:
        result: dict[str, Any] = {"changed": any(one["changed"] for one in results), "results": results}
        diffs = [one.pop("diff") for one in results if "diff" in one]
        if diffs:
            result["diff"] = diffs
        if results and all(one.get("skipped") for one in results):
            result.update(skipped=True, skip_reason=results[0]["skip_reason"])
        failures = [one for one in results if one.get("failed")]
        if failures:
            result.update(failed=True, msg="\n".join(one["msg"] for one in failures))
            result.update({key: failures[0][key] for key in ("error_code",) if key in failures[0]})
        return result
