"""Words are found in scripts that put no spaces between them, in files and in texts of programs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import Workbench

from gpt4all_localdocs.keyword_query import query_words
from gpt4all_localdocs.texts import Text
from gpt4all_localdocs.unsegmented import character_pairs

PASSAGES = {
    "zh": ("全职员工每年享有二十五天带薪年假", "年假有几天"),
    "ja": ("正社員は年に二十五日の有給休暇を取得できます", "有給休暇は何日ですか"),
    "ko": ("정규직원은연간이십오일의유급휴가를받습니다", "유급휴가"),
    "th": ("พนักงานประจำมีวันลาพักร้อนยี่สิบห้าวันต่อปี", "วันลาพักร้อน"),
    "km": ("បុគ្គលិកពេញម៉ោងទទួលបានការឈប់សម្រាកប្រចាំឆ្នាំ", "ការឈប់សម្រាក"),
}


@pytest.mark.parametrize("language", PASSAGES)
def test_a_passage_is_found_by_words_from_the_middle_of_a_sentence(tmp_path: Path, language: str) -> None:
    bench = Workbench(tmp_path)
    for name, (text, _) in PASSAGES.items():
        bench.write(f"{name}.txt", f"{text}\n\nsomething else")
    bench.sync()
    hits = bench.search(PASSAGES[language][1], mode="keyword")
    assert [hit.path.name for hit in hits][:1] == [f"{language}.txt"]
    assert hits[0].text == PASSAGES[language][0]


def test_a_text_of_a_program_and_a_file_name_are_found_so_too(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.put(Text("会議室は二階にあります", id="note"))
    bench.write("経費精算規程.txt", "receipts are kept")
    bench.sync()
    assert [hit.text_id for hit in bench.search("会議室", mode="keyword")] == ["note"]
    assert [hit.text for hit in bench.search("経費精算", mode="keyword")] == ["receipts are kept"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("年假 leave 年假", ["leave", "年假", "年假"]),
        ("the 年", ["the", "年"]),
        ("ﾃｽﾄ", ["テス", "スト"]),
        ("GPT模型和RAG", ["gpt", "rag", "模型", "型和"]),
    ],
)
def test_queries_have_words_and_pairs(text: str, words: list[str]) -> None:
    assert query_words(text) == words


@given(st.text(alphabet=st.characters(max_codepoint=0x052F)))
def test_texts_with_spaces_between_words_have_no_pairs(text: str) -> None:
    assert character_pairs(text) == []
