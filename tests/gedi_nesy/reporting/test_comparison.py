"""Several runs on one page: what differs is there, what does not is not, and nothing is made up for a run without results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gedi_nesy.errors import RunError
from gedi_nesy.reporting.comparison import write_comparison


@pytest.fixture
def runs(finished_run: Path, unfinished_run: Path) -> list[Path]:
    config = unfinished_run / "config.yaml"
    changed = config.read_text().replace("nesy: 25}", "nesy: 5}").replace("seed: 0", "seed: 1")
    config.write_text(changed, encoding="utf-8")
    return [finished_run, unfinished_run]


def rendered(runs: list[Path], tmp_path: Path) -> str:
    return write_comparison(runs, tmp_path / "out.html").read_text(encoding="utf-8")


def change_results(run: Path, **changes: object) -> None:
    file = run / "results.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes), encoding="utf-8")


def test_curves_of_all_runs_share_a_chart(runs: list[Path], tmp_path: Path) -> None:
    text = re.search(r'id="data">(.*?)</script>', rendered(runs, tmp_path), re.DOTALL)
    assert text
    charts = {chart["name"]: chart for chart in json.loads(text[1])["charts"]}
    assert [(series["label"], series["colour"]) for series in charts["nesy"]["series"]] == [
        ("seed 0", 0),
        ("seed 1", 1),
    ]
    assert [len(series["x"]) for series in charts["nesy"]["series"]] == [50, 16]
    assert charts["prior"]["reference"] == [pytest.approx(-2.302585), "known minimum"]
    assert {"classes in use", "spread"} <= charts.keys()


def test_configs_show_their_differences_alone(runs: list[Path], tmp_path: Path) -> None:
    page = rendered(runs, tmp_path)
    assert re.search(r'>weights\.nesy</th><td class="?text"?>25</td><td class="?text"?>5</td>', page)
    assert ">seed</th>" in page and "weights.prior" not in page
    # Both were made by the same machine, so there is nothing to say about that.
    assert 'id="environments"' not in page


def test_numbers_stand_side_by_side_with_a_dash_where_there_is_none(runs: list[Path], tmp_path: Path) -> None:
    page = rendered(runs, tmp_path)
    row = re.search(r"<b>accuracy</b>.*?</tr>", page, re.DOTALL)
    assert row and 'data-value="0.9842">0.984</td><td>–</td>' in row[0]  # noqa: RUF001
    # In the cell, where it is read without a pointer; not in the CSV.
    assert '<span class="meaning">share of test images whose most probable class' in row[0]
    assert 'data-csv="accuracy classification"' in page
    assert "Without results so far: seed 1" in page


def test_published_cells_are_there_for_runs_that_name_one(runs: list[Path], tmp_path: Path) -> None:
    page = rendered(runs, tmp_path)
    assert "gedi-table6, 1000, GEDI &amp; NeSy" in page
    assert '<td class="good">better</td>' in page


def test_published_metrics_are_the_numbers_that_configs_name(runs: list[Path], tmp_path: Path) -> None:
    compare = {"table": "gedi-table3", "row": "Moons", "column": "Barlow", "numbers": {"nmi": "clustering.k_means_nmi"}}
    change_results(runs[0], numbers={"clustering": {"k_means_nmi": 0.17}}, compare=compare)
    page = rendered(runs, tmp_path)
    assert 'data-value="0.17"' in page and ">no number<" not in page


def test_runs_of_different_names_are_told_apart_by_both_parts(finished_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "runs" / "parity" / "0"
    other.mkdir(parents=True)
    page = rendered([finished_run, other], tmp_path)
    assert ">gedi <small>mnist_addition/0</small></th>" in page
    assert ">method – <small>parity/0</small></th>" in page  # noqa: RUF001


def test_text_from_files_is_escaped(runs: list[Path], tmp_path: Path) -> None:
    (runs[1] / "config.yaml").write_text('name: "<script>alert(1)</script>"\n"<i>": "<b>&"\n', encoding="utf-8")
    page = rendered(runs, tmp_path)
    assert "<script>alert" not in page and "<i>" not in page and "<b>&" not in page


def test_a_damaged_config_is_named(runs: list[Path], tmp_path: Path) -> None:
    (runs[1] / "config.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(RunError, match=r"config\.yaml is damaged"):
        rendered(runs, tmp_path)


def test_values_of_the_wrong_kind_are_damage(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "results.json").write_text(
        '{"training": {"seconds": {}}, "diagnosis": {"failures": 3}}', encoding="utf-8"
    )
    with pytest.raises(RunError, match=f"is damaged in {runs[0]}, {runs[1]}.*: TypeError"):
        write_comparison(runs, tmp_path / "out.html")


def test_failures_of_diagnosis_and_evaluators_are_named_in_the_line_of_their_run(
    runs: list[Path], tmp_path: Path
) -> None:
    change_results(runs[0], diagnosis={"failures": ["cluster collapse: x"]}, failures={"constraint": ["memorised: y"]})
    assert '<td class="text">cluster collapse; memorised</td>' in rendered(runs, tmp_path)


def test_one_run_is_no_comparison(finished_run: Path, tmp_path: Path) -> None:
    for folders in ([finished_run], [finished_run, finished_run]):
        with pytest.raises(RunError, match="a comparison takes two different runs or more"):
            rendered(folders, tmp_path)


def test_page_asks_nothing_of_the_network(runs: list[Path], tmp_path: Path) -> None:
    page = rendered(runs, tmp_path)
    assert not re.search(r"https?://|@import|url\(", page)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_runs_of_one_config_are_told_apart_by_their_ids(
    finished_run: Path, unfinished_run: Path, tmp_path: Path
) -> None:
    page = rendered([finished_run, unfinished_run], tmp_path)
    assert ">0</th>" in page and ">1</th>" in page


def test_labels_have_the_id_small_beside_them_in_headings_and_legends(runs: list[Path], tmp_path: Path) -> None:
    page = rendered(runs, tmp_path)
    assert 'data-csv="seed 1" class=text>seed 1 <small>1</small></th>' in page
    assert '<li><span class="swatch c1"></span>seed 1 <small>1</small></li>' in page


def test_choices_are_the_last_numbers_and_none_of_a_run_s_first(runs: list[Path], tmp_path: Path) -> None:
    numbers = {"knn": {"knn_cosine_k": 5, "knn_cosine": 0.5}, "classification": {"nmi": 0.25}}
    main = ["classification.nmi", "knn.knn_cosine"]
    change_results(runs[0], numbers=numbers, main=main)
    page = rendered(runs, tmp_path)
    first = page[page.index('id="runs"') : page.index('id="numbers"')]
    assert "kNN cosine k" not in first and first.index(">NMI<") < first.index(">kNN cosine<")
    assert page.index("<b>kNN cosine</b>") < page.index("<b>kNN cosine k</b>")
    assert '<td data-value="5">5</td>' in page
