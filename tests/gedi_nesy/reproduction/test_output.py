"""The same table in every form; the scale and the reasons are in each of them."""

from __future__ import annotations

import csv
import json
import os
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gedi_nesy.errors import UserError
from gedi_nesy.reproduction.filling import Filled, fill
from gedi_nesy.reproduction.job import Job
from gedi_nesy.reproduction.output import as_csv, as_markdown, as_plain, as_text, require_folder, write_files
from gedi_nesy.reproduction.page import html_page
from gedi_nesy.reproduction.plan import make_plan
from gedi_nesy.reproduction.recipe import load_recipe
from gedi_nesy.reproduction.words import Speech

RUNS = Path("runs")


@pytest.fixture
def filled(recipe_file: Path) -> Filled:
    plan = make_plan(load_recipe(str(recipe_file)), "small", seeds=2)
    for place, accuracy in zip(plan.places[:3], (0.10, 0.5, 0.35), strict=True):
        for job in place.jobs:
            write_results(job, accuracy + 0.1 * job.seed)
    return fill(plan, RUNS)


def write_results(job: Job, accuracy: float) -> None:
    """What a finished run leaves behind."""
    folder = job.folder(RUNS)
    folder.path.mkdir(parents=True)
    folder.config.touch()
    results = {
        "evaluators": json.loads(job.evaluators),
        "numbers": {"classification": {"accuracy": accuracy, "nmi": 0.0}},
    }
    folder.results.write_text(json.dumps(results | {"training": {"seconds": 60, "device": "cpu"}}))
    folder.environment.write_text(json.dumps({"commit": "0123456789" * 4 + " with changes"}))


def test_text_has_the_papers_shape(filled: Filled) -> None:
    lines = as_text(filled, 200).splitlines()
    head = next(index for index, line in enumerate(lines) if line.startswith("Examples"))
    assert lines[head - 1].split("  ")[-1] and "With the constraint" in lines[head - 1]
    assert lines[head].split() == ["Examples", "Acc.", "NMI", "Acc.", "NMI"]
    # Row 20: (10, 20) with the constraint, median 15, standard error 5; (50, 60) without it.
    assert lines[head + 1].split("  ")[0] == "20"
    assert "15.00 ± 5.00" in lines[head + 1] and "55.00 ± 5.00" in lines[head + 1]
    assert lines[head + 2].split()[0] == "paper" and "99.0 ± 0.5" in lines[head + 2]
    assert "+5.00 better" in lines[head + 3] and "\u221244.00 worse" in lines[head + 3]
    assert "+20.00 within" in lines[head + 6]


def test_a_narrow_terminal_gets_the_columns_below_each_other(filled: Filled) -> None:
    wide, narrow = as_text(filled, 200), as_text(filled, 80)
    assert sum(line.startswith("Examples") for line in wide.splitlines()) == 1
    assert sum(line.startswith("Examples") for line in narrow.splitlines()) == 2
    assert max(map(len, narrow.splitlines())) <= 80


def test_every_form_says_scale_statistic_and_reasons(filled: Filled) -> None:
    out = Path("runs/tables")
    page = unescape(html_page(filled, out, ""))
    for text in (as_text(filled, 10_000), as_markdown(filled, out), json.dumps(as_plain(filled, out)), page):
        assert "cale small: one epoch on drawn bars" in text
        assert "median over 2 seeds (0 to 1)" in text
        assert "There is no such paper." in text
        assert "seed 1: missing" in text
        assert "scale small is not the paper's setting, so a mark here compares unlike things" in text
    facts = "6 of 8 finished, 6 min 0 s of training together on cpu, commit 0123456 with changes"
    assert facts in as_markdown(filled, out)


def test_the_full_scale_as_it_is_compares_like_with_like(recipe_file: Path) -> None:
    recipe_file.write_text(recipe_file.read_text().replace("small:", "full:"))
    recipe = load_recipe(str(recipe_file))
    assert "unlike" not in as_text(fill(make_plan(recipe, "full"), RUNS), 10_000)
    changed = fill(make_plan(recipe, "full", changes={"training.epochs": 2}), RUNS)
    assert "not like with like: --set training.epochs is not the paper's setting" in as_text(changed, 10_000)


def test_a_column_has_one_number_of_digits(recipe_file: Path) -> None:
    table = recipe_file.parent / "bars_table.yaml"
    table.write_text(table.read_text().replace("20.0 ± 90.0", "20 ± 90"))
    plan = make_plan(load_recipe(str(recipe_file)), "small")
    for place in plan.places:
        write_results(place.jobs[0], 0.468)
    filled = fill(plan, RUNS)
    said = [Speech(filled).say(filled.entry(row, "with", "accuracy")).ours for row in ("20", "40")]
    assert said == ["46.80", "46.80"]
    assert {row["ours"] for row in csv.DictReader(as_csv(filled).splitlines()) if row["metric"] == "accuracy"} == {
        "46.8"
    }


def test_markdown_and_page_lead_to_the_reports(filled: Filled, tmp_path: Path) -> None:
    folder = filled.plan.places[0].jobs[0].folder(RUNS)
    folder.report.touch()
    elsewhere = tmp_path / "elsewhere"
    link = f"{os.path.relpath(RUNS, elsewhere)}/tiny/{folder.path.name}/report.html"
    assert f"- [20, with, seed 0]({link}): finished" in as_markdown(filled, elsewhere)
    assert "- 20, with, seed 1: finished" in as_markdown(filled, elsewhere)
    page = html_page(filled, elsewhere, "a,b\n")
    assert page.count(f'href="{link}"') == 3, "two cells and the list of runs"
    assert 'id="theme"' in page and 'download="bars-small-seeds-2.csv" href="data:text/csv;base64,YSxiCg=="' in page
    again = f"gedi-nesy reproduce {filled.plan.recipe.source} --scale small --seeds 2 --out {elsewhere}"
    assert again in page and again in as_markdown(filled, elsewhere)


def test_a_folder_that_takes_no_files_is_said_in_a_line(filled: Filled, tmp_path: Path) -> None:
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match=f"--out {folder} is no folder to write to: there is a file in its place"):
            require_folder(folder, "--out")
        with pytest.raises(UserError, match=f"the table cannot be written to {folder}: .*trains nothing again"):
            write_files(filled, folder)
    (tmp_path / "bars-small-seeds-2.json").mkdir()
    with pytest.raises(UserError, match=f"the table cannot be written to {tmp_path}: Is a directory"):
        write_files(filled, tmp_path)


def test_csv_has_a_line_for_each_entry(filled: Filled) -> None:
    rows = list(csv.DictReader(as_csv(filled).splitlines()))
    assert len(rows) == 8 and {row["scale"] for row in rows} == {"small"}
    first = rows[0]
    assert (first["row"], first["column"], first["metric"], first["mark"]) == ("20", "with", "accuracy", "better")
    assert float(first["ours"]) == pytest.approx(15) and float(first["paper"]) == 10
    assert [float(value) for value in first["values"].split("; ")] == pytest.approx([10, 20])


class Cells(HTMLParser):
    """The text of each table cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "td":
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "td"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += f"{data} "


def test_the_page_has_every_cell_and_asks_nothing_of_the_network(filled: Filled, tmp_path: Path) -> None:
    paths = write_files(filled, tmp_path / "tables")
    assert [path.name for path in paths] == [f"bars-small-seeds-2.{suffix}" for suffix in ("json", "csv", "md", "html")]
    page = paths[3].read_text()
    reader = Cells()
    reader.feed(page)
    assert len(reader.cells) == 8 + 3 * 8, "the table, and three cells for each run"
    assert reader.cells[0].split() == ["15.00", "±", "5.00", "paper", "10.0", "±", "0.0", "+5.00", "better"]
    assert "://" not in page and "Scale small: one epoch" in page


def test_names_of_a_recipe_are_text_and_nothing_else(recipe_file: Path) -> None:
    evil = "<script>alert(1)</script>"
    table = recipe_file.parent / "bars_table.yaml"
    table.write_text(table.read_text().replace("title: Bars", f"title: {evil}").replace("Without it", evil))
    plan = make_plan(load_recipe(str(recipe_file)), "small")
    page = write_files(fill(plan, RUNS), recipe_file.parent)[3].read_text()
    assert evil not in page and "&lt;script&gt;" in page
