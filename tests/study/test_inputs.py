"""A model that cannot read what its task gives is refused with the cure, and its line."""

import pytest

from primacy.errors import StudyError
from primacy.study import file

TRAINING = "[training]\nsteps = 10\n"


@pytest.mark.parametrize(
    ("task", "model", "part"),
    [
        ("boolean", 'kind = "transformer"', 'kind = "tokens", or mask = "queries"'),
        ("boolean", 'kind = "convolutional"', "A task of images: sprites"),
        ("boolean", 'kind = "two_layer"\noutput = "mirrored"', "is for one target; the task has 2"),
    ],
)
def test_it_is_a_mistake_of_the_model(tmp_path, task, model, part):
    path = tmp_path / "mine.toml"
    path.write_text(f'[task]\nkind = "{task}"\n[model]\n{model}\n{TRAINING}')
    with pytest.raises(StudyError) as error:
        file.read(str(path))
    message = " ".join(str(error.value).split())
    assert part in message and "mine.toml:3 model" in message


def test_a_plain_network_reads_images_and_tokens_row_by_row(tmp_path):
    path = tmp_path / "mine.toml"
    for task, numbers in (("sprites", 768), ("tokens", 9), ("dominoes", 128)):
        path.write_text(f'[task]\nkind = "{task}"\n[model]\nkind = "mlp"\n{TRAINING}')
        (condition,) = file.read(str(path)).conditions.values()
        shapes = condition.model.shapes(*condition.size)
        assert shapes["hidden1"]["kernel"].shape[0] == numbers
