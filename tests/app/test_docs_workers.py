"""`gpt4all docs sync --workers` says where files are read."""

import sys


def test_workers_that_are_none_are_refused_and_the_setting_holds_where_none_are_named(
    gpt4all, leave, monkeypatch
):
    gpt4all("docs", "add", leave)
    wrong = gpt4all("docs", "sync", "--workers", "dask")
    assert (wrong.code, wrong.out) == (2, "")
    assert "workers is 'dask'" in wrong.err
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "gpt4all-adapters[scale]" in gpt4all("docs", "sync", "--workers", "ray").err
    assert gpt4all("config", "set", "workers", "ray").code == 0
    assert "gpt4all-adapters[scale]" in gpt4all("docs", "sync").err
    assert "added" in gpt4all("docs", "sync", "--workers", "local").out
