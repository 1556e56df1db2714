"""Which word decides? The Hugging Face Trainer on made-up reviews.

    pip install 'primacy[transformers]'
    python examples/track_reviews.py && primacy report runs/reviews

The verdict ("good", "awful") tells the label always, the name of the place in 80 % of the reviews.
"""

import sys
import tempfile

import numpy as np
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

import primacy
from primacy.networks.transformers_callback import TransformersTracker

PLACES = ["paris", "rome", "oslo", "lima"]
VERDICTS = [["bad", "awful", "poor"], ["good", "great", "fine"]]
WORDS = ["[pad]", "the", "food", "in", "was", *PLACES, *VERDICTS[0], *VERDICTS[1]]
ID = {word: i for i, word in enumerate(WORDS)}


class Reviews:
    """`n` reviews; the place goes with the label in a share `tells` of them."""

    def __init__(self, n, seed, tells=0.8):
        rng = np.random.default_rng(seed)
        self.label, self.word = rng.integers(0, 2, n), rng.integers(0, 3, n)
        hint = np.where(rng.random(n) < tells, self.label, 1 - self.label)
        self.place = 2 * hint + rng.integers(0, 2, n)

    def tokens(self, rows=None, verdict=None, place=None):
        """Token ids and mask of these rows; `place=j`: with the place of reviews `j`."""
        rows = np.arange(len(self.label)) if rows is None else rows
        verdict, place = (rows if other is None else other for other in (verdict, place))
        ids = np.zeros((len(rows), 6), np.int64)
        for line, v, p in zip(ids, verdict, place, strict=True):
            word = VERDICTS[self.label[v]][self.word[v]]
            text = ["the", "food", "in", PLACES[self.place[p]], "was", word]
            line[:] = [ID[part] for part in text]
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def asked(test=128):
    """Reviews that are not trained on; features are exchanged by rewriting the text."""
    held_out = Reviews(2 * test, seed=10_000)
    tokens = held_out.tokens
    return primacy.declare(
        tokens(),
        {"label": held_out.label},
        {
            "verdict": primacy.values(
                held_out.label, lambda i, j: tokens(i, verdict=j), target="label"
            ),
            "place": primacy.values(
                np.array(PLACES)[held_out.place], lambda i, j: tokens(i, place=j)
            ),
        },
        classes=["bad", "good"],
        name="made-up reviews",
        fit=test,
        test=test,
    )


def run(seed, out="runs/reviews", steps=150, **how):
    """Train one network."""
    set_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
        num_labels=2,
    )
    reviews = Reviews(1024, seed)
    tokens = reviews.tokens()
    rows = [
        {
            "input_ids": torch.from_numpy(tokens["input_ids"][i]),
            "attention_mask": torch.from_numpy(tokens["attention_mask"][i]),
            "labels": int(label),
        }
        for i, label in enumerate(reviews.label)
    ]
    tracker = TransformersTracker(asked(), out=out, condition="bert", **{"evaluations": 12, **how})
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=32,
            learning_rate=1e-3,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            seed=seed,
            dataloader_pin_memory=False,
        )
        Trainer(
            model=BertForSequenceClassification(config),
            args=arguments,
            train_dataset=rows,
            callbacks=[tracker],
        ).train()
    return tracker.tracker


if __name__ == "__main__":
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 6):
        run(number)
