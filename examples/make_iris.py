"""Write `iris.csv`, the data of `iris.toml`: 150 flowers of three species, four lengths of each.

Fisher's iris data as scikit-learn ships it (Fisher 1936; CC BY 4.0, doi.org/10.24432/C56C76).

    python examples/make_iris.py [FOLDER]
"""

import sys
from pathlib import Path

import polars as pl
from sklearn.datasets import load_iris


def make(folder: Path) -> Path:
    """Write the file into a folder, and say where."""
    data = load_iris()
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in data.feature_names]
    species = pl.Series("species", [str(data.target_names[i]) for i in data.target])
    path = folder / "iris.csv"
    pl.DataFrame(data.data, schema=names).with_columns(species).write_csv(path)
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
