"""From a row of logits to the next token: penalties, truncation, the draw, and log-probabilities."""

from gpt4all_core.engine.sampling.batch import Row, choose_all
from gpt4all_core.engine.sampling.logprobs import Scores
from gpt4all_core.engine.sampling.params import check_params
from gpt4all_core.engine.sampling.sampler import Choice, Sampler

__all__ = ["Choice", "Row", "Sampler", "Scores", "check_params", "choose_all"]
