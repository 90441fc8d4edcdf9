"""The model's shape, and that its file gives it back."""

import numpy as np
import pytest

import model

SHAPES = [(1, 8, 0), (3, 8, 1), (2, 32, 2)]


@pytest.fixture(params=SHAPES, ids=str)
def made(request):
    layers, hidden, seed = request.param
    return model.build(hidden, layers, seed)


@pytest.mark.parametrize("count", [1, 5])
def test_each_point_gets_probabilities(made, count):
    found = model.probabilities(made, np.ones((count, 2)))
    assert found.shape == (count, model.CLASSES) and found.dtype == np.float32
    assert np.allclose(found.sum(axis=1), 1)


def test_a_saved_model_says_the_same(made, tmp_path):
    model.save(made, tmp_path / model.FILE)
    points = np.linspace(-1, 1, 10).reshape(-1, 2)
    again = model.load(tmp_path / model.FILE)
    assert np.array_equal(model.probabilities(made, points), model.probabilities(again, points))
