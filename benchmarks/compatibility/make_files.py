"""Record three small files, and write down what must be read from them: make_files.py FOLDER."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from reprcompare.sessions import record

folder = Path(sys.argv[1])
ids = [f"object é {number}" for number in range(7)]
labels = pd.DataFrame({"animate": [0, 1] * 3 + [0], "kind": list("abcabca")}, index=ids)
extraneous = pd.DataFrame({"prevalence": [0.1, 0.9]}, index=labels.columns)
torch.manual_seed(0)
images = torch.randn(7, 3, 8, 8)
network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
common = dict(stimulus_ids=ids, labels=labels, extraneous=extraneous, batch_size=3, subject="net-0")
later = {name: value * 2 for name, value in network.state_dict().items()}

made = {
    "plain.nc": record(network, images, layers=None, path=folder / "plain.nc", outputs="logits",
                       **common),
    "compressed.nc": record(network, images, layers=["0", "3"], path=folder / "compressed.nc",
                            compression=4, **common),
    "training.nc": record(nn.Sequential(nn.GRU(5, 4, batch_first=True)), torch.randn(7, 6, 5),
                          layers="0", path=folder / "training.nc", time_axis=1, **common),
}
expected = {}
for name, recording in made.items():
    recording.load()
    expected[name] = {
        "shape": list(recording.activity.shape),
        "stimulus_id": recording.stimulus_id.values.tolist(),
        "neuroid_id": recording.neuroid_id.values.tolist(),
        "region": recording.region.values.tolist(),
        "subject": recording.subject.values.tolist(),
        "feature": recording.feature.values.tolist(),
        "label": recording.label.values.ravel().tolist(),
        "prevalence": recording.prevalence.values.ravel().tolist(),
        "units": recording.activity.attrs["units"],
        "kind": recording.attrs["kind"],
    }
    recording.activity.values.astype("<f4").tofile(folder / (name + ".f4"))
    np.savetxt(folder / (name + ".csv"), recording.activity.values.reshape(7, -1), delimiter=",",
               fmt="%.9g")
(folder / "expected.json").write_text(json.dumps(expected))
