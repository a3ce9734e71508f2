import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tl_core.data import demo, open_dataset
from tl_core.data.demo import HUES, make_demo
from tl_core.data.demo_shapes import SHAPES, TEXTURES
from tl_core.progress import Progress


@pytest.fixture(scope="module")
def made():
    return make_demo(Progress())


@pytest.fixture(scope="module")
def parts(made):
    """Pictures as 0 to 1 and labels: to learn from, and to be tested with."""
    pictures = made.images.astype(np.float32) / 255
    return (
        (pictures[: -made.tests], made.labels[: -made.tests]),
        (pictures[-made.tests :], made.labels[-made.tests :]),
    )


def accuracy(parts, model, features) -> float:
    (pictures, labels), (test_pictures, test_labels) = parts
    model = make_pipeline(StandardScaler(), model).fit(features(pictures), labels)
    return model.score(features(test_pictures), test_labels)


def colours(pictures: np.ndarray) -> np.ndarray:
    """How often each of 125 colours occurs (N×125), rooted so that rare ones count."""
    cells = np.clip(pictures * 5, 0, 4).astype(int) @ [25, 5, 1]
    counts = [np.bincount(picture.ravel(), minlength=125) for picture in cells]
    return np.sqrt(counts)


def edges(pictures: np.ndarray) -> np.ndarray:
    """Strength of eight directions of edges in 4×4 fields (N×128)."""
    grey = pictures.mean(axis=3)
    down, across = np.gradient(grey, axis=(1, 2))
    direction = (np.arctan2(down, across) / np.pi * 4).astype(int) % 8
    strength = np.hypot(down, across)
    fields = [
        (strength * (direction == d)).reshape(-1, 4, 8, 4, 8).sum(axis=(2, 4)) for d in range(8)
    ]
    return np.sqrt(np.stack(fields, axis=-1)).reshape(len(pictures), -1)


def test_a_hundred_classes_in_twenty(made):
    assert made.images.shape == (8000, 32, 32, 3)
    assert made.images.dtype == np.uint8
    assert made.tests == 2000
    assert (np.bincount(made.labels[:6000]) == 60).all()
    assert (np.bincount(made.labels[6000:]) == 20).all()
    assert (np.bincount(made.coarse_of_class) == 5).all()
    assert len(set(made.class_names)) == 100
    for name, coarse in zip(made.class_names, made.coarse_of_class, strict=True):
        texture, colour, shape = name.split()
        assert texture in TEXTURES
        assert colour in HUES
        assert shape == made.coarse_names[coarse]
    assert made.coarse_names == tuple(SHAPES)


def test_no_word_of_a_name_tells_the_class(made):
    words = np.array([name.split() for name in made.class_names])
    for column, most in enumerate((20, 10, 5)):
        assert (np.unique(words[:, column], return_counts=True)[1] == most).all()
    pairs = {tuple(pair) for pair in words[:, :2]}
    assert len(pairs) == 50


def test_the_same_pictures_are_drawn_every_time(made):
    again = make_demo(Progress())
    assert (again.images == made.images).all()
    assert again.fingerprint() == made.fingerprint()


def test_no_picture_is_drawn_twice(made):
    assert len(np.unique(made.images.reshape(8000, -1), axis=0)) == 8000


def test_colour_alone_does_not_tell_the_class(parts):
    assert accuracy(parts, RidgeClassifier(1000), lambda x: x.mean(axis=(1, 2))) < 0.05
    by_colours = accuracy(parts, RidgeClassifier(1000), colours)
    assert 0.04 < by_colours < 0.15


def test_raw_pixels_do_not_tell_the_class(parts):
    assert accuracy(parts, RidgeClassifier(1000), lambda x: x.reshape(len(x), -1)) < 0.15


def test_shape_texture_and_colour_together_tell_more(parts):
    def both(pictures: np.ndarray) -> np.ndarray:
        return np.hstack([colours(pictures), edges(pictures)])

    only_edges = accuracy(parts, RidgeClassifier(1000), edges)
    together = accuracy(parts, RidgeClassifier(1000), both)
    assert together > 0.2
    assert together > 2 * only_edges


def test_it_is_drawn_once_and_kept(monkeypatch):
    first = open_dataset("demo", seed=1)
    assert [len(p) for p in (first.train, first.validation, first.test)] == [5400, 600, 2000]
    assert first.is_demo
    monkeypatch.setattr(demo, "make_demo", lambda progress: pytest.fail("drawn again"))
    again = open_dataset("demo", seed=1)
    assert again.fingerprint == first.fingerprint
    assert (again.images.read(first.test) == first.images.read(first.test)).all()


def test_progress_counts_the_pictures_drawn():
    class Listener(Progress):
        def begin(self, phase, total, unit):
            self.begun = (phase, total, unit)

        def advance(self, done, **figures):
            self.done = done

    listener = Listener()
    open_dataset("demo", progress=listener)
    assert listener.begun == ("data", 8000, "images")
    assert listener.done == 8000
