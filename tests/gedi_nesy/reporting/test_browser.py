"""Reports in a real browser: they draw everything without complaint, ask nothing of the network, and answer pointer and keyboard.

Where no Chromium is installed these tests are skipped, unless GEDI_NESY_BROWSER_TESTS=required says that it must be there, as CI does.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gedi_nesy.reporting.comparison import write_comparison
from gedi_nesy.reporting.published import load_published, published_names
from gedi_nesy.reporting.report import write_report

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def missing(what: str) -> None:
    """Skip, or fail where the tests must run."""
    if os.environ.get("GEDI_NESY_BROWSER_TESTS") == "required":
        pytest.fail(f"GEDI_NESY_BROWSER_TESTS=required, and {what}")
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("playwright is not installed: pip install gedi-nesy[test]")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing(f"there is none of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        # No sandbox, as CI runs as root; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """Opens a page; at the end nothing may have been complained about or asked for but the file itself."""
    contexts, complaints = [], []

    def opened(path: Path, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        allowed = path.as_uri()
        page.on("request", lambda request: complaints.append(request.url) if is_foreign(request.url, allowed) else None)
        page.goto(allowed)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def is_foreign(url: str, allowed: str) -> bool:
    return not url.startswith((allowed, "data:", "blob:"))


@pytest.fixture
def report(finished_run: Path) -> Path:
    return write_report(finished_run)


@pytest.fixture
def comparison(finished_run: Path, unfinished_run: Path, tmp_path: Path) -> Path:
    return write_comparison([finished_run, unfinished_run], tmp_path / "comparison.html")


@pytest.mark.parametrize("kind", ["report", "comparison", "unfinished_run"])
def test_every_chart_is_drawn(kind: str, open_page: Any, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(kind)
    page = open_page(write_report(path) if path.is_dir() else path)
    charts = json.loads(page.locator("#data").text_content())["charts"]
    assert len(charts) > 5
    for chart in charts:
        figure = page.locator(f'[data-chart="{chart["id"]}"]')
        drawn = figure.locator("path.curve[d^=M]").count() + bool(figure.locator("rect.bar").count())
        assert drawn == len(chart["series"]), chart["name"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(
    report: Path, comparison: Path, open_page: Any, width: int, scheme: str
) -> None:
    for path in (report, comparison):
        page = open_page(path, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == (scheme == "dark")


def test_no_published_table_is_wider_than_a_phone(finished_run: Path, open_page: Any) -> None:
    path = finished_run / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    page = open_page(write_report(finished_run), 390)
    for name in published_names():
        known = load_published(name)
        results["compare"] = {"table": name, "row": known.rows[0], "column": next(iter(known.columns))}
        path.write_text(json.dumps(results), encoding="utf-8")
        write_report(finished_run)
        page.reload(wait_until="domcontentloaded")
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name


def test_pointing_at_the_map_shows_the_image(report: Path, open_page: Any) -> None:
    page = open_page(report)
    circle = page.locator("circle.member").nth(40)
    circle.hover(force=True)
    tip = page.locator(".map .tip")
    assert "class 0\nprediction cluster 1" in tip.inner_text()
    # The image of point 40 is filled with grey 40.
    grey = tip.locator("canvas").evaluate("c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    assert set(grey[0::4]) == {40} and len(grey) == 8 * 8 * 4
    page.mouse.move(2, 2)
    assert tip.count() == 0


def test_the_map_is_read_and_coloured_by_keyboard(report: Path, open_page: Any) -> None:
    page = open_page(report)
    page.locator(".map .plot").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator(".map .tip").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator(".map .tip").inner_text() != first
    toggle = page.locator('[data-by="prediction"]')
    before = page.locator("circle.member").nth(5).get_attribute("class")
    toggle.focus()
    page.keyboard.press("Enter")
    assert toggle.get_attribute("aria-pressed") == "true"
    assert (before, page.locator("circle.member").nth(5).get_attribute("class")) == ("member c5", "member c2")
    page.locator(".map .legend button").nth(1).focus()
    page.keyboard.press("Space")
    assert page.locator("circle.member:not(.aside)").count() == 20
    assert page.evaluate("document.activeElement.dataset.group") == "1"


def test_images_of_unknown_class_are_named_so(report: Path, open_page: Any) -> None:
    assert "unknown" in open_page(report).locator(".map .legend").inner_text()


def test_tables_sort_by_pointer_and_keyboard(report: Path, comparison: Path, open_page: Any) -> None:
    page = open_page(report)
    column = page.locator(".numbers td.value")
    as_evaluated = column.all_inner_texts()
    button = page.locator(".numbers th button").first
    button.click()
    assert column.all_inner_texts() == sorted(as_evaluated)
    button.focus()
    page.keyboard.press("Enter")
    assert column.all_inner_texts() == sorted(as_evaluated, reverse=True)
    assert page.locator(".numbers th").first.get_attribute("aria-sort") == "descending"
    compared = open_page(comparison)
    compared.locator(".compared th button", has_text="accuracy").first.click()
    # A run without results comes last, whichever way one sorts.
    assert compared.locator(".compared").first.locator("tbody th").all_inner_texts() == ["0", "1"]


def test_charts_are_read_by_keyboard_and_take_a_logarithmic_axis(report: Path, open_page: Any) -> None:
    page = open_page(report)
    chart = page.locator('[data-chart="term-3"]')
    chart.locator(".plot").focus()
    page.keyboard.press("Home")
    assert "step 50\n" in chart.locator(".tip").inner_text()
    page.keyboard.press("Escape")
    before = chart.locator("path.curve").last.get_attribute("d")
    chart.locator('[data-tool="log"]').focus()
    page.keyboard.press("Enter")
    assert chart.locator('[data-tool="log"]').get_attribute("aria-pressed") == "true"
    assert chart.locator("path.curve").last.get_attribute("d") != before


def test_a_cell_of_the_confusion_matrix_is_read_out(report: Path, open_page: Any) -> None:
    page = open_page(report)
    page.locator(".confusion td[title]").first.hover()
    assert page.locator(".readout").inner_text() == "true 0, predicted 0: 965 of 971 images (99.4%)"


def test_the_confusion_matrix_is_read_by_keyboard(report: Path, open_page: Any) -> None:
    page = open_page(report)
    page.locator(".confusion .scroll").focus()
    for key, place in (("Right", "0, predicted 0"), ("Right", "0, predicted 1"), ("Down", "1, predicted 1")):
        page.keyboard.press(f"Arrow{key}")
        assert page.locator(".readout").inner_text().startswith(f"true {place}:")
    for _ in range(12):  # beyond the last column
        page.keyboard.press("ArrowRight")
    assert page.locator(".readout").inner_text().startswith("true 1, predicted 9:")
    assert page.locator(".confusion td.here").count() == 1
    page.locator("#theme").focus()
    assert page.locator(".confusion td.here").count() == 0


def test_counts_of_many_classes_are_out_of_sight_but_read_out(finished_run: Path, open_page: Any) -> None:
    path = finished_run / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    matrix = [[1000 + row + column for column in range(40)] for row in range(40)]
    results["tables"] = {"classification": {"confusion": matrix, "classes": [f"class {row}" for row in range(40)]}}
    path.write_text(json.dumps(results), encoding="utf-8")
    page = open_page(write_report(finished_run), 390)
    assert '- cell "1078"' in page.locator(".confusion").aria_snapshot()
    assert page.locator(".confusion td span").first.bounding_box()["width"] == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_everything_can_be_downloaded(report: Path, open_page: Any) -> None:
    page = open_page(report)
    files = {}
    for button in page.locator('[data-tool]:not([data-tool="log"])').all():
        with page.expect_download() as download:
            button.click()
        files[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    for name, data in files.items():
        assert data.startswith(b"\x89PNG") if name.endswith(".png") else data.decode(), name
    for what in ("nesy", "embedding-map", "Confusion", "reliability", "log-density", "log-p-x-", "circuit", "samples"):
        assert any(what in name and name.endswith(".png") for name in files), (what, list(files))
    numbers = list(csv.reader(io.StringIO(files["mnist_addition-Numbers.csv"].decode())))
    assert numbers[0] == ["value", "what it is", "evaluator"]
    assert numbers[1][0] == "0.9842" and numbers[1][2] == "classification"
    points = list(csv.reader(io.StringIO(files["mnist_addition-embedding-map.csv"].decode())))
    assert points[0] == ["x", "y", "class", "prediction"] and len(points) == 61
    assert points[6][2:] == ["5", "cluster 2"]
    matrix = list(csv.reader(io.StringIO(files["mnist_addition-Confusion.csv"].decode())))
    assert matrix[0][:3] == ["true class", "0", "1"] and matrix[1][1] == "965"


def test_the_theme_is_changed_by_its_button(report: Path, open_page: Any) -> None:
    page = open_page(report)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert page.locator("#theme").inner_text() == "Light"


def test_links_lead_to_their_sections(report: Path, open_page: Any) -> None:
    page = open_page(report)
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1


def test_regions_are_the_ground_of_their_points(finished_run: Path, open_page: Any) -> None:
    path = finished_run / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    points = {"x": [-0.5, 0.5], "y": [0.5, -0.5], "labels": [0, 1], "predictions": [0, 1], "classes": ["left", "right"]}
    results["tables"] = {"regions": {"regions": points | {"cells": [[0, 1], [0, 1]]}}}
    path.write_text(json.dumps(results), encoding="utf-8")
    page = open_page(write_report(finished_run), 390)
    drawn = page.locator('[data-map="decision-regions"]')
    assert [rect.get_attribute("class") for rect in drawn.locator("rect").all()] == ["region c0", "region c1"] * 2
    # Each point lies in the cell of its class.
    left, right = (drawn.locator("circle.member").nth(index).bounding_box() for index in range(2))
    border = drawn.locator("rect").nth(1).bounding_box()["x"]
    assert left["x"] < border < right["x"] and left["y"] < right["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def only_first_epoch(folder: Path) -> Path:
    """The run as one of a single epoch, with a first step that is higher than all others."""
    path = folder / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(lines) if "epoch_terms" in line)
    path.write_text("\n".join(lines[: end + 1]) + "\n", encoding="utf-8")
    return folder


def test_a_single_epoch_is_a_visible_point_at_a_whole_number(finished_run: Path, open_page: Any) -> None:
    figure = open_page(write_report(only_first_epoch(finished_run))).locator('[data-chart="health-confidence"]')
    across = figure.locator('.tick[text-anchor="middle"], .tick[text-anchor="end"][y="170"]').all_text_contents()
    assert across == ["0", "1", "2"]
    dot, plot = figure.locator("circle.dot").bounding_box(), figure.locator("svg").bounding_box()
    assert dot["width"] == 8 and plot["x"] + 48 < dot["x"] and dot["x"] + 8 < plot["x"] + plot["width"]


@pytest.mark.parametrize("epochs", [1, 50])
def test_no_point_lies_beyond_the_last_tick(epochs: int, finished_run: Path, open_page: Any) -> None:
    page = open_page(write_report(only_first_epoch(finished_run) if epochs == 1 else finished_run))
    beyond = """figure => {
      const lines = [...figure.querySelectorAll("line.axis")].map(line => +line.getAttribute("y1"));
      const places = [...figure.querySelectorAll("path.curve")].flatMap(
        path => [...path.getAttribute("d").matchAll(/[ML][\\d.]+ ([\\d.]+)/g)].map(match => +match[1]));
      return places.filter(place => place < Math.min(...lines) - 0.1 || place > Math.max(...lines) + 0.1).length;
    }"""
    for name in ("prior", "nesy", "energy"):
        figure = page.locator("figure.chart", has=page.locator(f"h3:text-is('{name}')"))
        assert figure.evaluate(beyond) == 0, name


def test_two_numbers_are_side_by_side_on_a_phone(comparison: Path, open_page: Any) -> None:
    page = open_page(comparison, 390)
    row = page.locator("#numbers tbody tr").first
    assert not row.locator(".meaning").is_visible()
    assert all(cell.bounding_box()["x"] + cell.bounding_box()["width"] <= 390 for cell in row.locator("td").all())
    page.locator("#numbers summary").click()
    assert page.locator("#numbers .meanings dd").first.is_visible()
    assert not open_page(comparison).locator("#numbers .meanings").is_visible()


def test_failures_are_not_cut_off(finished_run: Path, unfinished_run: Path, tmp_path: Path, open_page: Any) -> None:
    path = finished_run / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    results["numbers"]["classification"] |= {f"another_long_name_{number}": 0.5 for number in range(6)}
    path.write_text(json.dumps(results), encoding="utf-8")
    page = open_page(write_comparison([finished_run, unfinished_run], tmp_path / "comparison.html"))
    region = page.locator("#runs .scroll")
    assert region.evaluate("region => region.scrollWidth <= region.clientWidth")
