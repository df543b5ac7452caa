"""The report of a run: question, expectations, what every analysis found, networks, versions."""

import hashlib
from collections.abc import Mapping

import pandas as pd

from reprcompare.errors import listing
from reprcompare.protocol.bench import Outcome
from reprcompare.protocol.reading import Protocol
from reprcompare.report import Page, Section, made_with, section_of


def page_of(
    protocol: Protocol,
    outcomes: Mapping[str, Outcome],
    answers: pd.DataFrame,
    judged: pd.DataFrame,
    expected: str,
) -> Page:
    """Put what came out on a page.

    Parameters
    ----------
    protocol
        What was asked.
    outcomes
        By the name of the analysis.
    answers
        To the expectations.
    judged
        Every network, and whether it is counted.
    expected
        Checksum of the expectations as they stood before the run.
    """
    heading = protocol.heading
    sections = [
        Section("Question", [heading.question.strip()], notes=[heading.paper] * bool(heading.paper))
    ]
    if len(answers):
        sections.append(
            Section(
                "What was expected, and what came out",
                [
                    "The expectations stood in the protocol before the run (sha256 of their text: "
                    f"{expected[:16]}…). Confirmed: the whole interval lies beyond the smallest "
                    "effect of interest. Contradicted: it lies on the other side."
                ],
                {"Expectations": answers},
            )
        )
    for outcome in outcomes.values():
        sections += _sections(outcome)
    if len(judged):
        sections.append(_networks(judged))
    provenance = {
        "Protocol": heading.name,
        **made_with(),
        "Expectations (sha256)": expected,
        "Protocol text (sha256)": hashlib.sha256(protocol.text.encode()).hexdigest(),
    }
    return Page(protocol.report.title or heading.name, sections, provenance)


def _sections(outcome: Outcome) -> list[Section]:
    title = outcome.name.replace("_", " ").capitalize()
    if not outcome.results:
        return [section_of(outcome.tables["table"], title=title)]
    sections = []
    for settings, result in outcome.results:
        own = result.title if isinstance(result, Section) else title
        heading = ", ".join([own, *(f"{key} {value}" for key, value in settings.items())])
        sections.append(section_of(result, title=heading, **outcome.shown))
    return sections


def _networks(judged: pd.DataFrame) -> Section:
    dropped = judged[~judged["counted"]]
    said = (
        f"{len(dropped)} of {len(judged)} networks did not reach their criterion on held-out "
        f"stimuli and were left out: {listing(dropped['subject'], 10)}."
        if len(dropped)
        else f"All {len(judged)} networks are counted; none was left out."
    )
    tables = {
        "Networks counted and dropped in every cell": counted_by_cell(judged),
        "Networks": judged.drop(columns=["cell", "file"]),
    }
    return Section("Networks", [said], tables)


def counted_by_cell(judged: pd.DataFrame) -> pd.DataFrame:
    """Count the networks of every recording and cell, and those that were dropped.

    Parameters
    ----------
    judged
        One row a network, with `recording`, the swept settings, `criterion` and `counted`.

    Returns
    -------
    pandas.DataFrame
        recording, the swept settings, criterion, n_networks, n_dropped.
    """
    own = ("subject", "lowest_accuracy", "counted", "cell", "file")
    keys = [name for name in judged.columns if name not in own]
    if judged.empty:
        return pd.DataFrame(columns=[*keys, "n_networks", "n_dropped"])
    # Settings may be lists, which cannot be grouped; the cell as text stands for them.
    groups = judged.groupby(["recording", "cell"], sort=False)["counted"]
    counts = groups.agg(n_networks="size", n_dropped=lambda counted: int((~counted).sum()))
    first = judged.drop_duplicates(["recording", "cell"]).set_index(["recording", "cell"])
    settings = first[[name for name in keys if name != "recording"]]
    return settings.join(counts).reset_index().drop(columns="cell")
