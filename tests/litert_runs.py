"""Running a `.tflite` file, for tests and benchmarks."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def run(content, clip, forget=False):
    """Runs a file on a clip [1, T, H, W, 3], streams frame by frame."""
    runner = Interpreter(model_content=content).get_signature_runner()
    details = runner.get_input_details()
    states = {
        name: np.zeros(detail["shape"], detail["dtype"])
        for name, detail in details.items()
        if name != "image"
    }
    start = dict(states)
    for piece in np.split(clip, clip.shape[1], axis=1) if states else [clip]:
        outputs = runner(image=piece.reshape(details["image"]["shape"]), **states)
        logits = outputs.pop("logits")
        assert outputs.keys() == states.keys()
        states = start if forget else outputs
    return logits
