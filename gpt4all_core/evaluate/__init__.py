"""How good is a model? Multiple-choice tasks, scored as lm-evaluation-harness 0.4.13 scores them."""
