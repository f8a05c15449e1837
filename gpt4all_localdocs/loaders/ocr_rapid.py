"""Reads pictures with RapidOCR: PaddleOCR's models, which its package holds, in onnxruntime."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from gpt4all_core.errors import MissingDependency
from gpt4all_localdocs.loaders.ocr import RecognisedLine

_UPRIGHT_SCORE = 0.85
"""Four scans were read with 0.99 on average, and with 0.64 to 0.74 when they stood on their heads."""

_LEAST_SCORE = 0.5
_OPTIONS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,  # it turns upright lines on their heads; whole pages are turned here
    "Global.text_score": _LEAST_SCORE,
    "Rec.rec_batch_num": 1,  # else lines are padded to the longest of their batch
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,  # files are read in several processes
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class RapidRecogniser:
    """A `Recogniser`; opens its models (33 MB, 1.3 s) at the first picture. Not thread-safe.

    Takes 1 to 8 s for a page of A4 on one core, and 0.8 GB of memory. Reads Latin, Chinese and Japanese
    script; turns pages that lie on a side or stand on their heads.
    """

    def __init__(self) -> None:
        self._engine: Any = None

    def read(self, picture: Any) -> Sequence[RecognisedLine]:
        """See `Recogniser`; raises MissingDependency where the package is there but cannot be imported."""
        if self._engine is None:
            self._engine = _open()
        lines, score = self._attempt(picture)
        if _lie_on_a_side(lines):
            picture = _turned(picture, 1)
            lines, score = self._attempt(picture)
        if lines and score < _UPRIGHT_SCORE:
            turned, turned_score = self._attempt(_turned(picture, 2))
            if turned_score > score:
                return turned
        return lines

    def _attempt(self, picture: Any) -> tuple[list[RecognisedLine], float]:
        """The lines, and the average of how sure the model is of them."""
        found = self._engine(picture)
        if found.boxes is None or not found.txts:
            return [], 0.0
        lines = [
            RecognisedLine(text, *(float(edge) for edge in (*box.min(axis=0), *box.max(axis=0))))
            for box, text in zip(found.boxes, found.txts, strict=True)
        ]
        return lines, fmean(found.scores)


def _open() -> Any:
    try:
        from rapidocr import RapidOCR  # noqa: PLC0415 - an extra, which takes a second to import
    except ImportError as error:
        raise MissingDependency("rapidocr, which reads the letters of pictures,", extra="ocr") from error
    return RapidOCR(params=_OPTIONS)


def _lie_on_a_side(lines: Sequence[RecognisedLine]) -> bool:
    upright = sum(line.right - line.left >= line.bottom - line.top for line in lines if len(line.text) > 1)
    return 2 * upright < sum(len(line.text) > 1 for line in lines)


def _turned(picture: Any, quarters: int) -> Any:
    import numpy as np  # noqa: PLC0415 - most files hold no pictures of text

    return np.ascontiguousarray(np.rot90(picture, quarters))
