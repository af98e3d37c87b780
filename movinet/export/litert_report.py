"""What an exported `.tflite` file is and does, in words, as JSON and as a picture."""

import dataclasses
import json
import pathlib
from typing import Any

from movinet import files
from movinet.comparison import Difference
from movinet.export.agreement import Agreement, LayerError
from movinet.export.litert_file import Census
from movinet.model_info import ModelInfo

LAYERS_NAMED = 5
_LAYERS_DRAWN = 20


@dataclasses.dataclass(frozen=True)
class LiteRtExport:
    """A file that computes what its model does.

    Attributes:
      path: of the file.
      bytes: its size.
      census: what its graph is made of.
      seconds_per_frame: median on this machine with one thread, states going in and out.
      difference: between its logits and the model's, on random video.
      agreement: with the float graph on real videos, where there were any.
      layers: what each layer costs, the worst first, where that was asked for.
    """

    path: pathlib.Path
    info: ModelInfo
    bytes: int
    census: Census
    seconds_per_frame: float
    difference: Difference
    agreement: Agreement | None
    layers: tuple[LayerError, ...]

    def describe(self) -> str:
        """Returns the figures in lines for people."""
        ops = ", ".join(f"{count} {name}" for name, count in self.census.ops.items())
        outside = ", ".join(self.census.outside_gpu) or "none"
        settings = self.info.preprocessing
        lines = [
            f"size           {self.bytes / 1e6:.2f} MB, {self.info.precision}",
            f"operations     {self.census.total}: {ops}",
            f"not for GPUs   {outside}; tensors of rank {self.census.max_rank} at most",
            f"time per frame {1000 * self.seconds_per_frame:.2f} ms on this machine, one thread "
            f"({settings.height} x {settings.width})",
            f"difference     {self.difference.relative:.1e} of the largest logit, on noise",
        ]
        if self.agreement is not None:
            lines.append(f"agreement      {self.agreement.describe()}")
        lines += [
            f"layer          {layer.error:.2%} of the logits: {layer.name}"
            for layer in self.layers[:LAYERS_NAMED]
        ]
        written = ", ".join(path.name for path in self.companions())
        return "\n".join([*lines, f"exported to    {self.path} ({written} beside it)"])

    def companions(self) -> list[pathlib.Path]:
        """Returns the files that are written beside the model."""
        endings = [".json", ".report.json", *([".layers.png"] if self.layers else [])]
        return [self.path.with_suffix(ending) for ending in endings]

    def write_companions(self) -> None:
        """Writes the description of the model, the figures, and the picture of the layers."""
        description, report, *picture = self.companions()
        files.write_text(description, self.info.to_json())
        files.write_text(report, json.dumps(self._figures(), indent=1, ensure_ascii=False) + "\n")
        for path in picture:
            self._draw_layers(path)

    def _figures(self) -> dict[str, Any]:
        agreement = None if self.agreement is None else dataclasses.asdict(self.agreement)
        return {
            "file": self.path.name,
            "precision": self.info.precision,
            "bytes": self.bytes,
            "milliseconds_per_frame": 1000 * self.seconds_per_frame,
            "largest_difference_of_largest_logit": self.difference.relative,
            "agreement_with_float": agreement,
            "operations": dict(self.census.ops),
            "not_for_gpus": list(self.census.outside_gpu),
            "largest_rank": self.census.max_rank,
            "dynamic_shapes": self.census.dynamic,
            "layers_worst_first": [dataclasses.asdict(layer) for layer in self.layers],
        }

    def _draw_layers(self, path: pathlib.Path) -> None:
        """Draws what the worst layers cost."""
        from matplotlib.figure import Figure

        worst = self.layers[:_LAYERS_DRAWN]
        figure = Figure(figsize=(9.6, 1.4 + 0.34 * len(worst)), layout="constrained")
        axes = figure.subplots()
        names = [layer.name.replace("_", " ") for layer in worst]
        bars = axes.barh(names, [100 * layer.error for layer in worst], color="#0072B2")
        axes.bar_label(bars, fmt="%.2f %%", padding=4, fontsize=11, color="#334155")
        axes.invert_yaxis()
        axes.tick_params(length=0, labelsize=11)
        axes.xaxis.set_visible(False)
        axes.spines[:].set_visible(False)
        axes.margins(x=0.12, y=0.02)
        axes.set_title(
            f"{self.info.name} in {self.info.precision}: change of the logits if one layer alone "
            "is quantised",
            fontsize=13,
            loc="left",
            pad=12,
        )
        with files.write_aside(path) as aside:
            figure.savefig(aside, dpi=150, format="png", facecolor="white")
