"""The report: complete for a finished run, honest for an unfinished one, self-contained and safe for any content."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gedi_nesy.errors import RunError
from gedi_nesy.reporting.report import write_report


def rendered(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def chart_data(page: str) -> dict[str, Any]:
    """What the page's script gets, by chart name."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert text
    return {chart["name"]: chart for chart in json.loads(text[1])["charts"]}


def change(folder: Path, **parts: Any) -> None:
    """Replace parts of results.json; None removes a part."""
    path = folder / "results.json"
    changed = json.loads(path.read_text(encoding="utf-8")) | parts
    path.write_text(json.dumps({key: value for key, value in changed.items() if value is not None}), encoding="utf-8")


def test_numbers_stand_with_their_definitions(finished_run: Path) -> None:
    page = rendered(finished_run)
    for expected in ("0.984", "0.952", "0.961", "matched accuracy", "NMI", "mean probability of the query over 1000"):
        assert expected in page


def test_first_number_and_its_definition_make_the_headline(finished_run: Path) -> None:
    assert "Accuracy 98.4%: share of test images whose most probable class is the label." in rendered(finished_run)


def test_headline_of_a_number_that_is_no_share(finished_run: Path) -> None:
    change(finished_run, numbers={"ood": {"auroc": 0.913}}, definitions={"ood": {"auroc": "area under the curve"}})
    assert '<p class="lead">AUROC 0.913: area under the curve.</p>' in rendered(finished_run)


def test_known_minima_are_named_and_drawn(finished_run: Path) -> None:
    page = rendered(finished_run)
    assert "weight 400 · known minimum \u22122.303 · last \u22122.298, 0.005 above it" in page
    assert "known minimum 0 · last" in page
    charts = chart_data(page)
    assert charts["nesy"]["reference"] == [0.0, "known minimum"]
    assert charts["gen"]["reference"] is None


def test_charts_hold_steps_and_epoch_means(finished_run: Path) -> None:
    steps, means = chart_data(rendered(finished_run))["nesy"]["series"]
    assert (len(steps["x"]), len(means["x"]), means["x"][-1]) == (250, 50, 2500)


def test_values_that_are_null_are_gaps(finished_run: Path) -> None:
    assert chart_data(rendered(finished_run))["disagreement"]["series"][0]["y"][2] is None


def test_long_runs_are_thinned(finished_run: Path) -> None:
    lines = [json.dumps({"step": step, "epoch": 0, "terms": {"nesy": 1.0}}) for step in range(1, 9001)]
    (finished_run / "metrics.jsonl").write_text("\n".join(lines), encoding="utf-8")
    places = chart_data(rendered(finished_run))["nesy"]["series"][0]["x"]
    assert (len(places), places[0], places[-1]) == (2000, 1, 9000)


def test_comparison_gives_difference_and_verdict(finished_run: Path) -> None:
    page = rendered(finished_run)
    for expected in ("Table 6, section 6.4", "+0.024", "+0.042", '<td class="good">better</td>', "± 0.06"):
        assert expected in page
    assert page.count('aria-current="true"') == 2


@pytest.mark.parametrize(
    ("accuracy", "verdict"), [(0.945, "within"), (0.975, "within"), (0.944, "worse"), (0.976, "better")]
)
def test_verdict_allows_for_spread_and_rounding(finished_run: Path, accuracy: float, verdict: str) -> None:
    change(finished_run, numbers={"classification": {"accuracy": accuracy}})
    assert f">{verdict}</td>" in rendered(finished_run)


def test_what_is_not_the_same_quantity_stands_beside_without_difference(finished_run: Path) -> None:
    change(
        finished_run,
        numbers={"likelihood": {"negative_log_likelihood": 725.1}},
        compare={"table": "simvae2023-table8", "row": "VAE", "column": "Fashion"},
    )
    page = rendered(finished_run)
    assert '<td>\u2013</td><td class="open">not comparable</td>' in page and "5696.5" in page


def test_a_metric_is_the_number_that_the_config_names(finished_run: Path) -> None:
    compare = {"table": "gedi-table3", "row": "Moons", "column": "Barlow", "numbers": {"nmi": "clustering.k_means_nmi"}}
    change(finished_run, numbers={"clustering": {"k_means_nmi": 0.17}}, compare=compare)
    page = rendered(finished_run)
    assert '<td class="open">no number</td>' not in page and "<td>0.170</td>" in page
    assert "NMI is this run&#x27;s clustering.k_means_nmi." in page


def test_unknown_published_table_is_said_not_raised(finished_run: Path) -> None:
    change(finished_run, compare={"table": "gedi-tabel6", "row": "1000", "column": "GEDI & NeSy"})
    assert "Did you mean &quot;gedi-table6&quot;?" in rendered(finished_run)


def test_health_of_a_good_run(finished_run: Path) -> None:
    page = rendered(finished_run)
    assert "no failure detected" in page
    assert "cluster collapse, epochs 1 to 4." in page


def test_failures_of_diagnoses_in_a_row_are_one_span(finished_run: Path) -> None:
    lines = [
        {
            "step": epoch,
            "epoch": epoch,
            "diagnosis": {"spread": 0.1, "failures": ["label inconsistency: x"] if failed else []},
        }
        for epoch, failed in ((20, True), (40, True), (60, False), (80, True))
    ]
    (finished_run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert "label inconsistency, epochs 20 to 40, epoch 80." in rendered(finished_run)


def test_each_failure_is_a_badge(finished_run: Path) -> None:
    failures = ["cluster collapse: 1.0 of 10 classes in use", "representation collapse: embeddings differ by 1e-5"]
    change(finished_run, diagnosis={"failures": failures})
    page = rendered(finished_run)
    assert page.count('<li class="badge bad">') == 2
    assert failures[0] in page and "no failure detected" not in page


def test_a_failure_that_an_evaluator_found_is_a_badge_beside_those_of_the_diagnosis(finished_run: Path) -> None:
    memorised = "memorised: all of the training examples, none of the held-out ones"
    change(finished_run, diagnosis={"failures": ["cluster collapse: one"]}, failures={"constraint": [memorised]})
    page = rendered(finished_run)
    assert page.count('<li class="badge bad">') == 2 and memorised in page
    change(finished_run, diagnosis={"failures": []})
    assert "no failure detected" not in rendered(finished_run)


def test_confusion_matrix_reads_row_by_row(finished_run: Path) -> None:
    page = rendered(finished_run)
    assert "true 0, predicted 0: 965 of 971 images (99.4%)" in page


def test_confusion_matrix_with_more_clusters_than_classes(finished_run: Path) -> None:
    change(finished_run, tables={"classification": {"confusion": [[3, 0, 1], [0, 4, 0]], "classes": ["cat", "dog"]}})
    assert "true cat, predicted 2: 1 of 4 images" in rendered(finished_run)


def test_samples_are_inside_the_page_final_first(finished_run: Path) -> None:
    (finished_run / "samples" / "broken.png").write_bytes(b"not an image")
    page = rendered(finished_run)
    captions = re.findall(r'<figcaption data-name="samples[^"]*">([^<]*)</figcaption>', page)
    assert captions == ["final", "epoch 2", "epoch 10"]
    assert page.count('alt="Samples of the model') == 3
    assert 'width="28" height="28"' in page


def test_facts_notes_config_and_command(finished_run: Path) -> None:
    page = rendered(finished_run)
    for expected in (
        "sum_holds(A,B,C)",
        "2 min 30 s",
        "rolled back to step 1400",
        "sgld: {steps: 20",
        "gedi-nesy train configs/",
    ):
        assert expected in page


def test_unfinished_run_says_so_and_shows_its_curves(unfinished_run: Path) -> None:
    page = rendered(unfinished_run)
    assert "Unfinished: 840 steps, 16 whole epochs so far, no results yet." in page
    assert "unfinished: results.json is not there yet" in page
    assert "mnist_addition" in page
    # No results to look it up in: the epochs' distances imply it.
    assert chart_data(page)["prior"]["reference"] == [-2.302585, "known minimum"]


def test_cut_off_last_line_is_skipped(unfinished_run: Path) -> None:
    before = chart_data(rendered(unfinished_run))
    with open(unfinished_run / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"step": 99999, "epoch": 17, "terms": {"nesy": 0.1')
    assert chart_data(rendered(unfinished_run)) == before


def test_empty_folder_renders(tmp_path: Path) -> None:
    assert "Nothing logged yet." in rendered(tmp_path)


def test_results_with_any_part_missing_render(finished_run: Path) -> None:
    whole = json.loads((finished_run / "results.json").read_text(encoding="utf-8"))
    for part in whole:
        (finished_run / "results.json").write_text(json.dumps(whole | {part: None}), encoding="utf-8")
        assert "</html>" in rendered(finished_run)
        (finished_run / "results.json").write_text(json.dumps({part: whole[part]}), encoding="utf-8")
        assert "</html>" in rendered(finished_run)


def test_damaged_results_are_an_error_that_names_the_file(finished_run: Path) -> None:
    (finished_run / "results.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"results\.json is damaged"):
        write_report(finished_run)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"numbers": {"a": [1]}}, r"results\.json is damaged: numbers\.a is \[1\], not an object"),
        ({"compare": "x"}, r'results\.json is damaged: compare is "x", not an object'),
        ({"images": {"a": {"b": 3}}}, r"results\.json is damaged: images\.a\.b is 3"),
        (
            {"tables": {"c": {"confusion": 5}}},
            r"the section confusion cannot be shown, as .* is damaged in \S+: TypeError",
        ),
        ({"numbers": {"classification": {"accuracy": "x"}}}, "the section published cannot be shown"),
        ({"training": {"seconds": "x"}}, "the header cannot be shown"),
    ],
)
def test_values_of_the_wrong_kind_are_damage(finished_run: Path, damage: dict[str, Any], words: str) -> None:
    change(finished_run, **damage)
    with pytest.raises(RunError, match=words):
        write_report(finished_run)


def test_a_damaged_line_of_the_metrics_is_named(finished_run: Path) -> None:
    (finished_run / "metrics.jsonl").write_text('{"step": 3, "epoch": 1, "terms": [1]}\n', encoding="utf-8")
    with pytest.raises(RunError, match=r"metrics\.jsonl is damaged: step 3: terms is \[1\], not an object"):
        write_report(finished_run)


def test_our_number_in_a_published_table_keeps_its_digits(finished_run: Path) -> None:
    page = rendered(finished_run)
    assert '<td data-value="0.9842">0.984</td>' in page
    assert "with half a printed digit more for rounding" in page


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a folder"):
        write_report(tmp_path / "none")


EVIL = "<script>alert('x')</script>\"&<!--slot:data-->"


def test_text_from_files_is_escaped(finished_run: Path) -> None:
    clean = rendered(finished_run)
    results = json.loads((finished_run / "results.json").read_text(encoding="utf-8"))
    results |= {
        "name": EVIL,
        "method": EVIL,
        "seed": EVIL,
        "numbers": {EVIL: {EVIL: 1.0}},
        "definitions": {EVIL: {EVIL: EVIL}},
        "tables": {EVIL: {"confusion": [[1]], "classes": [EVIL]}},
        "terms": {EVIL: {"meaning": EVIL, "last": 1.0, "known_minimum": 0.0, "weight": 1}},
        "diagnosis": {"failures": [EVIL]},
        "notes": [EVIL],
        "constraint": {EVIL: EVIL, "query": EVIL, "examples": EVIL},
        "compare": {"table": EVIL, "row": EVIL, "column": EVIL},
    }
    (finished_run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (finished_run / "config.yaml").write_text(EVIL, encoding="utf-8")
    (finished_run / "environment.json").write_text(json.dumps({"command": EVIL, "device": EVIL}), encoding="utf-8")
    line = {"step": 1, "epoch": 1, "epoch_terms": {EVIL: 1.0}, "diagnosis": {"failures": [EVIL], "used_classes": 1.0}}
    (finished_run / "metrics.jsonl").write_text(json.dumps(line), encoding="utf-8")
    (finished_run / "samples" / "final.png").rename(finished_run / "samples" / "<i>&.png")
    page = rendered(finished_run)
    assert "<script>alert" not in page
    assert "<i>" not in page
    assert page.count("<script") == clean.count("<script") == 2
    assert "<!--slot" not in page
    assert EVIL in chart_data(page)


def test_page_asks_nothing_of_the_network(finished_run: Path) -> None:
    page = rendered(finished_run)
    assert not re.search(r"https?://", page)
    assert not re.search(r"@import|url\(", page)
    for value in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert value.startswith(("data:", "#"))
    assert "default-src 'none'" in page


def test_every_id_and_label_has_its_place(finished_run: Path) -> None:
    page = rendered(finished_run)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert page.count("<table") == page.count("<caption")
    assert page.count("<img") == page.count('alt="')
    assert set(re.findall(r'<figure class="chart" data-chart="([^"]*)"', page)) == {
        chart["id"] for chart in chart_data(page).values()
    }


def test_writing_twice_gives_the_same_bytes(finished_run: Path) -> None:
    assert rendered(finished_run) == rendered(finished_run)


def test_report_does_without_torch(finished_run: Path) -> None:
    code = (
        "import sys, pathlib; from gedi_nesy.reporting.report import write_report; "
        "write_report(pathlib.Path(sys.argv[1])); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(finished_run)], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_map_has_its_points_and_one_sheet_of_images(finished_run: Path) -> None:
    page = rendered(finished_run)
    text = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert text
    (drawn,) = json.loads(text[1])["maps"]
    assert (len(drawn["x"]), list(drawn["groups"]), drawn["columns"]) == (60, ["class", "prediction"], 8)
    assert page.count('<img hidden src="data:image/png;base64,') == 1
    assert "all images" not in page  # the sheet is no picture to look at by itself


def test_map_does_without_its_images(finished_run: Path) -> None:
    (finished_run / "figures" / "embedding_map-images.png").unlink()
    page = rendered(finished_run)
    assert 'data-map="embedding-map"' in page and "<img hidden" not in page


def test_pictures_of_evaluators_have_captions_and_rows(finished_run: Path) -> None:
    page = rendered(finished_run)
    assert 'alt="above images, below theirs; rows: image, mean"' in page
    (finished_run / "figures" / "reconstruction-images.png").write_bytes(b"broken")
    assert "above images" not in rendered(finished_run)


def test_reliability_is_drawn_without_bins_that_are_empty(finished_run: Path) -> None:
    chart = chart_data(rendered(finished_run))["reliability"]
    assert chart["series"][0]["y"] == [None, 0.2, 0.4, 0.6, 0.8]
    assert chart["x_range"] == [0, 1] and chart["diagonal"]


def test_scores_of_each_set_have_an_outline(finished_run: Path) -> None:
    chart = chart_data(rendered(finished_run))["log density"]
    assert [(series["label"], series["shape"]) for series in chart["series"]] == [
        ("test images", "outline"),
        ("kmnist", "outline"),
    ]
    assert (chart["series"][0]["x"][0], chart["x_range"]) == (-1.95, [-2.0, 0.0])


def test_chains_stand_beside_the_log_density_of_test_images(finished_run: Path) -> None:
    chart = chart_data(rendered(finished_run))["log p(x)"]
    assert [series["label"] for series in chart["series"]] == ["chain 1", "chain 2", "mean"]
    assert chart["series"][2]["y"][0] == -22.5 and chart["reference"] == [-1.0, "mean of test images"]


def test_drawings_are_images_so_that_nothing_in_them_acts(finished_run: Path) -> None:
    (finished_run / "figures" / "circuit.svg").write_text("<svg><script>alert(1)</script></svg>", encoding="utf-8")
    page = rendered(finished_run)
    assert 'src="data:image/svg+xml;base64,' in page and "alert(1)" not in page


def test_the_headline_is_the_first_main_number_and_choices_come_last(finished_run: Path) -> None:
    path = finished_run / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    results["numbers"] |= {"knn": {"knn_cosine_k": 5, "knn_cosine": 0.5}}
    results["main"] = ["constraint.satisfaction", "classification.nmi", "knn.knn_cosine"]
    results["training"]["epochs"] = 1
    path.write_text(json.dumps(results), encoding="utf-8")
    page = write_report(finished_run).read_text(encoding="utf-8")
    assert '<p class="lead">Satisfaction 96.1%: share of 1000 held-out' in page
    assert "1 epoch in 2 min 30 s" in page
    assert '<tr class=chosen><td class="value" data-value="5">5</td>' in page
    assert page.index("<b>kNN cosine</b>") < page.index("<b>kNN cosine k</b>")


def test_the_column_of_marks_is_called_so(finished_run: Path) -> None:
    page = write_report(finished_run).read_text(encoding="utf-8")
    assert '<th scope="col">difference</th><th scope="col">mark</th>' in page
