"""Writing overlaps with the forward pass."""

import threading

import torch
from torch import nn

from reprcompare.recording.writer import RecordingWriter
from reprcompare.sessions import record


def test_a_batch_is_written_while_the_next_one_runs(tmp_path, monkeypatch):
    """Each side waits for the other, so a session that does not overlap would time out."""
    running, writing = threading.Event(), threading.Event()
    met = []

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls == 2:
                running.set()
                met.append(writing.wait(timeout=10))
            return self.layer(x)

    append = RecordingWriter.append

    def waiting(self, first, rows, note):
        if self.rows_done == 0:
            writing.set()
            met.append(running.wait(timeout=10))
        append(self, first, rows, note)

    monkeypatch.setattr(RecordingWriter, "append", waiting)
    record(
        Network(), torch.zeros(6, 3), layers="layer", path=tmp_path / "a.nc",
        stimulus_ids=range(6), batch_size=2,
    )  # fmt: skip
    assert met == [True, True]
