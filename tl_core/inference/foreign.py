"""What a model file may consist of; looked at before Keras opens it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from tl_core.errors import TransferLabError
from tl_core.zips import open_zip

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_PARTS = frozenset({_CONFIG, "metadata.json", _WEIGHTS})
_MOST_CONFIG = 64 << 20
_MOST_PARTS = 8

# Everything that Transfer Lab's own models consist of. Keras' safe mode refuses Lambda layers and
# pickled code; whatever else of Keras reads files or addresses named in a config is not in here.
_KNOWN = {
    "keras": {"DTypePolicy", "Sequential"},
    "keras.initializers": {
        *("Constant", "GlorotUniform", "Ones", "RandomNormal", "VarianceScaling", "Zeros"),
    },
    "keras.layers": {
        *("Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization"),
        *("Concatenate", "Conv2D", "Dense", "DepthwiseConv2D", "Dropout"),
        *("GlobalAveragePooling2D", "InputLayer", "LayerNormalization", "MaxPooling2D"),
        *("Multiply", "Normalization", "ReLU", "Rescaling", "Reshape", "Resizing", "Softmax"),
        "ZeroPadding2D",
    },
    "keras.src.applications.convnext": {"LayerScale"},
    "keras.src.models.functional": {"Functional"},
    "keras.src.ops.numpy": {"Add", "Flip", "GetItem", "Multiply", "Sqrt", "Var"},
    None: {"__ellipsis__", "__keras_tensor__", "__slice__"},
}


def check_model_file(path: Path) -> None:
    """Look through the model file at `path` without building anything that it describes.

    Raises:
        TransferLabError: it is not a `.keras` file, has a part or a layer that no model of
            Transfer Lab has, or its weights point to other files.
    """
    try:
        with path.open("rb") as file, open_zip(file, _MOST_PARTS) as archive:
            names = [entry.filename for entry in archive.infolist()]
            if sorted(names) != sorted(_PARTS):
                raise TransferLabError(f"The model file holds {_named(names)}, not a Keras model.")
            with archive.open(_CONFIG) as part:
                config = part.read(_MOST_CONFIG + 1)
            if len(config) > _MOST_CONFIG:
                raise TransferLabError("The model's description is too large to be one.")
            for kind in _kinds(json.loads(config)):
                if kind[1] not in _KNOWN.get(kind[0], ()):
                    raise TransferLabError(
                        f"The model has a part {str(kind[1])[:60]!r} that Transfer Lab's models do "
                        "not have, so it is not opened."
                    )
            _check_weights(archive)
    except (BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
        raise TransferLabError(
            f"The model file cannot be read ({type(error).__name__})."
        ) from error


def _kinds(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield module and name of everything that Keras would make an object of."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "class_name" in found:
                yield _hashable(found.get("module")), _hashable(found["class_name"])
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | None) else repr(value)


def _check_weights(archive: ZipFile) -> None:
    import h5py

    with archive.open(_WEIGHTS) as part, h5py.File(part, "r") as weights:
        waiting = [weights]
        while waiting:
            group = waiting.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise TransferLabError("The model's weights hold a link, so it is not opened.")
                inside = group[name]
                if isinstance(inside, h5py.Group):
                    waiting.append(inside)
                elif inside.external or inside.is_virtual:
                    raise TransferLabError(
                        "The model's weights lie in other files, so it is not opened."
                    )


def _named(names: list[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:4])
    return shown + (" …" if len(names) > 4 else "") if names else "nothing"
