"""Run with Keras in a process of its own: save the notebooks' three networks with random weights in every layout."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np

KERAS_2 = "2.2.4-tf"


def small(keras):
    layers = keras.layers
    x = inputs = keras.Input((32, 32, 3))
    for filters in (16, 32, 32):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return inputs, head(keras, x)


def medium(keras):
    layers = keras.layers
    x = inputs = keras.Input((32, 32, 3))
    for number, filters in enumerate((32, 64, 128, 128)):
        x = layers.Conv2D(filters, 3, padding="valid" if number == 1 else "same", activation="relu")(x)
        x = layers.Dropout(0.1)(x)
        x = layers.MaxPooling2D()(x)
    return inputs, head(keras, x)


def head(keras, x):
    layers = keras.layers
    x = layers.Dense(32, activation="relu")(layers.GlobalAveragePooling2D()(x))
    return layers.Dense(10, activation="softmax")(layers.Dropout(0.1)(x))


def residual(keras):
    layers = keras.layers

    def normal(x, filters, size, stride=1):
        x = layers.Conv2D(filters, size, strides=stride, padding="same")(x)
        return layers.BatchNormalization()(x)

    def block(x, filters, outputs, stride, projected):
        shortcut = layers.Conv2D(outputs, 1, strides=stride)(x) if projected else x  # made first, as in the notebooks
        x = layers.ReLU()(normal(x, filters, 1))
        x = layers.ReLU()(normal(x, filters, 3, stride))
        return layers.ReLU()(layers.Add()([normal(x, outputs, 1), shortcut]))

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(normal(inputs, 16, 3))
    for filters, outputs, stride in ((16, 64, 1), (64, 128, 2), (128, 256, 2)):
        x = block(block(x, filters, outputs, stride, True), filters, outputs, 1, False)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return inputs, layers.Dense(10, activation="softmax")(x)


def paper(keras):
    """The paper's SmallCNN, whose dense layer takes a flattened feature map."""
    layers = keras.layers
    x = inputs = keras.Input((32, 32, 3))
    for number, filters in enumerate((16, 32, 32)):
        x = layers.MaxPooling2D(padding="same")(layers.Conv2D(filters, 3, padding="same")(x))
        x = layers.ReLU()(x) if number < 2 else x
    return inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x))


def as_keras_2(model, path):
    """The layout of Keras 2's ``model.save``: names with ``:0``, a description of the network, optimiser weights."""
    config = json.loads(model.to_json())
    for layer in config["config"]["layers"]:
        histories = [argument for node in layer["inbound_nodes"] for argument in flat(node["args"])]
        layer["inbound_nodes"] = [[[name, 0, 0, {}] for name in histories]] if histories else []
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = KERAS_2.encode()
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = np.array([layer.name.encode() for layer in model.layers])
        for layer in model.layers:
            group = root.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0".encode() for weight in layer.weights]
            group.attrs["weight_names"] = np.array(names) if names else np.zeros(0)
            for name, weight in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name.decode(), data=weight)
        optimiser = file.create_group("optimizer_weights")
        optimiser.attrs["weight_names"] = np.array([b"training/Adam/iter:0"])
        optimiser.create_dataset("training/Adam/iter:0", data=3)


def flat(value):
    if isinstance(value, dict):
        return [value["config"]["keras_history"][0]]
    return [name for inner in value for name in flat(inner)] if isinstance(value, list) else []


def main(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)  # the layers' default initialisation
    random = np.random.default_rng(0)
    images = random.random((6, 32, 32, 3), dtype=np.float32)
    for name, make in (("small", small), ("medium", medium), ("residual", residual), ("paper", paper)):
        model = keras.Model(*make(keras))
        for weight in model.weights:
            own = weight.numpy()
            low = 0.5 if "variance" in weight.name or "gamma" in weight.name else -0.5
            spread = (
                random.uniform(low, low + 1, own.shape) if own.ndim == 1 else own + 0.05 * random.normal(size=own.shape)
            )
            weight.assign(spread.astype(np.float32))
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.h5")
        model.save_weights(folder / f"{name}.weights.h5")
        as_keras_2(model, folder / f"{name}-keras2.h5")
        np.savez(folder / f"{name}.npz", images=images, said=model.predict(images, verbose=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
