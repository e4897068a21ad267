# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Rules for the models that the platform offers, and for what names some of them."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.agent_platform.aws.plugins.filter.bedrock_models import GEOGRAPHIES, geography
from ansible_collections.agent_platform.aws.plugins.module_utils.values import listed

from .fault import Fault, did_you_mean, fault
from .formats import repeated, repeated_names
from .ranges import Range, range_faults

VARIABLE = "platform_models"
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:/-]{0,126}[A-Za-z0-9])?")
# As Bedrock's API has them: vendor and model, of which a model may have one dot more, and up to two parts of a version.
MODEL_ID = re.compile(r"[a-z0-9-]{1,63}\.[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})?(:[a-z0-9-]{1,63}){0,2}")
LONGEST_MODEL_ID = 140
LONGEST_PROFILE_ID = 64
RANGES = {f"{VARIABLE}[].{name}": Range(1) for name in ("rpm", "tpm", "max_parallel_requests")}


def model_faults(values: Mapping[str, t.Any], region: str | None) -> Iterator[Fault]:
    """What is wrong with platform_models; no region where that is in doubt."""
    models = values.get(VARIABLE) or []
    yield from repeated_names(VARIABLE, models)
    yield from repeated_names(VARIABLE, models, "id")
    yield from range_faults(values, RANGES)
    for index, model in enumerate(models):
        name, own = model.get("name"), model.get("id")
        if name is not None and not NAME.fullmatch(name):
            yield fault(
                f"{VARIABLE}[{index}].name",
                name,
                "is not a model's name: up to 128 letters, digits and . _ : / -, letters or digits at both ends",
            )
        rule = id_rule(own, region) if own is not None else None
        if rule:
            yield fault(f"{VARIABLE}[{index}].id", own, rule)


def id_rule(own: str, region: str | None) -> str | None:
    area = geography(own)
    model, longest = (own.partition(".")[2], LONGEST_PROFILE_ID) if area else (own, LONGEST_MODEL_ID)
    if not MODEL_ID.fullmatch(model) or len(own) > longest:
        return (
            "is not the id of a Bedrock model or of an inference profile, such as amazon.titan-embed-text-v2:0 or"
            " us.amazon.nova-lite-v1:0"
        )
    if area and region and not re.fullmatch(GEOGRAPHIES[area], region):
        fitting = [f"{name}." for name, regions in GEOGRAPHIES.items() if re.fullmatch(regions, region)]
        others = f": name one that begins with {' or '.join(fitting)}" if fitting else ": name a model instead"
        return f"is an inference profile that can't be called in platform_region {region}{others}"
    return None


def named_model_faults(variable: str, names: list[str], values: Mapping[str, t.Any]) -> Iterator[Fault]:
    """A variable that names some of the platform's models."""
    known = [model.get("name") for model in values.get(VARIABLE) or []]
    for index, name in enumerate(names):
        if name not in known:
            guess = did_you_mean(name, [other for other in known if other])
            yield fault(f"{variable}[{index}]", name, f"is not the name of one of {VARIABLE}{guess}")
    for name in repeated(names):
        yield fault(variable, name, "occurs more than once")


def offers(platform: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    """What AWS tells of models; nothing where it wasn't asked."""
    of_components = platform.get("offers") or {}
    told = (of_components.get(name) or {} for name in ("knowledge_base", "workload_identity"))
    return next((each for each in told if each.get("models")), {})


def _told(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[tuple[str, str, Mapping[str, t.Any]]]:
    """The models of which AWS tells, each with its place and its id."""
    told = offers(platform).get("models") or {}
    for index, model in enumerate(values.get(VARIABLE) or []):
        if model.get("id") in told:
            yield f"{VARIABLE}[{index}].id", model["id"], told[model["id"]]


def offered_model_faults(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Models that Bedrock doesn't offer where the platform is."""
    for path, own, told in _told(values, platform):
        rule = offer_rule(own, told, offers(platform).get("model_ids") or [], values.get("platform_region"))
        if rule:
            yield fault(path, own, rule)


def model_warnings(values: Mapping[str, t.Any], platform: Mapping[str, t.Any]) -> Iterator[Fault]:
    """Models that this account can't call yet, or not for much longer."""
    for path, own, told in _told(values, platform):
        if told["offered"] and told["lacks"]:
            yield fault(path, own, access_rule(told))
        if told["ends"]:
            yield fault(path, own, f"is a model that ends on {told['ends']}: name the one that follows it")


def offer_rule(own: str, told: Mapping[str, t.Any], known: Iterable[str], region: str | None) -> str | None:
    """Why a model can't be called in the region, of what discovery tells of it; None if it can."""
    if not told["offered"]:
        guess = did_you_mean(own, known)
        return f"is no model and no inference profile that Bedrock offers in {region or 'the region'}{guess}"
    if not told["called_directly"]:
        profiles = " or ".join(told["profiles"]) or "one"
        return f"is a model that is called through an inference profile only: name {profiles}"
    return None


def access_rule(told: Mapping[str, t.Any]) -> str:
    """Why a model can't be called yet, and what helps, of what discovery tells of it."""
    rule = f"can't be called in this account yet: Bedrock has no {listed(told['lacks'])} for it."
    if told["provider"] == "Amazon":
        return f"{rule} See whether a policy of the organization forbids it, or ask AWS Support"
    if told["provider"] == "Anthropic":
        rule += " Anthropic's form comes first, once in an account or organization (Bedrock's console, model catalog)."
    return (
        f"{rule} Whoever may aws-marketplace:Subscribe and ViewSubscriptions subscribes to it by calling it once, which"
        " no workload may: see docs/account.md"
    )
