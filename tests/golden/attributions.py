"""Writes attributions.json: what Captum and SHAP say of a small network.

Not run by the tests, which need neither library; to write the file again:

    pip install captum==0.9.0 shap==0.51.0 torch
    python tests/golden/attributions.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import shap
import torch
from captum.attr import IntegratedGradients

N, D, H, O, STEPS = 6, 5, 8, 2, 16
PLAYERS = [[0], [1, 2], [3], [2, 4]]
"""Columns of four players; a column of two of them is there with either."""


def network(rng: np.random.Generator) -> dict[str, np.ndarray]:
    sizes = {"into": (D, H), "bias": (H,), "out": (H, O), "last": (O,)}
    return {name: rng.normal(size=size) for name, size in sizes.items()}


def main() -> None:
    rng = np.random.default_rng(0)
    weights, x = network(rng), rng.normal(size=(N, D))
    baseline, donated = rng.normal(size=(1, D)), x[rng.permutation(N)]
    w = {name: torch.from_numpy(value) for name, value in weights.items()}
    found = {}
    for activation in ("relu", "tanh"):
        bend = getattr(torch, activation)

        def forward(inputs: torch.Tensor, bend=bend) -> torch.Tensor:
            return bend(inputs @ w["into"] + w["bias"]) @ w["out"] + w["last"]

        own = IntegratedGradients(forward)
        integrated = [
            own.attribute(torch.from_numpy(x), torch.from_numpy(baseline).expand(N, D).clone(),
                          target=o, n_steps=STEPS, method="riemann_middle").numpy()
            for o in range(O)
        ]  # fmt: skip
        values = [exact(forward, x[i], donated[i]) for i in range(N)]
        found[activation] = {
            "integrated_gradients": np.stack(integrated).tolist(),  # output, example, column
            "shapley_values": np.stack(values, axis=1).tolist(),  # player, example, output
        }
    given = {name: value.tolist() for name, value in weights.items()}
    file = Path(__file__).with_suffix(".json")
    file.write_text(
        json.dumps(
            {
                "versions": {name: version(name) for name in ("captum", "shap", "torch")},
                "weights": given,
                "inputs": x.tolist(),
                "baseline": baseline.tolist(),
                "donated": donated.tolist(),
                "players": PLAYERS,
                "steps": STEPS,
                **found,
            }
        )
        + "\n",
        encoding="utf-8",
    )


def exact(forward, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """SHAP's exact values, player by output, of who is there (1) against nobody (0)."""

    def worth(present: np.ndarray) -> np.ndarray:
        columns = np.zeros((len(present), D), bool)
        for player, held in enumerate(PLAYERS):
            columns[:, held] |= present[:, [player]] > 0.5
        return forward(torch.from_numpy(np.where(columns, own, other))).numpy()

    nobody = np.zeros((1, len(PLAYERS)))
    explainer = shap.explainers.Exact(worth, shap.maskers.Independent(nobody))
    return np.asarray(explainer(np.ones((1, len(PLAYERS)))).values[0])


if __name__ == "__main__":
    main()
