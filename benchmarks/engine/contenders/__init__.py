"""One file for each way to run the model; `open_contender(setup)` in each."""
