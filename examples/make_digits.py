"""Write `digits.npz`, the data of `digits.toml`: 1,797 handwritten digits as images of 8 x 8.

The optical recognition data that scikit-learn ships (Alpaydin, Kaynak 1998; CC BY 4.0,
doi.org/10.24432/C50P49).

    python examples/make_digits.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def make(folder: Path) -> Path:
    """Write the file into a folder, and say where."""
    data = load_digits()
    path = folder / "digits.npz"
    np.savez(path, images=data.images.astype(np.float32), digit=data.target.astype(np.int8))
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
