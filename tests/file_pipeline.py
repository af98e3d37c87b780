"""The input pipeline on plain files of SequenceExamples."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from movinet.data.pipeline import batches
from movinet.data.pipeline.record_index import RecordFile
from movinet.data.pipeline.record_source import SequenceExamples
from movinet.data.pipeline.views import ClipSettings


def build(files: Sequence[str], settings: ClipSettings, **options: Any) -> tf.data.Dataset:
    source = SequenceExamples(tuple(RecordFile(file) for file in files))
    return batches.build(source, settings, **options)
