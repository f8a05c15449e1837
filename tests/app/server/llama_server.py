"""A program: llama-server on a free port, until its standard input ends."""

import sys
from pathlib import Path

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.model_alias = {"starter"}
parameters.use_jinja = True
parameters.n_gpu_layers = 0
parameters.cpuparams.n_threads = 1  # more would spin while other programs have the cores
parameters.cpuparams_batch.n_threads = 1
parameters.n_ctx = 1024
parameters.n_parallel = 2
parameters.port = 0
parameters.warmup = False
parameters.verbosity = -1
server = xllamacpp.Server(parameters)
Path(sys.argv[2]).write_text(server.listening_address, encoding="utf-8")
sys.stdin.read()
