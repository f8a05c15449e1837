"""Sizes of screens, and the models that pages are tried with."""

from gpt4all_core.testing import ScriptedChatModel

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 360, "height": 740}

SLOWEST_MS = 20_000
"""How long anything on a page may take before the test fails: a machine may be busy."""


class Scripted(ScriptedChatModel):
    """A scripted model as a server has them."""

    role = "chat"

    def close(self):
        pass
