"""A computation whose states show nothing of what is computed: sums of encrypted bits.

The limiting case of Lampinen, Chan, Li & Hermann 2025 (arXiv 2507.22216). The scheme is Paillier's
(1999) with small primes: the product of two ciphertexts is a ciphertext of the sum, and a fresh
random factor makes every ciphertext new. It is a toy, and keeps no secret from someone who factors
its modulus; to analyses of geometry its states are noise.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import nn

from reprcompare.errors import InvalidInputError

PRIME_BITS: Final = 15


@dataclass(frozen=True)
class Key:
    """A key of Paillier's scheme.

    Attributes
    ----------
    p, q
        Different primes.

    Examples
    --------
    >>> key = Key(32719, 16411)
    >>> total = key.add(key.encrypt(1, 5), key.encrypt(2, 77), 1234)
    >>> key.decrypt(total)
    3
    """

    p: int
    q: int

    @property
    def n(self) -> int:
        """The modulus of messages; ciphertexts are numbers below its square."""
        return self.p * self.q

    @property
    def n_bits(self) -> int:
        """Bits that a ciphertext takes."""
        return (self.n**2 - 1).bit_length()

    def encrypt(self, message: int, random: int) -> int:
        """Encrypt a number below n with a random number that has no factor in common with n."""
        square = self.n**2
        return (1 + message * self.n) * pow(random, self.n, square) % square

    def add(self, first: int, second: int, random: int) -> int:
        """Add what two ciphertexts hold without looking at it, and make the result new."""
        square = self.n**2
        return first * second * pow(random, self.n, square) % square

    def decrypt(self, ciphertext: int) -> int:
        """Read a ciphertext; this needs the factors of n."""
        order = math.lcm(self.p - 1, self.q - 1)
        found = (pow(ciphertext, order, self.n**2) - 1) // self.n
        return found * pow(order, -1, self.n) % self.n


def make_key(seed: int) -> Key:
    """Draw a key.

    Parameters
    ----------
    seed
        Of the draw.
    """
    rng = np.random.default_rng(seed)
    able = [x for x in range(1 << (PRIME_BITS - 1), 1 << PRIME_BITS) if _is_prime(x)]
    p, q = rng.choice(able, 2, replace=False)
    return Key(int(p), int(q))


def _is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


class _Ciphertexts(nn.Module):
    """What layers of ciphertexts share: numbers in, one unit a bit out."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key

    def random(self) -> int:
        """Draw a number that has no factor in common with n."""
        while True:
            number = int(torch.randint(1, self.key.n, ()).item())
            if math.gcd(number, self.key.n) == 1:
                return number

    def to_bits(self, rows: list[list[int]]) -> torch.Tensor:
        """Write ciphertexts as bits, float32 (n, n_ciphertexts * n_bits)."""
        words = np.array(rows, dtype=np.uint64)
        places = np.arange(self.key.n_bits, dtype=np.uint64)
        bits = (words[..., None] >> places) & np.uint64(1)
        return torch.from_numpy(bits.reshape(len(rows), -1).astype(np.float32))

    def from_bits(self, state: torch.Tensor) -> list[list[int]]:
        """Read ciphertexts from their bits."""
        bits = (state.detach().numpy() > 0.5).reshape(len(state), -1, self.key.n_bits)
        return [[int(word) for word in row] for row in bits.astype(object) @ _powers(self.key)]


def _powers(key: Key) -> np.ndarray:
    return np.array([1 << place for place in range(key.n_bits)], dtype=object)


class Encrypt(_Ciphertexts):
    """Encrypts the inputs that are used; an input above 0 is a 1."""

    def __init__(self, key: Key, used: list[int]) -> None:
        super().__init__(key)
        self.used = used

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From inputs (n, n_inputs) to bits of ciphertexts."""
        values = (x[:, self.used] > 0).int().tolist()
        return self.to_bits([[self.key.encrypt(v, self.random()) for v in row] for row in values])


class Add(_Ciphertexts):
    """One step: the second ciphertext of every sum that has one is added to its first."""

    def __init__(self, key: Key, sizes: list[int]) -> None:
        super().__init__(key)
        self.sizes = sizes

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """From bits to bits; what is not added is made new all the same."""
        rows = self.from_bits(state)
        return self.to_bits([self._step(row) for row in rows])

    def _step(self, row: list[int]) -> list[int]:
        left = iter(row)
        after: list[int] = []
        for size in self.sizes:
            own = [next(left) for _ in range(size)]
            merged = [self.key.add(own[0], own[1], 1), *own[2:]] if size > 1 else own
            nothing = self.key.encrypt(0, 1)
            after += [self.key.add(item, nothing, self.random()) for item in merged]
        return after


class Decrypt(_Ciphertexts):
    """Reads whether each sum is odd, as a logit."""

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """From bits to logits (n, n_sums)."""
        rows = self.from_bits(state)
        odd = [[2.0 * (self.key.decrypt(item) % 2) - 1.0 for item in row] for row in rows]
        return torch.tensor(odd)


def encrypted(n_inputs: int, n_outputs: int, *, sizes: list[int], seed: int = 0) -> nn.Sequential:
    """Make a network that computes parities on encrypted inputs, step by step.

    Output i is the parity of the next `sizes[i]` inputs, as a `VectorTask` with the rules `linear`
    (1 input), `xor` (2) and `parity` gives them out. No layer's activity is related to any feature,
    and yet every layer's state decides all answers.

    Parameters
    ----------
    n_inputs, n_outputs
        Of the task.
    sizes
        Number of inputs of every parity.
    seed
        Of the key. Randomness of ciphertexts is torch's.

    Returns
    -------
    torch.nn.Sequential
        With modules `encrypted`, `step1`, ..., `decrypted`; there is nothing to train.

    Raises
    ------
    InvalidInputError
        If the sizes do not fit the task.
    """
    if len(sizes) != n_outputs or min(sizes) < 1 or sum(sizes) > n_inputs:
        raise InvalidInputError(
            f"sizes must be {n_outputs} numbers, one an output, of together at most {n_inputs} "
            f"inputs; got {sizes}."
        )
    key = make_key(seed)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["encrypted"] = Encrypt(key, list(range(sum(sizes))))
    left = list(sizes)
    while max(left) > 1:
        layers[f"step{len(layers)}"] = Add(key, left)
        left = [max(1, size - 1) for size in left]
    layers["decrypted"] = Decrypt(key)
    return nn.Sequential(layers)
