"""Make a stand-in for activity with choices: files of the format, with a known answer.

    python protocols/choices_it_stand_in.py FOLDER
    reprcompare run protocols/choices_it.toml --out runs/choices_it     (beside it.nc)

Writes what a user of the public data has: a BrainIO assembly of V4 and IT (as Brain-Score
distributes Majaj, Hong, Solomon & DiCarlo 2015) and a table of choices, trial by trial
(Rajalingham, Issa, Bashivan, Kar, Schmidt & DiCarlo 2018 measured choices pooled over people);
and joins them into the recording it.nc that the protocol reads.

The truth: two monkeys see 96 objects eight times; V4 and IT carry animacy and size; a choice
between animate and inanimate follows the activity of IT along its axis of animacy in that trial,
V4 and size have no part in it.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.brains import add_choices, load_brain, write_brainio
from reprcompare.recording import build_recording, save_recording

N_OBJECTS, N_REPETITIONS, N_NEUROIDS, SEED = 96, 8, 40, 0
SIZES = {"V4": (0.4, 0.8), "IT": (0.8, 0.4)}
"""How strongly a region carries animacy and size, against exemplars and trial noise of 1."""


def stand_in() -> tuple[object, pd.DataFrame]:
    """Return the assembly as a recording, and the table of choices."""
    rng = np.random.default_rng(SEED)
    ids = [f"object{k:02d}" for k in range(N_OBJECTS)]
    labels = pd.DataFrame(
        {"animacy": np.arange(N_OBJECTS) % 2, "size": np.arange(N_OBJECTS) // 2 % 2}, index=ids
    )
    signed = 2.0 * labels.to_numpy() - 1
    parts, regions, subjects, choices = [], [], [], []
    for monkey in ("monkey 1", "monkey 2"):
        for region, sizes in SIZES.items():
            axes = np.linalg.qr(rng.normal(size=(N_NEUROIDS, 2)))[0].T * np.sqrt(N_NEUROIDS / 4)
            means = signed @ (np.array(sizes)[:, None] * axes)
            means = means + 0.5 * rng.normal(size=means.shape)
            trials = means + rng.normal(size=(N_REPETITIONS, *means.shape))
            parts.append(trials.reshape(-1, N_NEUROIDS))
            regions += [region] * N_NEUROIDS
            subjects += [monkey] * N_NEUROIDS
            if region == "IT":
                along = trials @ axes[0] / np.linalg.norm(axes[0])
                chosen = along + rng.normal(size=along.shape) > 0
                for repetition, row in enumerate(chosen):
                    choices += [
                        (monkey, one, repetition, int(c)) for one, c in zip(ids, row, strict=True)
                    ]
    recording = build_recording(
        np.concatenate(parts, axis=1),
        stimulus_id=ids * N_REPETITIONS,
        region=regions,
        subject=subjects,
        presentation={"repetition": np.repeat(np.arange(N_REPETITIONS), N_OBJECTS)},
        labels=labels,
        identifier="stand-in",
    )
    table = pd.DataFrame(choices, columns=["subject", "stimulus_id", "repetition", "animate"])
    return recording, table


def main(folder: Path) -> None:
    """Write the files, and join them as a user would."""
    folder.mkdir(parents=True, exist_ok=True)
    recording, choices = stand_in()
    assembly = write_brainio(recording, folder / "assembly.nc", overwrite=True)
    choices.to_csv(folder / "choices.csv", index=False)
    imported = load_brain(assembly, labels=["animacy", "size"])
    joined = add_choices(imported, pd.read_csv(folder / "choices.csv"), {"animate": "animacy"})
    print(save_recording(joined, folder / "it.nc", overwrite=True))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
