"""All candidates on the neuroids of one set of rows: predictions, scores, parts, choices."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.encoding.fitting import Fit, Search, fit
from reprcompare.encoding.folds import make_folds
from reprcompare.encoding.found import Found, Settings
from reprcompare.encoding.grams import find_kernel, flat
from reprcompare.encoding.leakage import (
    CHOSEN_ON_TEST,
    check_duplicates,
    check_itself,
    check_repeats,
    check_scaling,
    leak,
)
from reprcompare.encoding.partition import subsets_of
from reprcompare.encoding.pls import fit_pls
from reprcompare.encoding.predictors import Candidate, Group
from reprcompare.encoding.responses import Notes, RowSet, ceiling_of
from reprcompare.encoding.scores import (
    bootstrap_r2,
    draws_of_units,
    fold_centred,
    r_squared,
    split_r_squared,
)
from reprcompare.encoding.systems import Stimuli, Systems, systems_of
from reprcompare.encoding.tally import Tally, by_region
from reprcompare.errors import listing

CHOSEN: Final = {"nested": "chosen in training rows", "test": "chosen on test rows"}
"""What the tables call the candidate that was chosen, by how it was."""


class Predicting:
    """Predict the neuroids of one set of rows by every candidate.

    Parameters
    ----------
    given
        The brain as it was given, for its ceiling.
    prepared
        Its rows.
    rows
        Of `row_sets`.
    settings
        What the caller chose.
    notes
        Gains sentences.
    """

    def __init__(
        self,
        given: xr.Dataset,
        prepared: xr.Dataset,
        rows: RowSet,
        settings: Settings,
        notes: Notes,
    ) -> None:
        self.given, self.prepared, self.rows = given, prepared, rows
        self.settings, self.notes = settings, notes
        self.stimulus_id, self.code = np.unique(
            rows.frame["stimulus_id"].to_numpy(), return_inverse=True
        )
        self.folds = make_folds(
            rows.frame, settings.cv, settings.inner_cv, settings.n_blocks, settings.seed
        )
        check_repeats(rows.frame["stimulus_id"].to_numpy(), self.folds, notes)
        scaling = str(given["activity"].attrs.get("scaling") or "")
        check_scaling(scaling, self.folds, "the brain", notes)
        draws = draws_of_units(self.folds, settings.n_bootstrap, settings.seed)
        self.found = Found(rows, self.folds, Tally(draws, self.folds))
        self.place = pd.Series(np.arange(len(rows.neuroids)), index=rows.neuroids)
        self.owners = pd.DataFrame(
            {
                name: prepared[name].values[rows.neuroids].astype(str)
                for name in ("neuroid_id", "region", "subject")
            }
        )
        self.mean, self.unit = np.zeros(len(rows.neuroids)), np.ones(len(rows.neuroids))
        self.ceiling = np.full(len(rows.neuroids), np.nan)
        for block in rows.blocks():
            places = self.place[block].to_numpy()
            self.ceiling[places] = ceiling_of(
                given,
                block,
                self.stimulus_id,
                len(rows.frame) > len(self.stimulus_id),
                settings.ceiling,
                self.folds.name if self.folds.name in given.coords else None,
                notes,
            )

    def run(self, candidates: Sequence[Candidate]) -> Found:
        """Fit and score every candidate, and the one that is chosen."""
        for group in (group for candidate in candidates for group in candidate.groups):
            check_scaling(group.scaling, self.folds, f"{group.name!r}", self.notes)
            check_itself(group, self.owners["neuroid_id"].to_numpy(dtype=str), self.notes)
            self._note_flat(group)
        choosing = len(candidates) > 1 and self.settings.choose in CHOSEN
        best: dict[str, np.ndarray] = {}
        for candidate in candidates:
            predicted, inner = self._candidate(candidate, choosing)
            if choosing:
                self._keep_best(best, candidate, predicted, inner)
        if choosing:
            self._score_chosen(best, candidates)
        return self.found

    def responses(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read a block of neuroids: responses (n_rows, b), 0 where broken, and which are broken.

        They are centred and divided by their largest value, so that float32 loses nothing of small
        changes on a large base, whatever their unit; `in_units` takes it back.
        """
        activity = self.prepared["activity"].isel(neuroid=_slice(block))
        values = activity.transpose("presentation", "neuroid").values[self.rows.presentations]
        # In the type of the file: where it is float32, differences from the mean are exact enough.
        values = np.array(values, dtype=np.result_type(values, np.float32))
        broken = ~np.isfinite(values).all(axis=0)
        if broken.any():
            self.notes[
                "Neuroids with missing or infinite values in rows of their subject have no score."
            ] = None
            values[:, broken] = 0
        mean = values.mean(axis=0, dtype=float).astype(values.dtype)
        values -= mean
        unit = np.abs(values).max(axis=0)
        constant = unit <= 4 * np.finfo(values.dtype).eps * np.abs(mean)
        values[:, constant] = 0
        unit[constant] = 1
        if self.settings.model == "pls":  # components weigh neuroids by their variance
            unit[:] = unit.max()
        values /= unit
        folds = range(self.folds.number)
        still = [np.ptp(values[self.folds.outer == fold], axis=0) == 0 for fold in folds]
        if (np.any(still, axis=0) & ~broken).any():
            self.notes["Neuroids whose responses are the same in all rows of a fold have no r."] = (
                None
            )
        places = self.place[block].to_numpy()
        self.mean[places], self.unit[places] = mean, unit
        return values.astype(self.settings.precision, copy=False), broken

    def in_units(self, predicted: np.ndarray) -> np.ndarray:
        """Return predictions (n_rows, n_neuroids) in the units of the brain."""
        return (predicted * self.unit + self.mean).astype(self.settings.precision)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield places of neuroids that are predicted at once."""
        return self.rows.blocks(together=self.settings.model == "pls")

    def _positions(self, group: Group) -> np.ndarray:
        """Return where a group has the stimuli of the rows."""
        return pd.Index(group.stimulus_id).get_indexer(pd.Index(self.stimulus_id))

    def _note_flat(self, group: Group) -> None:
        """Say where columns of labels vary in held-out stimuli only."""
        if not group.is_table or self.settings.standardise is False:
            return
        values = np.concatenate(list(group.read(self._positions(group))), axis=1)
        found = np.zeros(values.shape[1], dtype=bool)
        for fold in range(self.folds.number):
            training = np.zeros(len(values), dtype=bool)
            training[self.code[self.folds.outer != fold]] = True
            found |= flat(values, training) & (np.ptp(values, axis=0) > 0)
        if found.any():
            self.notes[
                f"{group.name!r}: {found.sum()} of {len(found)} columns "
                f"({listing(group.columns[found], 3)}) hardly vary in the training stimuli of some "
                "fold, so nothing is predicted from them there. A level of a category is a column."
            ] = None

    def _systems(self, candidate: Candidate) -> Systems:
        settings = self.settings
        positions = [self._positions(group) for group in candidate.groups]
        stimuli = Stimuli(positions, self.code, self.rows.run(), settings.delays)
        systems = systems_of(
            candidate.groups,
            stimuli,
            find_kernel(settings.kernel),
            settings.kernel == "linear",
            settings.standardise,
            settings.precision,
            settings.device,
        )
        if settings.kernel == "linear" and settings.delays == (0,):
            check_duplicates(
                candidate.groups,
                systems(self.folds.outer != 0),
                self.rows.frame["stimulus_id"].to_numpy(),
                self.folds,
                self.notes,
            )
        return systems

    def _fit(self, systems: Systems, values: np.ndarray, search: Search, **more: bool) -> Fit:
        if self.settings.model == "pls":
            return fit_pls(systems, values.astype(float), self.folds, search)
        return fit(
            systems,
            values,
            self.folds,
            search,
            precision=self.settings.precision,
            device=self.settings.device,
            **more,
        )

    def _candidate(self, candidate: Candidate, keep: bool) -> tuple[np.ndarray, np.ndarray]:
        """Fit and score one candidate; returns predictions (if kept) and R2 of the inner folds."""
        settings, n = self.settings, len(self.rows.neuroids)
        systems = self._systems(candidate)
        keep = keep or settings.predictions
        predicted = np.empty((len(self.code) if keep else 0, n), dtype=settings.precision)
        inner = np.full((self.folds.number, n), np.nan)
        chosen = np.full((self.folds.number, n), np.nan)
        split = len(candidate.groups) > 1 and settings.model != "pls"
        weights: list[list[np.ndarray]] = []
        for block in self.blocks():
            places = self.place[block].to_numpy()
            values, broken = self.responses(block)
            fitted = self._fit(
                systems, values, settings.search, by_group=split, columns=settings.weights
            )
            inner[:, places] = np.where(broken, np.nan, fitted.inner_r2)
            chosen[:, places] = np.where(broken, np.nan, fitted.setting)
            if keep:
                predicted[:, places] = np.where(broken, np.nan, fitted.predicted)
            if settings.weights:
                weights.append([part * self.unit[places] for part in fitted.columns])
            owners = self.owners.iloc[places]
            self._add(candidate.name, places, np.where(broken, np.nan, values), fitted.predicted)
            if fitted.by_group is not None:
                self._add_groups(candidate, owners, values, fitted.by_group)
            if settings.partition:
                self._add_subsets(candidate, systems, owners, values, broken, fitted.predicted)
        self.found.setting[candidate.name] = chosen
        if settings.predictions:
            self.found.predicted[candidate.name] = self.in_units(predicted)
        if weights:
            self.found.weights[candidate.name] = [
                np.concatenate(parts, axis=1) for parts in zip(*weights, strict=True)
            ]
        return predicted, inner

    def _add(
        self, name: str, places: np.ndarray, values: np.ndarray, predicted: np.ndarray
    ) -> None:
        self.found.tally.add(
            name,
            self.owners.iloc[places],
            values,
            predicted,
            {
                "ceiling": np.sqrt(self.ceiling[places]),
                "ceiling_r2": self.ceiling[places],
            },
        )

    def _add_groups(
        self,
        candidate: Candidate,
        owners: pd.DataFrame,
        values: np.ndarray,
        by_group: np.ndarray,
    ) -> None:
        y = fold_centred(values, self.folds.outer)
        parts = np.stack([fold_centred(part, self.folds.outer) for part in by_group])
        for group, r2 in zip(candidate.groups, split_r_squared(y, parts), strict=True):
            self.found.groups.append(
                owners.assign(predictor=candidate.name, group=group.name, r2=r2)
            )

    def _add_subsets(
        self,
        candidate: Candidate,
        systems: Systems,
        owners: pd.DataFrame,
        values: np.ndarray,
        broken: np.ndarray,
        whole: np.ndarray,
    ) -> None:
        """Fit every subset of the groups by giving the others no weight."""
        y = fold_centred(values, self.folds.outer)
        names = [group.name for group in candidate.groups]
        for number, subset in enumerate(subsets_of(len(names))):
            predicted = whole
            if len(subset) < len(names):
                search = replace(self.settings.search, weights=self._weights_of(subset))
                predicted = self._fit(systems, values, search).predicted
            p = fold_centred(predicted.astype(y.dtype, copy=False), self.folds.outer)
            r2 = np.where(broken, np.nan, r_squared(y, p))
            self.found.subsets.append(
                owners.assign(subset=" & ".join(names[g] for g in subset), r2=r2)
            )
            draws = bootstrap_r2(self.found.tally.draws, y, p)
            valid = np.isfinite(r2)
            for subject, region, places in by_region(owners):
                key = (number, subject, region)
                summed = draws[:, places[valid[places]]].sum(axis=1)
                self.found.draws[key] = self.found.draws.get(key, 0.0) + summed

    def _weights_of(self, subset: tuple[int, ...]) -> np.ndarray:
        """Return the weights to try for a subset: those of all groups, cut to it."""
        weights = np.zeros_like(self.settings.search.weights)
        weights[:, subset] = self.settings.search.weights[:, subset]
        total = weights.sum(axis=1)
        return np.unique(weights[total > 1e-12] / total[total > 1e-12, None], axis=0)

    def _keep_best(
        self,
        best: dict[str, np.ndarray],
        candidate: Candidate,
        predicted: np.ndarray,
        inner: np.ndarray,
    ) -> None:
        """Keep the predictions of the best candidate of every region and fold."""
        if not best:
            best["predicted"] = np.full_like(predicted, np.nan)
            best["score"] = np.full(inner.shape, -np.inf)
            best["name"] = np.full(inner.shape, "", dtype=object)
        if self.settings.choose == "test":
            table = self.found.tally.rows
            own = pd.concat([x for x in table if x["predictor"].iloc[0] == candidate.name])
            score = own.groupby(["subject", "region"], sort=False)["r"].transform("mean")
            inner = np.broadcast_to(
                score.set_axis(own["neuroid_id"])[self.owners["neuroid_id"]].to_numpy(), inner.shape
            )
        means = (
            pd.DataFrame(inner.T)
            .groupby([self.owners["subject"], self.owners["region"]])
            .transform("mean")
            .to_numpy()
            .T
        )
        for fold in range(self.folds.number):
            better = means[fold] > best["score"][fold]
            rows = np.flatnonzero(self.folds.outer == fold)
            best["predicted"][np.ix_(rows, better)] = predicted[np.ix_(rows, better)]
            best["score"][fold, better] = means[fold, better]
            best["name"][fold, better] = candidate.name

    def _score_chosen(self, best: dict[str, np.ndarray], candidates: Sequence[Candidate]) -> None:
        name = CHOSEN[self.settings.choose]
        if self.settings.choose == "test":
            leak(CHOSEN_ON_TEST, self.notes)
        for block in self.blocks():
            places = self.place[block].to_numpy()
            values, broken = self.responses(block)
            self._add(name, places, np.where(broken, np.nan, values), best["predicted"][:, places])
        first = ~self.owners.duplicated(["subject", "region"]).to_numpy()
        for fold in range(self.folds.number):
            self.found.choice.append(
                self.owners.loc[first, ["subject", "region"]].assign(
                    fold=fold,
                    candidate=best["name"][fold, first],
                    score=best["score"][fold, first],
                    n_candidates=len(candidates),
                )
            )
        if self.settings.predictions:
            self.found.predicted[name] = self.in_units(best["predicted"])


def _slice(places: np.ndarray) -> slice | np.ndarray:
    """Turn places that follow each other into a slice, which a file reads much faster."""
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places
