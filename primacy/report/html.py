"""One self-contained page of a study: charts, tables, verdicts and what they say, offline forever.

Complete without JavaScript. Nothing is ever requested: the page's policy forbids it and allows
this one style sheet and script by their hashes. Names that a user chose stay text everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup

from primacy.analysis.outcomes import Outcome
from primacy.analysis.runs import Runs
from primacy.analysis.verdicts import CONFIRMATORY, Verdict
from primacy.errors import counted
from primacy.records.curves import SCHEMA, Rows
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.records.traces import of
from primacy.report.page import (
    charts,
    citation,
    condition_cards,
    document,
    evidence,
    figures,
    findings,
    first_screen,
    inline_svg,
    learning_curves,
    members,
    methods,
    numbers,
    pairs,
    placed,
    prose,
    questions,
    ranking,
)
from primacy.report.page import controls as sanity
from primacy.report.page import ranks as places
from primacy.report.page.claims import rows as reported
from primacy.report.page.figure_list import drawings
from primacy.report.page.figures import Figure
from primacy.report.page.judged import SYMBOLS, groups
from primacy.report.page.questions import answer, sentences
from primacy.report.page.wording import code, edited, number, probability, share

__all__ = ["SYMBOLS", "answer", "drawings", "page"]

SUMMARY = 1000
"""Rows of the summary that a page may hold."""


def page(
    record: StudyRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    summary: pl.DataFrame,
    verdicts: Sequence[Verdict],
    provenance: Mapping[str, Any],
    controls: Sequence[Outcome] = (),
) -> str:
    """The whole page as one HTML document.

    Args:
        record: the study.
        curves: in memory's form (`curves.named`).
        lanes: how each lane ended.
        summary: `analysis.summary.summary`.
        verdicts: every hypothesis, judged.
        provenance: command, versions, device, seconds, complete, hash, block_widths.
        controls: what each control came to.
    """
    runs = Runs(curves, lanes, record)
    standings = places.standings(record, summary, curves)
    waiting = first_screen.waiting(record, verdicts, provenance)
    told = () if waiting else verdicts
    rows_of = {name: of(curves, name) for name in standings}
    trained = [c for c in record.conditions if standings[c.name]]
    lead = trained[0] if trained else None
    found = {}
    if lead is not None and not record.members:  # one condition in full says little of many studies
        found = drawings(record, rows_of[lead.name], lanes, summary, lead.name)
    palette = figures.colors(record)
    names = [f for c in record.conditions for f in places.declared(c)]
    said = sentences(record, summary, told, curves)
    cards = condition_cards.cards(record, curves, lanes, standings, palette)
    exceptions = _exceptions(trained, summary, standings, found)
    values = {
        **_fixed(record),
        **_of_lead(lead, standings[lead.name] if lead else [], summary, rows_of),
        **_of_claims(runs, told, ranking.shown(record, summary, told), lead, palette),
        **_looks(record, found, palette, standings),
        **_sanity(record, rows_of, lanes, standings, controls),
        **_provided(record, lanes, summary, verdicts, provenance),
        **_numbers(runs, lead, standings),
        **dict(zip(("answer", "rest"), first_screen.answer(said, names), strict=True)),
        "heading": record.question or record.name,
        "waiting": waiting,
        "answer_text": said[0],
        "provisional": first_screen.provisional(record, lanes, provenance),
        "sections": _sections(record, verdicts, found, standings, cards),
        "chips": first_screen.chips(record, lanes, summary, provenance),
        "parts": _parts(record, rows_of, lanes, standings, cards, exceptions),
        "cards": cards,
        "exceptions": list(zip(trained, exceptions.values(), strict=True)),
    }
    return _environment().get_template("report.html").render(values)


def _environment() -> jinja2.Environment:
    environment = document.environment()
    environment.filters |= {
        "number": number,
        "share": share,
        "p": probability,
        "label": _label,
        "code": code,
        "edited": edited,
    }
    return environment


def _fixed(record: StudyRecord) -> dict[str, Any]:
    """What the template gets whatever was found: the study, style and script, helpers."""
    style, script = document.style(explore=True), document.script()
    return {
        "style": style,
        "script": script,
        "policy": document.policy(style, script),
        "record": record,
        "several": len(record.conditions) > 1,
        "many": members.many(record),
        "places": {c.name: i for i, c in enumerate(record.conditions, 1)},
        "symbols": SYMBOLS,
        "confirmatory": CONFIRMATORY,
        "when": places.when,
        "counted": counted,
        "methods": methods,
    }


def _of_lead(
    lead: ConditionRecord | None,
    rows: Sequence[dict],
    summary: pl.DataFrame,
    curves: Mapping[str, Rows],
) -> dict[str, Any]:
    """What is shown of one condition in full: the first that was trained."""
    return {
        "lead": lead,
        "rows": rows,
        "relative": places.relative(lead) if lead else False,
        "verb": places.verb(lead) if lead else "learned",
        "nulls": _by_feature(findings.nulls(lead, curves[lead.name])) if lead else {},
        "disagreements": findings.disagreements(lead, rows, summary) if lead else [],
        "ends": findings.at_the_end(lead, rows, summary) if lead else [],
    }


def _of_claims(
    runs: Runs,
    verdicts: Sequence[Verdict],
    judged: Sequence[Verdict],
    lead: ConditionRecord | None,
    palette: charts.Palette,
) -> dict[str, Any]:
    """The hypotheses with their verdicts, and the claims that others reported."""
    record = runs.record
    read = reported.groups(runs) if lead and reported.asked(record) else []
    asked = lead and questions.asked(verdicts)
    return {
        "claims": read,
        "claims_overview": reported.overview(read),
        "questions": questions.questions(record, judged) if asked else [],
        "groups": groups(record, judged, evidence.drawings(runs, palette)),
        "evidence_band": learning_curves.band_name([len(record.seeds)]),
        "control": lambda v: prose.control(v, verdicts),
    }


def _looks(
    record: StudyRecord,
    found: Mapping[str, Figure],
    palette: charts.Palette,
    standings: Mapping[str, list[dict]],
) -> dict[str, Any]:
    """The figures, and how features and bands are drawn and named in all of them."""
    return {
        "figures": {name: placed.figure(figure, palette) for name, figure in found.items()},
        "families": places.strengths(record, standings),
        "order": {name: i for i, name in enumerate(palette)},
        "hues": {name: placed.hue(color) for name, (color, _) in palette.items()},
        "band": learning_curves.band_name(r[0]["seeds"] for r in standings.values() if r),
    }


def _parts(
    record: StudyRecord,
    curves: Mapping[str, Rows],
    lanes: pl.DataFrame,
    standings: Mapping[str, list[dict]],
    cards: Sequence[Mapping[str, Any]],
    exceptions: Mapping[str, list],
) -> list[dict[str, Any]]:
    """What is shown of every condition, by member study."""
    card_of = {card["condition"].name: card for card in cards}
    return [
        {
            "name": name,
            "conditions": own,
            "short": {c.name: members.short(c, name) for c in own},
            "cards": [card_of[c.name] for c in own if c.name in card_of],
            "maps": members.maps(own, standings),
            "rows": [(c, standings[c.name]) for c in own if standings[c.name]],
            "shares": _shares(record, own, curves, lanes),
            "exceptions": [(c, exceptions[c.name]) for c in own if c.name in exceptions],
        }
        for name, own in members.groups(record)
    ]


def _exceptions(
    trained: Sequence[ConditionRecord],
    summary: pl.DataFrame,
    standings: Mapping[str, list[dict]],
    found: Mapping[str, Figure],
) -> dict[str, list]:
    """By condition; what the drawings leave out is listed at the first, which they show."""
    ends = learning_curves.by_condition(summary)
    exceptions = {c.name: findings.exceptions(c, standings[c.name], ends[c.name]) for c in trained}
    if "variance-absolute" in found:
        over = learning_curves.beyond(found["variance-absolute"].frame)
        if over.height:
            lead = trained[0].name
            n = standings[lead][0]["seeds"]
            exceptions[lead].append(findings.not_in_full("absolute variance", over, n))
    return exceptions


def _sanity(
    record: StudyRecord,
    curves: Mapping[str, Rows],
    lanes: pl.DataFrame,
    standings: Mapping[str, list[dict]],
    controls: Sequence[Outcome],
) -> dict[str, Any]:
    """Controls, and checks of the first trained condition of each part of the study."""
    return {
        "sane": [
            {
                "condition": c,
                "untrained": _untrained(c, curves[c.name], lanes, standings),
                "nulls": _by_feature(findings.nulls(c, curves[c.name])),
            }
            for _, own in members.groups(record)
            for c in [c for c in own if standings[c.name]][:1]
        ],
        "controls": sanity.groups(controls),
        "control_rule": sanity.rule(controls),
        "controls_off": sanity.OFF if record.controls == "none" else None,
        "control_warning": sanity.warning(controls),
    }


def _provided(
    record: StudyRecord,
    lanes: pl.DataFrame,
    summary: pl.DataFrame,
    verdicts: Sequence[Verdict],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Methods, and data to take away."""
    return {
        "paragraphs": methods.paragraphs(record, provenance, lanes, verdicts),
        "provenance": provenance,
        "bibtex": citation.bibtex(record, provenance),
        "seconds": _seconds(provenance),
        "dictionaries": _dictionaries(summary),
        "summary_csv": inline_svg.csv_link(summary) if summary.height <= SUMMARY else None,
        "summary_rows": summary.height,
        "data": Markup(inline_svg.json_block(record, verdicts, provenance)),
    }


def _numbers(
    runs: Runs, lead: ConditionRecord | None, standings: Mapping[str, list[dict]]
) -> dict[str, Any]:
    """The numbers inside the page, and what is to be said of them."""
    if lead is None:
        return {"numbers": None, "data_note": ""}
    rows = (r for own in standings.values() for r in own)
    unranked = {(r["condition"], r["feature"]) for r in rows if not r["ranked"]}
    text, note = numbers.packed(runs, pairs.pairs(runs), unranked=unranked)
    return {"numbers": Markup(text), "data_note": note}


def _by_feature(rows: Sequence[dict]) -> dict[str, dict]:
    return {r["feature"]: r for r in rows}


def _label(name: str) -> str:
    return name.replace("_", " ")


def _sections(
    record: StudyRecord,
    verdicts: Sequence[Verdict],
    found: Mapping[str, Figure],
    standings: Mapping[str, list[dict]],
    cards: Sequence[Mapping[str, Any]],
) -> list[tuple[str, str]]:
    """The sections that have something in them: id and title."""
    many = members.many(record)
    rows = any(standings.values())
    listed = {
        "verdicts": ("Verdicts", verdicts),
        "claims": ("Read in every way", rows and reported.asked(record)),
        **({"explore": ("Explore", rows)} if many else {}),
        "race": ("All conditions" if many else "Race", (many and cards) or "race-log" in found),
        **({} if many else {"explore": ("Explore", rows)}),
        "order": ("First, represented, used", rows),
        "represented": ("Over training", {"variance-explained", "at-the-end"} & set(found)),
        "conditions": ("All conditions", cards and not many),
        "exceptions": ("Exceptions", rows),
        "sanity": ("Sanity", True),
        "methods": ("Methods", True),
        "cite": ("Cite", True),
        "data": ("Data", True),
    }
    return [(id, title) for id, (title, there) in listed.items() if there]


def _shares(
    record: StudyRecord,
    conditions: Sequence[ConditionRecord],
    curves: Mapping[str, Rows],
    lanes: pl.DataFrame,
) -> list[tuple[ConditionRecord, str]]:
    told = [(c, findings.unidentified(record, c, curves[c.name], lanes)) for c in conditions]
    return [(c, text) for c, text in told if text is not None]


def _untrained(
    c: ConditionRecord, curves: Rows, lanes: pl.DataFrame, standings: Mapping[str, list]
) -> list[tuple[str, str]]:
    rows = standings[c.name]
    names = [r["feature"] for r in rows]
    found = []
    for measure in dict.fromkeys((charts.measured(c), "variance_explained")):
        split = places.split(c) if measure == charts.measured(c) else "test"
        course = learning_curves.path(c, curves, lanes, measure, names, split=split)
        if told := findings.untrained(rows, course):
            found.append((measure, told))
    return found


def _seconds(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    seconds = provenance.get("seconds")
    if not isinstance(seconds, Mapping):
        return []
    return [(str(k), number(float(v))) for k, v in seconds.items() if isinstance(v, int | float)]


def _dictionaries(summary: pl.DataFrame) -> list[tuple[str, list]]:
    return [
        ("curves", methods.dictionary(methods.CURVES, list(SCHEMA))),
        ("summary", methods.dictionary(methods.SUMMARY, list(summary.columns))),
    ]
