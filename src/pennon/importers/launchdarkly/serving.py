"""What a rule or the fallthrough of LaunchDarkly's serves: a variation or a rollout, as Pennon's `serve`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from pennon.engine.dialects.launchdarkly.contexts import USER, Place
from pennon.importers.launchdarkly.clauses import Around, check_kind, place
from pennon.importers.launchdarkly.documents import refused
from pennon.importers.launchdarkly.findings import Findings
from pennon.importers.launchdarkly.shapes import Rollout
from pennon.model import Experiment, Problem, Serve, Split, Weight
from pennon.model.problems import pointer

HASHES: Mapping[str, str] = MappingProxyType({"python": "sha1-60-f64", "node": "sha1-60-f64", "go": "sha1-60-f32"})
"""The hash of each dialect's splits."""
_SAFE_INTEGER = 2**53 - 1


class Serving(Protocol):
    """What a rule and the fallthrough have in common."""

    @property
    def variation(self) -> int | None:
        """The index of a variation."""

    @property
    def rollout(self) -> Rollout | None:
        """A choice by percentage."""


class Variations:
    """The keys of a flag's variations, and of one without a value (`nothing`) where the caller's default is served.

    `is_malformed`: an index that is not there is served. `is_open`: that, or nothing at all.
    """

    def __init__(self, keys: Sequence[str], nothing: str) -> None:
        self.keys = keys
        self.is_malformed = False
        self.is_open = False
        self._nothing = nothing

    def nothing(self) -> str:
        """Return the key of the variation without a value, which the flag then needs."""
        self.is_open = True
        return self._nothing

    def key(self, index: int | None, path: str, findings: Findings) -> str:
        """Return the key of a variation; of one that has no value where there is no such index."""
        if index is not None and 0 <= index < len(self.keys):
            return self.keys[index]
        self.is_malformed = True
        what = "nothing is served" if index is None else f"there is no variation {index}"
        findings.said(path, f"{what}: LaunchDarkly's SDKs answer MALFORMED_FLAG and the caller's default here")
        return self.nothing()


class Server:
    """Makes what the rules of one flag serve."""

    def __init__(self, flag: str, variations: Variations, around: Around, findings: Findings) -> None:
        self._flag = flag
        self._variations = variations
        self._around = around
        self._findings = findings

    def serve(self, serving: Serving | None, path: str, rule: str | None) -> Serve:
        """Return what is served. *rule* is the rule's id, None for the fallthrough."""
        if serving is None or (serving.variation is None and serving.rollout is None):
            return Serve(variation=self._variations.key(None, path, self._findings))
        if serving.variation is not None:
            return Serve(variation=self._variations.key(serving.variation, path + "/variation", self._findings))
        assert serving.rollout is not None
        return self._rollout(serving.rollout, path + "/rollout", rule)

    def _rollout(self, rollout: Rollout, path: str, rule: str | None) -> Serve:
        if rollout.kind not in {None, "", "rollout", "experiment"}:
            message = f"the kind {rollout.kind!r} of a rollout is not known here"
            raise refused(Problem(path + "/kind", message, "update Pennon, or change the rollout"))
        if not rollout.variations:
            return Serve(variation=self._variations.key(None, path + "/variations", self._findings))
        if rollout.experiment_allocation is not None:
            message = "the REST API does not show whom an experiment's allocation leaves out: give an SDK's payload"
            self._findings.impossible(path + "/experimentAllocation", message)
        where = self._unit(rollout, path)
        if not where.steps:
            if self._around.dialect == "node":
                return Serve(variation=self._variations.key(None, path + "/bucketBy", self._findings))
            self._findings.said(path + "/bucketBy", "the attribute is malformed: LaunchDarkly's SDKs fail here")
        by = where.text if where.steps else f"{where.kind}:{rollout.bucket_by}"
        return Serve(
            split=Split(
                weights=self._weights(rollout, path),
                by=by,
                salt=self._salt(rollout.seed, path),
                hash=HASHES[self._around.dialect],
                experiment=self._experiment(rollout, path, rule),
            )
        )

    def _unit(self, rollout: Rollout, path: str) -> Place:
        if rollout.context_kind == "" and self._around.dialect == "node":
            self._findings.impossible(path + "/contextKind", "an empty kind is none to the Node SDK")
        check_kind(rollout.context_kind or USER, path + "/contextKind", self._findings)
        if not rollout.bucket_by:
            return Place(rollout.context_kind or USER, ("key",))
        if rollout.kind == "experiment":
            self._findings.said(path + "/bucketBy", "experiments go by the key, whatever bucketBy says")
            return Place(rollout.context_kind or USER, ("key",))
        return place(rollout.bucket_by, rollout.context_kind, path + "/contextKind", self._around, self._findings)

    def _weights(self, rollout: Rollout, path: str) -> tuple[Weight, ...]:
        weights = []
        for index, weighted in enumerate(rollout.variations):
            at = path + pointer("variations", index)
            if weighted.untracked and rollout.kind == "experiment":
                self._findings.said(at + "/untracked", "its units count as exposed here, which evaluates the same")
            weights.append(Weight(self._variations.key(weighted.variation, at, self._findings), weighted.weight))
        return tuple(weights)

    def _salt(self, seed: int | None, path: str) -> str | None:
        if seed is None:
            return None
        if self._around.dialect == "node":
            if abs(seed) > _SAFE_INTEGER:
                self._findings.impossible(path + "/seed", f"the seed {seed} is not the same number in JavaScript")
            if seed == 0:
                self._findings.said(path + "/seed", "the Node SDK takes a seed of 0 for none")
                return None
        return str(seed)

    def _experiment(self, rollout: Rollout, path: str, rule: str | None) -> Experiment | None:
        if rollout.kind != "experiment":
            return None
        if (rollout.context_kind or USER) != USER:
            self._findings.said(path + "/contextKind", "exposures of other kinds than user have no unit here")
        return Experiment(self._flag if rule is None else f"{self._flag}/{rule}")
