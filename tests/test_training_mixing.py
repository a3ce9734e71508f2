import numpy as np
import pytest

from tl_core.training.mixing import Mixing


def maps(count: int = 8, size: int = 4) -> np.ndarray:
    places = np.arange(size * size, dtype=np.float32).reshape(1, size, size, 1)
    images = 100 * np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1)
    return np.concatenate([images + places, -images - places], axis=-1)


def called(mixing: Mixing, inputs: tuple, targets: np.ndarray, step: int) -> tuple:
    import tensorflow as tf

    changed, own = mixing(tuple(map(tf.constant, inputs)), tf.constant(targets), tf.constant(step))
    return tuple(np.asarray(part) for part in changed), np.asarray(own)


def test_a_shift_moves_each_map_whole_and_mirrors_its_edge() -> None:
    inputs, targets = (maps(64), np.arange(64, dtype=np.float32)), np.eye(64, dtype=np.float32)
    (shifted, beside), own = called(Mixing(0, 1, 3), inputs, targets, 5)
    assert np.array_equal(beside, inputs[1])
    assert np.array_equal(own, targets)
    padded = np.pad(inputs[0], ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
    moves = set()
    for number in range(64):
        found = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(shifted[number], padded[number, y : y + 4, x : x + 4])
        ]
        assert len(found) == 1
        moves.add(found[0])
    assert len(moves) == 9


def test_a_map_of_one_cell_bears_a_shift() -> None:
    inputs = (maps(4, size=1),)
    (shifted,), _ = called(Mixing(0, 2, 0), inputs, np.eye(4, dtype=np.float32), 0)
    assert np.array_equal(shifted, inputs[0])


def test_inputs_and_targets_are_mixed_by_the_same_share() -> None:
    inputs, targets = (maps(), np.arange(8, dtype=np.float16)[:, None]), np.eye(8)[:, ::-1]
    targets = targets.astype(np.float32)
    shares = []
    for step in range(40):
        (activations, values), own = called(Mixing(0.5, 0, 0), inputs, targets, step)
        share = float(own[0].min(where=own[0] > 0, initial=1))
        share = 0.0 if share == 1 else share
        shares.append(share)
        assert own.sum(1) == pytest.approx(1)
        for part, mixed in ((inputs[0], activations), (inputs[1], values), (targets, own)):
            expected = (1 - share) * part.astype(np.float32) + share * part[::-1]
            assert mixed.dtype == part.dtype
            np.testing.assert_allclose(mixed, expected, rtol=2e-3, atol=2e-2)
    assert 0 <= min(shares) < 0.1
    assert 0.3 < max(shares) <= 0.5


def test_what_is_drawn_follows_from_seed_and_step() -> None:
    inputs, targets = (maps(),), np.eye(8, dtype=np.float32)

    def drawn(seed: int, step: int) -> np.ndarray:
        return called(Mixing(0.5, 1, seed), inputs, targets, step)[0][0]

    assert np.array_equal(drawn(1, 2), drawn(1, 2))
    assert not np.array_equal(drawn(1, 2), drawn(1, 3))
    assert not np.array_equal(drawn(1, 2), drawn(2, 2))
