"""Two runs, compared to the last bit."""

import json

import numpy as np
import tensorflow as tf


def differences(folder, other):
    """What differs between the end states of two runs, in words; [] if nothing does.

    Compared: every tensor of the newest and of the best checkpoint (weights, optimizer slots,
    moving averages, counters), the record of the best, and the log of training and evaluation.
    """
    found = []
    for part in ("", "best"):
        found += _tensors(folder / part, other / part)
    for name, read in (("best/best.json", json.loads), ("history.jsonl", _log)):
        if read((folder / name).read_text()) != read((other / name).read_text()):
            found.append(name)
    return found


def _tensors(folder, other):
    paths = [tf.train.latest_checkpoint(str(each)) for each in (folder, other)]
    readers = [tf.train.load_checkpoint(path) for path in paths]
    names = [set(reader.get_variable_to_shape_map()) for reader in readers]
    found = [f"{name} is only in one" for name in sorted(names[0] ^ names[1])]
    for name in sorted(names[0] & names[1]):
        if name == "_CHECKPOINTABLE_OBJECT_GRAPH":
            continue
        first, second = (np.asarray(reader.get_tensor(name)) for reader in readers)
        if first.tobytes() != second.tobytes():
            found.append(name)
    return found


def _log(text):
    return [json.loads(line) for line in text.splitlines()]
