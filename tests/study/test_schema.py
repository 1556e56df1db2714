"""The JSON Schema of study files says of every key what it is."""

import pytest

from primacy.study.schema import study_schema


def tables():
    """Each table of a study file by name, with its keys."""
    found = study_schema()
    whole = found["properties"]
    keys = {"": whole, "training": whole["training"]["properties"]}
    keys["hypothesis"] = whole["hypothesis"]["items"]["properties"]
    keys["condition"] = whole["condition"]["items"]["properties"]
    for part in ("task", "model"):
        for option in whole[part]["oneOf"]:
            kind = option["properties"]["kind"]["const"]
            keys[f"{part} {kind}"] = option["properties"]
    return keys


@pytest.mark.parametrize("table", tables())
def test_every_key_has_a_description_of_its_own(table):
    said = {key: value.get("description", "") for key, value in tables()[table].items()}
    assert not [key for key, text in said.items() if not text.strip()]
    texts = list(said.values())
    assert not [key for key, text in said.items() if texts.count(text) > 1]


def test_a_key_is_not_described_by_its_neighbor():
    """`exact_solo` had the text of `controls`."""
    head = tables()[""]
    assert "Negative-control networks" in head["controls"]["description"]
    assert "program of its own" in head["exact_solo"]["description"]
