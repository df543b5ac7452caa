"""Write answers.md: what every protocol expected, and what came out, from the stored tables.

python docs/make_answers.py
"""

from pathlib import Path
from typing import Any

import pandas as pd

from reprcompare.protocol import read_protocol

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "protocols" / "results"

HEAD = """# Every expectation and its answer

Written by `python docs/make_answers.py` from `protocols/results/*/expectations.csv`; what the
numbers mean is in [results](results.md). Estimates are means over units (networks, subjects,
settings) with 95 % intervals; where a claim is about every unit, they are the mean, the lowest and
the highest. An answer is *confirmed* if the whole interval lies where the claim says,
*contradicted* if all of it lies on the other side, else *undetermined*. Where a protocol was run
before with other stimuli or another analysis, those answers stand in the last column
(`expectations_first_run.csv`), and results say what differed.
"""


def number(value: float) -> str:
    """Show three decimals, and none of large numbers."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3f}"


def section(folder: Path) -> str:
    """Return what a protocol asked and the answers, in Markdown."""
    answers = pd.read_csv(folder / "expectations.csv")
    question = " ".join(read_protocol(folder.name).heading.question.split())
    head, columns = "| expected | answer | estimate, interval | units |", 4
    rows = [
        f"| {row.claim} | {mark(row.answer)} | {interval(row)} | {row.n} |"
        for row in answers.itertuples()
    ]
    before = folder / "expectations_first_run.csv"
    if before.exists():
        head, columns = f"{head} first run |", 5
        first = pd.read_csv(before).set_index("claim").reindex(answers.claim)
        rows = [
            f"{row} {mark(old.answer)}, {interval(old)} |"
            for row, old in zip(rows, first.itertuples(), strict=True)
        ]
    table = "\n".join([head, "|---" * columns + "|", *rows])
    return f"\n## {folder.name}\n\n{question}\n\n`reprcompare run {folder.name}`\n\n{table}\n"


def interval(row: Any) -> str:
    """Show an estimate and its interval."""
    return f"{number(row.estimate)} ({number(row.low)} to {number(row.high)})"


def mark(answer: str) -> str:
    """Make what did not come out easy to find."""
    return answer if answer == "confirmed" else f"**{answer}**"


def answers_page() -> str:
    """Return the page, protocols in the order of their names."""
    folders = sorted(path.parent for path in RESULTS.glob("*/expectations.csv"))
    tables = pd.concat([pd.read_csv(folder / "expectations.csv") for folder in folders])
    total = ", ".join(f"{n} {answer}" for answer, n in tables.answer.value_counts().items())
    return f"{HEAD}\n{len(tables)} expectations: {total}.\n" + "".join(map(section, folders))


if __name__ == "__main__":
    (DOCS / "answers.md").write_text(answers_page(), encoding="utf-8")
