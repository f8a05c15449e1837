"""Models: which there are, which are on this disk, and what their files say.

Reading a file's header and asking the catalog need neither llama.cpp nor the network.
"""
