"""Every test runs with run-time shape checks (pyproject) and JAX's strict rank promotion."""

import os

os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
