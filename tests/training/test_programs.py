"""No compiled program may call what waits for XLA's own thread pool: it would never end."""

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
import pytest

from primacy.engine.plan import plan, program
from primacy.measures import linalg
from primacy.registry import measures
from primacy.study import file
from primacy.study.describe import measured
from primacy.training.block import Interrupted, Watch, train_block
from primacy.training.programs import BatchedFactorization, Program, Programs, pooled
from tests.support import tiny

STOPPED = Watch(lambda steps: None, lambda: True)
"""A block is dropped after its programs are compiled and before its first step."""


@pytest.fixture
def lowered(monkeypatch):
    """Programs are lowered and not compiled; the calls that may wait, of each."""
    found = []

    def never(*arguments):
        raise Interrupted

    def kept(own, options=None):
        found.append(pooled(own))
        return never

    monkeypatch.setattr(jax.stages.Lowered, "compile", kept)
    return found


def compile_all(study):
    """Lower the programs of every structure of a study; how many structures there are."""
    todo = plan(study)
    parts = {m.name: (m, p) for m, p in zip(study.studies, todo.parts, strict=True)}
    structures = {}
    for member, part in parts.values():
        for block in (*part.blocks, *part.control_blocks):
            structures.setdefault(program(part, block), (measured(member), block))
    for own, block in structures.values():
        lanes = (*block.lanes, *block.riders)
        both = Programs(lanes[0].condition, own, block.width, jax.local_devices()[0])
        with pytest.raises(Interrupted):
            train_block(both, lanes, study.seed_axes, STOPPED)
    return len(structures)


ALONE = [name for name in sorted(file.builtin()) if not file.read(name).members]
"""Built-in studies that are not made of others."""


@pytest.mark.parametrize("name", ALONE)
def test_no_program_of_a_built_in_study_waits_for_its_own_pool(name, lowered):
    structures = compile_all(file.read(name, overrides=["seeds=6"]))
    assert len(lowered) >= 2 * structures > 0
    assert set(lowered) == {()}


def test_no_measure_waits_for_its_own_pool(lowered):
    every = tuple(sorted(measures.load()))
    assert compile_all(tiny.study(measures=every, controls="none")) == 1
    assert set(lowered) == {()}


@pytest.mark.parametrize(
    "function",
    [
        jnp.linalg.qr, jnp.linalg.svd, jnp.linalg.eigh, jnp.linalg.eig, jnp.linalg.inv,
        jnp.linalg.cholesky, jnp.fft.fft, lambda x: jax.scipy.linalg.solve(x, x, assume_a="pos"),
    ],
)  # fmt: skip
def test_a_program_that_may_wait_for_its_own_pool_is_refused(function):
    program = Program(function, (0,), width=3)
    with pytest.raises(BatchedFactorization, match=r"primacy\.measures\.linalg"):
        program(np.ones((3, 4, 4), np.float32))


@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (5, 5)])
def test_batched_factorizations_are_those_of_single_matrices(shape):
    """Oracle: NumPy, in double precision, on every matrix of a nested batch."""
    batch = np.random.default_rng(0).normal(size=(2, 3, *shape)).astype(np.float32)
    nested = lambda f: jax.jit(jax.vmap(jax.vmap(f)))  # noqa: E731
    q, r = nested(linalg.qr)(batch)
    u, s, v = nested(linalg.svd)(batch)
    alone = nested(linalg.singular_values)(batch)
    exact = np.linalg.svd(batch.astype(float), compute_uv=False)
    np.testing.assert_allclose(q @ r, batch, atol=2e-6)
    unit = np.broadcast_to(np.eye(q.shape[-1]), (2, 3, q.shape[-1], q.shape[-1]))
    np.testing.assert_allclose(jnp.swapaxes(q, -1, -2) @ q, unit, atol=2e-6)
    np.testing.assert_allclose((u * s[..., None, :]) @ v, batch, atol=5e-6)
    np.testing.assert_allclose(s, exact, atol=5e-6)
    np.testing.assert_allclose(alone, exact, atol=5e-6)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(s[i, j], jnp.linalg.svd(batch[i, j])[1])


def test_batched_positive_solutions_are_those_of_single_matrices():
    """Oracle: NumPy's general solver, in double precision."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 12, 5)).astype(np.float32)
    gram, right = np.swapaxes(x, -1, -2) @ x, rng.normal(size=(4, 5, 2)).astype(np.float32)
    ours = jax.jit(jax.vmap(linalg.solve_positive))(gram, right)
    np.testing.assert_allclose(ours, np.linalg.solve(gram.astype(float), right), rtol=1e-4)
    indefinite = np.diag(np.array([1, -1], np.float32))
    assert np.isnan(linalg.solve_positive(indefinite, np.ones(2, np.float32))).all()
