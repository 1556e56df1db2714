"""Claims that name a question are answered question by question."""

import dataclasses

from primacy.report.page import questions
from tests.support.pages import made
from tests.support.synthetic import HYPOTHESES


def test_a_control_with_another_word_is_told():
    study = made(6)
    first, stronger = study.verdicts[:2]
    main = dataclasses.replace(first, answers="H1A", word="supported", control_for=None)
    control = dataclasses.replace(
        stronger, answers="H1A", word="no effect", control_for=main.id, claim="with whitened inputs"
    )
    (question,) = questions.questions(study.record, [main, control])
    assert question.title == "H1A"
    assert question.sentence.startswith("H1A: holds, but not in its control")
    assert main.claim in question.told
    assert "with whitened inputs" in question.told
    assert "shows no effect" in question.told
    agreeing = dataclasses.replace(control, word="supported")
    (question,) = questions.questions(study.record, [main, agreeing])
    assert "control" not in question.told


def test_the_answer_is_a_line_a_question():
    study = made(6)
    asked = ["H1", "H1A", *["H1B"] * (len(HYPOTHESES) - 2)]
    verdicts = [
        dataclasses.replace(v, answers=a, control_for=None)
        for v, a in zip(study.verdicts, asked, strict=True)
    ]
    lines = questions.answer(study.record, study.summary, verdicts).split("\n")
    assert [line.split(":")[0] for line in lines] == ["H1", "H1A", "H1B"]
    assert not questions.asked(study.verdicts)
