# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Bedrock offers of models and inference profiles, and what an account lacks to call them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import UTC
from typing import Any


def offered_models(start: Callable[..., Future], ids: Iterable[str]) -> dict[str, Any]:
    """What Bedrock offers in the region, and whether the account may call these models and inference profiles.

    start: begins a read of AWS, which answers None where that fails.
    """
    unknown: dict[str, Any] = {"model_ids": [], "models": {}}
    if not ids:
        return unknown
    started = start("bedrock", "list_inference_profiles", typeEquals="SYSTEM_DEFINED")
    listed_models = start("bedrock", "list_foundation_models").result()
    listed_profiles = started.result()
    models = {item["modelId"]: item for item in (listed_models or {}).get("modelSummaries", [])}
    if not models or listed_profiles is None:
        return unknown
    # A profile is told with the models that it leads to, one in each of its regions.
    profiles = {
        item["inferenceProfileId"]: item["models"][0].get("modelArn", "").rpartition("/")[2]
        for item in listed_profiles.get("inferenceProfileSummaries", [])
        if item.get("models")
    }
    behind = {own: profiles.get(own, own) for own in ids}
    access = {
        own: start("bedrock", "get_foundation_model_availability", modelId=own)
        for own in sorted(set(behind.values()))
        if own in models or own in profiles.values()
    }
    return {
        "model_ids": sorted({*profiles, *(own for own in models if _called_directly(models[own]))}),
        "models": {
            own: {
                "offered": own in models or own in profiles,
                "called_directly": own not in models or _called_directly(models[own]),
                "provider": (models.get(model) or {}).get("providerName") or model.partition(".")[0],
                "profiles": sorted(profile for profile, target in profiles.items() if target == model),
                "lacks": _lacks(access[model].result(), direct=own in models) if model in access else [],
                "ends": _end_of_life(models.get(model) or {}),
            }
            for own, model in behind.items()
        },
    }


def _called_directly(model: Mapping[str, Any]) -> bool:
    """Whether a model takes calls by its own id. Some take them through an inference profile only."""
    return "ON_DEMAND" in (model.get("inferenceTypesSupported") or ["ON_DEMAND"])


def _lacks(answer: Mapping[str, Any] | None, direct: bool) -> list[str]:
    """What the account lacks to call a model; nothing where that isn't known."""
    if answer is None:
        return []
    found = {
        "agreement": (answer.get("agreementAvailability") or {}).get("status"),
        "entitlement": answer.get("entitlementAvailability"),
        "authorization": answer.get("authorizationStatus"),
        # A profile leads to other regions, too.
        "region": answer.get("regionAvailability") if direct else None,
    }
    return [name for name, status in found.items() if status not in (None, "AVAILABLE", "AUTHORIZED")]


def _end_of_life(model: Mapping[str, Any]) -> str | None:
    """The day on which a model ends that has had its time."""
    cycle = model.get("modelLifecycle") or {}
    ends = cycle.get("endOfLifeTime") if cycle.get("status") == "LEGACY" else None
    return ends.astimezone(UTC).date().isoformat() if ends else None
