"""What answers are checked by: evidence, claims, and the questions that lean on others."""

from pathlib import Path

import pytest

from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import Message
from gpt4all_localdocs.answer import AskOptions, Library, answer_question
from gpt4all_localdocs.evidence import weigh_evidence
from gpt4all_localdocs.follow_up import stand_alone
from gpt4all_localdocs.narrow import Sentence
from gpt4all_localdocs.types import Hit
from gpt4all_localdocs.verify import claim_spans, verify_claims

HANDBOOK = Hit(Path("a.txt"), "Full-time employees have 27 days of annual leave.", 1.0, None, None, (0, 49))
CAFETERIA = Hit(Path("b.txt"), "The cafeteria opens at noon.", 0.5, None, None, (0, 28))


class TestEvidence:
    @pytest.mark.parametrize(("cosine", "words"), [(0.9, 0.5), (0.5, 0.9)])
    def test_grows_with_nearness_and_with_shared_words(self, cosine, words):
        assert weigh_evidence([Sentence(HANDBOOK, cosine, words)]) > weigh_evidence(
            [Sentence(HANDBOOK, 0.5, 0.5)]
        )

    def test_nothing_found_is_no_evidence(self):
        assert weigh_evidence([]) == 0


class TestVerify:
    SOURCES = (HANDBOOK, CAFETERIA)

    @pytest.mark.parametrize(
        ("sentence", "is_supported"),
        [
            ("Full-time employees have 27 days of annual leave [1].", True),
            ("Full-time employees have 31 days of annual leave [1].", False),
            ("Full-time employees have 27 days of annual leave [2].", False),
            ("The cafeteria opens at noon [1, 2].", True),
            ("The moon is made of cheese [1].", False),
        ],
    )
    def test_a_sentence_is_compared_with_the_sources_that_it_names(self, sentence, is_supported):
        (claim,) = verify_claims(sentence, self.SOURCES, HashEmbedder())
        assert claim.is_supported is is_supported

    def test_sentences_without_sources_claim_nothing(self):
        assert verify_claims("I think so. Good morning.", self.SOURCES, HashEmbedder()) == ()

    def test_a_marker_behind_the_full_stop_belongs_to_the_sentence_before(self):
        text = "One is so. [1] Two is so [2]. Three?"
        assert [text[start:end] for start, end in claim_spans(text)] == [
            "One is so. [1]",
            "Two is so [2].",
            "Three?",
        ]

    async def test_both_faces_of_an_answer_tell_what_is_not_supported(self):
        text = "Leave is 27 days [1]. The moon is made of cheese [1]."
        model = ScriptedChatModel([text])
        hits = [HANDBOOK]
        library = Library(model, HashEmbedder(), lambda _query, _k: hits, lambda _hit, _most: [])
        stream = answer_question(library, "How long is leave?", AskOptions(verify=True))
        answer = await stream.aresult()
        assert answer == stream.result()
        assert [claim.text for claim in answer.unsupported] == ["The moon is made of cheese [1]."]
        assert text[slice(*answer.unsupported[0].span)] == answer.unsupported[0].text


class TestFollowUps:
    HISTORY = (
        Message("user", "How long is the annual leave?"),
        Message("assistant", "31 days, I am sure."),
    )

    @pytest.mark.parametrize(
        "question", ["And in the first year?", "Who grants it?", "Why?", "What about sick leave?"]
    )
    def test_a_question_that_leans_on_another_takes_it_along(self, question):
        assert stand_alone(question, self.HISTORY) == f"How long is the annual leave? {question}"

    @pytest.mark.parametrize("question", ["When does the cafeteria open?", "Which parking lot is free?"])
    def test_a_question_that_stands_alone_stays(self, question):
        assert stand_alone(question, self.HISTORY) == question

    def test_a_chain_goes_back_to_its_subject(self):
        history = (*self.HISTORY, Message("user", "Who grants it?"), Message("assistant", "HR."))
        assert stand_alone("Why?", history) == "How long is the annual leave? Who grants it? Why?"

    def test_without_a_history_a_question_stays(self):
        assert stand_alone("Why?") == "Why?"
