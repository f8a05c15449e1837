"""What the child of an isolated engine does beside its event loop, which all its streams go through."""

import asyncio
import threading

from gpt4all_core.isolated.messages import Compile, Compiled
from gpt4all_core.isolated_child import Service


class Compiler:
    """An open engine that compiles, and the constraint that it makes; notes who asked."""

    def __init__(self):
        self.threads = {}

    def compile_grammar(self, lark):
        self.threads["compiles"] = threading.get_ident()
        return self

    @property
    def shortest(self):
        self.threads["searches"] = threading.get_ident()
        return []


class Sent(list):
    send = list.append


def test_a_grammar_is_compiled_and_its_shortest_answer_searched_in_a_thread():
    opened, sent = Compiler(), Sent()

    async def compile_one():
        await Service(opened, asyncio.Queue(), sent)._do(Compile(7, 'start: "a"'))
        return threading.get_ident()

    loops = asyncio.run(compile_one())
    assert set(opened.threads) == {"compiles", "searches"}
    assert loops not in opened.threads.values()
    assert sent == [Compiled(7)]
