"""A policy from its name and options, as the command line gives them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path

from sqlopt_env.types import SqlOptError

from .baselines import BASELINES
from .options import called
from .policy import Policy
from .rule_policy import RulePolicy

_LANGUAGE_MODEL = "openai:"
_LOCAL_MODEL = "local:"
_OF_RULES = "sqlopt rule policy"  # how the formats of saved policies begin
_OF_LANGUAGE_MODEL = "sqlopt openai policy"
_OF_LOCAL_MODEL = "sqlopt transformers policy"


def made(name: str, options: Mapping[str, str]) -> Policy:
    """What `sqlopt_agents.policy.make_policy` promises."""
    if name in BASELINES:
        return called(name, BASELINES[name], options)
    if name == "rules":
        return called(name, RulePolicy, options)
    if name.startswith(_LANGUAGE_MODEL):
        return _language_model(name.removeprefix(_LANGUAGE_MODEL), options)
    if name.startswith(_LOCAL_MODEL):
        from .transformers_policy import TransformersPolicy

        return called(name, TransformersPolicy, options, name.removeprefix(_LOCAL_MODEL))
    if name.endswith(".json"):
        return _saved(Path(name), options)
    module, colon, attribute = name.partition(":")
    if not colon:
        raise SqlOptError(
            f"unknown policy {name!r}: give one of {', '.join(BASELINES)}, rules, a saved policy's .json file,"
            f" {_LANGUAGE_MODEL}MODEL, {_LOCAL_MODEL}FOLDER, or package.module:Class of your own"
        )
    return _own(name, module, attribute, options)


def _own(name: str, module: str, attribute: str, options: Mapping[str, str]) -> Policy:
    try:
        policy: object = called(name, getattr(importlib.import_module(module), attribute), options)
    except SqlOptError:
        raise
    except Exception as error:
        raise SqlOptError(f"the policy {name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(policy, Policy):
        raise SqlOptError(f"the policy {name} has no method propose(observation, n, rng)")
    return policy


def _language_model(model: str, options: Mapping[str, str]) -> Policy:
    from .openai_policy import OpenAIPolicy  # brings the client, which only this one needs

    return called(f"{_LANGUAGE_MODEL}{model}", OpenAIPolicy, options, model)


def _saved(path: Path, options: Mapping[str, str]) -> Policy:
    """The policy of a file, by the format that the file names."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        kind = str(data.get("format")) if isinstance(data, dict) else ""
    except (OSError, ValueError, RecursionError):
        kind = ""  # what is wrong with it, the rule policy says
    if kind.startswith(_OF_LANGUAGE_MODEL):
        from .openai_policy import OpenAIPolicy

        return called(str(path), OpenAIPolicy.load, options, path)
    if kind.startswith(_OF_LOCAL_MODEL):
        from .transformers_policy import TransformersPolicy

        return called(str(path), TransformersPolicy.load, options, path)
    if kind and not kind.startswith(_OF_RULES):
        raise SqlOptError(f"{path} holds {kind!r}, which is no policy's format of this version")
    return called(str(path), RulePolicy.load, options, path)
