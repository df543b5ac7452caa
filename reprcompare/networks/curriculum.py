"""Curricula: which features a network is trained on now, each network at its own pace."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from reprcompare.errors import UnknownNameError, unknown_name
from reprcompare.networks.settings import Stage, Training


class Curriculum:
    """How far every network of a stack has come in the stages of its training.

    Parameters
    ----------
    settings
        Whose `stages` are gone through; without any there is one stage of all features.
    features
        Names of the features, in the order of the targets.
    labelled : array of bool, shape (n_networks, n_features)
        Whether a network has any label of a feature to learn from.
    seeds
        One a network, for what is hidden at random.

    Attributes
    ----------
    trained : array of bool, shape (n_networks, n_features)
        Features that are trained in some stage.

    Raises
    ------
    UnknownNameError
        If a stage names a feature that there is not.
    """

    def __init__(
        self,
        settings: Training,
        features: Sequence[str],
        labelled: np.ndarray,
        seeds: Sequence[int],
    ) -> None:
        stages = settings.stages or (Stage(tuple(features)),)
        for name in [name for stage in stages for name in stage.features]:
            if name not in features:
                raise UnknownNameError(unknown_name("feature", name, features, "the stages"))
        self._settings = settings
        self._steps = [stage.steps for stage in stages]
        # Chance that a label is seen, by stage and feature.
        self._seen = np.array(
            [
                [
                    float(name in stage.features) * stage.fractions.get(name, 1.0)
                    for name in features
                ]
                for stage in stages
            ]
        )
        self.trained = labelled & (self._seen > 0).any(axis=0)
        self._stage = np.zeros(len(labelled), dtype=int)
        self._began = np.zeros(len(labelled), dtype=int)
        self._drawing = [np.random.default_rng([seed, 2]) for seed in seeds]

    def hide(self, targets: Tensor, networks: Sequence[int]) -> Tensor:
        """Return targets without the labels that are not trained now.

        Parameters
        ----------
        targets : torch.Tensor, shape (n_here, batch, n_features)
        networks
            Which of the networks these are.
        """
        seen = self._seen[self._stage[networks]]
        if (seen == 1).all():
            return targets
        kept = np.repeat(seen[:, None] > 0, targets.shape[1], axis=1)
        for row, network in enumerate(networks):
            if ((seen[row] > 0) & (seen[row] < 1)).any():
                kept[row] = self._drawing[network].random(kept.shape[1:]) < seen[row]
        return torch.where(torch.from_numpy(kept), targets, torch.nan)

    def advance(
        self, step: int, network: int, above: np.ndarray, learned_at: np.ndarray
    ) -> int | None:
        """Take a look at one network, move it to its next stage if it is ready for it.

        Parameters
        ----------
        step
            Now.
        network
            Which one.
        above, learned_at : arrays, shape (n_features,)
            Whether each feature is above the criterion now, and when it first was.

        Returns
        -------
        int or None
            The step at which its training ends, as far as that is known.
        """
        stage = self._stage[network]
        steps, last = self._steps[stage], len(self._steps) - 1
        now = self.trained[network] & (self._seen[stage] > 0)
        over = above[now].all() if steps is None else step - self._began[network] >= steps
        if stage < last:
            if over:
                self._stage[network], self._began[network] = stage + 1, step
            return None
        began = int(self._began[network])
        if steps is not None:
            return began + steps
        ever = learned_at[self.trained[network]]
        if np.isnan(ever).any() or not len(ever):
            return None
        return max(int(ever.max()), began) + self._settings.steps_after_solving
