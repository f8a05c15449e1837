"""Packing, narrowing, citing and answering: each sentence of an answer points to where it stands."""

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.errors import ConfigError, GenerationCancelled
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import Completion, GenerationParams, Piece, Usage
from gpt4all_localdocs.answer import AnswerRequest, AnswerStream, answer_params, start_answer
from gpt4all_localdocs.cite import cite_markers, cite_quote
from gpt4all_localdocs.narrow import cut, narrow_hits, split_sentences
from gpt4all_localdocs.pack import pack_hits
from gpt4all_localdocs.types import Hit


def hit(text, *, name="a.txt", start=0, first_line=1, page=None, score=1.0):
    lines = None if page else (first_line, first_line + text.count("\n"))
    return Hit(Path(name), text, score, page, lines, (start, start + len(text)))


def words(hit):
    return len(hit.text.split())


def ask(model, sources, *, mode, question="Which?"):
    request = AnswerRequest(question, tuple(sources), tuple(sources), mode, answer_params(mode))
    return start_answer(model, request)


class TestPack:
    def test_takes_the_best_hits_that_fit_in_their_order(self):
        hits = [hit("one two three"), hit("four five six seven"), hit("eight")]
        packed = pack_hits(hits, budget_tokens=4, tokens_of=words)
        assert [h.text for h in packed] == ["one two three", "eight"]

    def test_always_takes_the_best_hit(self):
        assert len(pack_hits([hit("one two three")], budget_tokens=1, tokens_of=words)) == 1

    def test_leaves_out_a_copy_of_a_passage(self):
        hits = [hit("the same", name="a.txt"), hit("the same", name="b.txt"), hit("another")]
        packed = pack_hits(hits, budget_tokens=100, tokens_of=words)
        assert [h.path.name for h in packed] == ["a.txt", "a.txt"]

    def test_packs_nothing_from_nothing(self):
        assert pack_hits([], budget_tokens=10, tokens_of=words) == ()


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("One is here. Two is there.", ["One is here.", "Two is there."]),
            ("It costs 2.50 euros a day. Then 3.", ["It costs 2.50 euros a day.", "Then 3."]),
            ("A heading\n\nIts text.", ["A heading", "Its text."]),
            ("- first item\n- second item", ["- first item", "- second item"]),
            ("Code | Meaning\nE-38 | Moisture", ["Code | Meaning", "E-38 | Moisture"]),
            ("no end at all", ["no end at all"]),
            ("   ", []),
        ],
    )
    def test_splits_where_a_reader_would(self, text, expected):
        assert [text[start:end] for start, end in split_sentences(text)] == expected

    @given(st.text(alphabet=st.sampled_from("ab. \n|-A1!?"), max_size=80))
    def test_loses_nothing_but_white_space(self, text):
        spans = split_sentences(text)
        covered = {place for start, end in spans for place in range(start, end)}
        assert all(text[place].isspace() for place in range(len(text)) if place not in covered)
        assert spans == sorted(spans)

    def test_a_sentence_keeps_its_place_in_the_document(self):
        passage = hit("One.\nTwo is\nhere.", start=100, first_line=7)
        sentence = cut(passage, 5, 17)
        assert (sentence.text, sentence.span, sentence.lines) == ("Two is\nhere.", (105, 117), (8, 9))

    def test_the_nearest_sentence_is_found_among_passages(self):
        passages = [
            hit("Cats sleep all day. Dogs bark at night."),
            hit("The annual leave is 27 days a year. Rent is due on Monday.", name="b.txt"),
        ]
        nearest = narrow_hits(passages, "how many days of annual leave a year", HashEmbedder())
        assert nearest.text == "The annual leave is 27 days a year."
        assert nearest.path.name == "b.txt"

    def test_a_heading_is_no_answer(self):
        nearest = narrow_hits(
            [hit("Annual leave\n\nEverybody has 27 days off.")], "annual leave", HashEmbedder()
        )
        assert nearest.text == "Everybody has 27 days off."

    def test_a_passage_of_fragments_still_gives_one(self):
        assert narrow_hits([hit("Yes.")], "is it so", HashEmbedder()).text == "Yes."


class TestCite:
    def test_markers_name_their_sources_in_order_of_number(self):
        sources = [hit("first"), hit("second", name="b.txt"), hit("third", name="c.txt")]
        citations = cite_markers("So it is [3]. Also [1, 3].", sources)
        assert [(c.number, c.path.name, c.quote) for c in citations] == [
            (1, "a.txt", "first"),
            (3, "c.txt", "third"),
        ]

    def test_markers_that_name_no_source_are_dropped(self):
        assert cite_markers("See [0], [2] and [99].", [hit("only")]) == ()

    def test_a_quote_is_placed_to_the_character_and_line(self):
        source = hit("Rules.\nYou get\n27 days.", start=50, first_line=4)
        (citation,) = cite_quote("27 days", [hit("other"), source])
        assert citation.span == (65, 72)
        assert citation.lines == (6, 6)
        assert citation.number == 1

    def test_a_quote_over_two_lines_names_both(self):
        (citation,) = cite_quote("get\n27", [hit("You get\n27 days.", first_line=4)])
        assert citation.place == "lines 4-5"

    def test_a_page_is_kept(self):
        (citation,) = cite_quote("27", [hit("You get 27 days.", page=3)])
        assert citation.place == "page 3"

    @pytest.mark.parametrize("quote", ["", "not there"])
    def test_what_no_source_holds_is_not_cited(self, quote):
        assert cite_quote(quote, [hit("text")]) == ()


class TestQuoteMode:
    def test_the_answer_is_the_span_without_its_closing_mark(self):
        model = ScriptedChatModel(quotes=["27 days"])
        stream = ask(model, [hit("You get 27 days.")], mode="quote")
        assert "".join(stream) == "27 days"
        answer = stream.result()
        assert answer.text == "27 days"
        assert answer.citations[0].quote == "27 days"
        assert answer.citations[0].span == (8, 15)

    def test_a_quotation_mark_inside_the_span_stays(self):
        model = ScriptedChatModel(quotes=['say "yes" twice'])
        stream = ask(model, [hit('You say "yes" twice.')], mode="quote")
        assert "".join(stream) == 'say "yes" twice'

    def test_only_the_sources_may_be_quoted(self):
        model = ScriptedChatModel(quotes=["b"])
        ask(model, [hit("a b")], mode="quote").result()
        assert model.calls[0].quote_from == ("a b",)
        assert model.calls[0].prefill.endswith('The answer is "')

    def test_a_character_that_the_token_limit_cut_is_left_out_and_the_rest_is_cited(self):
        mailbox = Mailbox(lambda: None)
        for piece in ("nach ", "Gr", "\ufffd"):
            mailbox.push(Piece(piece))
        mailbox.finish(Completion("nach Gr\ufffd", "length", Usage(9, 4)))
        sources = (hit("Sie zog nach Größe."),)
        stream = AnswerStream(
            Generation(mailbox), AnswerRequest("Wohin?", sources, sources, "quote", answer_params("quote"))
        )
        assert "".join(stream) == "nach Gr"
        answer = stream.result()
        assert answer.text == answer.citations[0].quote == "nach Gr"

    def test_greedy_and_bounded(self):
        assert answer_params("quote").temperature == 0
        assert answer_params("quote").max_tokens is not None

    async def test_the_async_face_gives_the_same(self):
        model = ScriptedChatModel(quotes=["27 days"])
        stream = ask(model, [hit("You get 27 days.")], mode="quote")
        assert [piece async for piece in stream]
        assert (await stream.aresult()).text == "27 days"


class TestFreeMode:
    def test_sources_are_numbered_and_cited_by_number(self):
        model = ScriptedChatModel(["You get 27 days [2]."])
        stream = ask(model, [hit("Nothing."), hit("27 days", name="b.pdf", page=2)], mode="free")
        answer = stream.result()
        assert [(c.number, c.place) for c in answer.citations] == [(2, "page 2")]
        prompt = model.calls[0].messages[-1].content
        assert "[1] a.txt, line 1\nNothing." in prompt
        assert "[2] b.pdf, page 2\n27 days" in prompt
        assert prompt.index("[1]") < prompt.index("Question: Which?")

    def test_no_absolute_path_reaches_the_model(self):
        model = ScriptedChatModel(["Yes."])
        ask(model, [hit("text", name="/home/somebody/secret/a.txt")], mode="free").result()
        assert "somebody" not in model.calls[0].messages[-1].content

    def test_an_answer_without_markers_has_no_citations(self):
        assert ask(ScriptedChatModel(["Yes."]), [hit("text")], mode="free").result().citations == ()


def test_a_bad_parameter_is_refused_before_anything_runs():
    request = AnswerRequest("?", (hit("a"),), (hit("a"),), "free", GenerationParams(temperature=-1))
    with pytest.raises(ConfigError, match="temperature"):
        start_answer(ScriptedChatModel(), request)


def test_a_cancelled_answer_says_so(example_docs):
    stream = example_docs.stream("How many days of leave?", mode="free")
    stream.cancel()
    with pytest.raises(GenerationCancelled):
        stream.result()


def test_a_short_passage_may_be_the_answer_as_a_whole():
    passages = [hit("Lynx in Lund"), hit("The badger digs at night in Brora.", name="b.txt", score=0.2)]
    assert narrow_hits(passages, "Where is the lynx?", HashEmbedder()).text == "Lynx in Lund"
