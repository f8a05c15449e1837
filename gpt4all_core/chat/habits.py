"""What one template accepts and shows of a conversation, as plain facts."""

from dataclasses import dataclass
from typing import Literal

from gpt4all_core.chat.write_calls import CallWriter

SystemPlace = Literal["anywhere", "first", "nowhere"]
CallIds = Literal["any", "short", "named"]
TextBesideCalls = Literal["together", "before_mark", "apart", "apart_with_filler"]
ThoughtKey = Literal["reasoning_content", "thinking", "reasoning", "tool_plan"]


@dataclass(frozen=True, slots=True)
class Habits:
    """How messages must be put to a template. The defaults are those of one that takes everything.

    has_parts: content is a list of typed parts, not a text.
    system: where system messages may stand. needs_user: one alone is refused. keeps_system: it is
    shown in the middle of a chain of calls as well.
    may_repeat_user, may_repeat_assistant: two turns of this role may follow each other.
    may_begin_with_assistant: no user has to speak first.
    may_user_follow_result: no answer has to come between.

    has_text_arguments: those of calls are a JSON text, not an object.
    empty: the content of a turn that only calls.
    ids: of calls: any text, nine letters and digits, or the name and a number (`functions.f:0`).
    text_beside_calls: in one turn with them; left out by the template, and put before the `call_mark`
    that begins the calls; in a turn before; or in one that an empty turn of the user keeps apart.
    has_many_calls: one turn may hold several.
    has_tool_role: results are turns of their own; else they are the user's.
    write_calls: how calls are written into a turn's text, where the template leaves them out, or
    spoils their arguments.
    has_tools_in_system: tools are a JSON text in a field of the system message.

    thought_key: the field for thoughts; None if they are left out.
    may_think_aloud: a turn may hold thoughts, text and calls; else the text belongs to the thoughts.
    """

    has_parts: bool = False
    system: SystemPlace = "anywhere"
    needs_user: bool = False
    keeps_system: bool = True
    may_repeat_user: bool = True
    may_repeat_assistant: bool = True
    may_begin_with_assistant: bool = True
    may_user_follow_result: bool = True
    has_text_arguments: bool = False
    empty: str | None = ""
    ids: CallIds = "any"
    text_beside_calls: TextBesideCalls = "together"
    call_mark: str = ""
    has_many_calls: bool = True
    has_tool_role: bool = True
    write_calls: CallWriter | None = None
    has_tools_in_system: bool = False
    thought_key: ThoughtKey | None = None
    may_think_aloud: bool = True
