"""A new page is found without a line in mkdocs.yml."""

from __future__ import annotations

from types import SimpleNamespace


def test_a_star_stands_for_pages_that_are_named_nowhere_else(script, tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("a", "b", "c", "more/index", "more/d"):
        (tmp_path / f"{name}.md").touch()
    navigation = [{"Start": "a.md"}, {"All": ["c.md", "*", {"More": ["more/index.md", "more/*"]}]}]
    config = script("navigation").on_config(SimpleNamespace(nav=navigation, docs_dir=str(tmp_path)))
    assert config.nav == [
        {"Start": "a.md"},
        {"All": ["c.md", "b.md", {"More": ["more/index.md", "more/d.md"]}]},
    ]
