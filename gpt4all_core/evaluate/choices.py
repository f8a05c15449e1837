"""Choices with labels, in the two layouts that ARC and OpenBookQA come in."""

from gpt4all_core.evaluate.task import Document


def labelled_choices(document: Document, *, stem: str) -> tuple[str, tuple[str, ...], int]:
    """The question, its choices, and the number of the right one. stem: the question's field on the Hub.

    As published: `{"question": {"stem": …, "choices": [{"label": …, "text": …}, …]}, "answerKey": …}`;
    on the Hub: `{stem: …, "choices": {"label": […], "text": […]}, "answerKey": …}`.
    """
    published = document.get("question")
    if isinstance(published, dict):
        question, choices = published["stem"], published["choices"]
        labels, texts = [choice["label"] for choice in choices], [choice["text"] for choice in choices]
    else:
        question = document[stem]
        labels, texts = document["choices"]["label"], document["choices"]["text"]
    return question, tuple(texts), labels.index(document["answerKey"].strip())
