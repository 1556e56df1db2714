"""Write `cancer.parquet`, the data of `cancer.toml`: 569 tumors, 30 numbers about each.

The breast cancer data that scikit-learn ships (Wolberg, Street, Mangasarian 1993; CC BY 4.0,
doi.org/10.24432/C5DW2B). Ten properties of the cell nuclei in an image, each as its mean, its
standard error and its worst value (the mean of the three largest nuclei).

    python examples/make_cancer.py [FOLDER]
"""

import sys
from pathlib import Path

import polars as pl
from sklearn.datasets import load_breast_cancer


def make(folder: Path) -> Path:
    """Write the file into a folder, and say where."""
    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    # scikit-learn calls benign 1; a study of a disease is easier to read the other way round.
    malignant = pl.Series("malignant", 1 - data.target, dtype=pl.Int8)
    path = folder / "cancer.parquet"
    pl.DataFrame(data.data, schema=names).with_columns(malignant).write_parquet(path)
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
