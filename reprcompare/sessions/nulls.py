"""What interventions are compared with: random directions, and the states that occur by nature."""

import torch
from torch import Tensor

NEIGHBOURS = 5


def matched_directions(
    states: Tensor,
    difference: Tensor,
    step: Tensor,
    n_dimensions: int,
    n_draws: int,
    generator: torch.Generator,
) -> Tensor:
    """Draw random subspaces that activity varies in, and move states in them equally far.

    A direction is a random combination of the states' deviations from their mean, so that it is
    drawn with the covariance of the activity. In each draw a state moves along the part of its
    difference that lies in the random subspace, by the length of its original step.

    Parameters
    ----------
    states : tensor, shape (n_states, n_units)
        Natural states.
    difference, step : tensors, shape (n_stimuli, n_units)
        From each state to that of its counterfactual, and the step that is to be matched.
    n_dimensions
        Of each subspace.
    n_draws
        Number of subspaces.
    generator
        Of the draws.

    Returns
    -------
    torch.Tensor, shape (n_draws, n_stimuli, n_units)
    """
    centred = states - states.mean(dim=0)
    moved = torch.zeros(n_draws, *difference.shape, dtype=states.dtype, device=states.device)
    for draw in moved:
        mixing = torch.randn(n_dimensions, len(centred), generator=generator, dtype=states.dtype)
        basis = torch.linalg.qr((mixing.to(centred.device) @ centred).T).Q
        part = (difference @ basis) @ basis.T
        length = part.norm(dim=1, keepdim=True)
        draw += part * step.norm(dim=1, keepdim=True) / length.clamp_min(1e-12)
    return moved


def shuffled_steps(step: Tensor, n_draws: int, generator: torch.Generator) -> Tensor:
    """Give every state the step of another one.

    The steps are the same, and so are their lengths and the variance in their directions; only that
    they lead to the counterfactual is lost. Of a feature with two levels half of them are right by
    chance, so that where the response saturates up to half of an effect remains.

    Parameters
    ----------
    step : tensor, shape (n_stimuli, n_units)
    n_draws
        Number of shuffles.
    generator
        Of the shuffles.

    Returns
    -------
    torch.Tensor, shape (n_draws, n_stimuli, n_units)
    """
    orders = [torch.randperm(len(step), generator=generator) for _ in range(n_draws)]
    empty = step.new_zeros(0, *step.shape)
    return torch.stack([step[order.to(step.device)] for order in orders]) if orders else empty


def off_manifold(states: Tensor, natural: Tensor, known: Tensor) -> float:
    """Say how far states lie from natural ones, in units of how far natural ones do.

    Parameters
    ----------
    states : tensor, shape (n, n_units)
        Those in question.
    natural : tensor, shape (m, n_units)
        Natural states that are not among the known ones.
    known : tensor, shape (n_known, n_units)
        Natural states.

    Returns
    -------
    float
        Ratio of the median distances to the nearest known states; about 1 on the manifold.
    """
    k = min(NEIGHBOURS, len(known))

    def distance(of: Tensor) -> Tensor:
        near = torch.cdist(of, known).topk(k, largest=False).values
        return near.mean(dim=1).median()

    usual = distance(natural)
    return float(distance(states) / usual) if usual > 0 else float("nan")
