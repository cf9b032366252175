"""Plugins load one by one; a broken one is named and stops nobody else."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from gedi_nesy import Backbone, hookimpl, plugin_manager
from gedi_nesy.errors import PluginError
from gedi_nesy.plugin_manager import PluginManager, load_plugins
from gedi_nesy.registry import Registrar, Registry

GOOD = "from gedi_nesy import hookimpl\n@hookimpl\ndef register(registry):\n    registry.add_view('{name}', object)\n"


def load(tmp_path, text, name="plugin.py"):
    path = tmp_path / name
    path.write_text(text)
    manager = PluginManager()
    manager.load_file(path)
    return manager


def test_first_party_plugins_all_load_and_every_reference_imports():
    manager = load_plugins()
    assert [record.error for record in manager.records if "gedi-nesy" in record.origin] == [None] * 8
    for entry in manager.registry.entries():
        assert entry.load() is not None


def test_a_file_plugin_registers(tmp_path):
    manager = load(tmp_path, GOOD.format(name="mine"))
    assert manager.registry.find("view", "mine").provider == f"plugin, {tmp_path / 'plugin.py'}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise ValueError('no luck')", "ValueError: no luck"),
        ("import sys\nsys.exit(0)", "SystemExit: 0"),
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("x = 1", "it implements no hook. Mark `def register(registry)` with @gedi_nesy.hookimpl"),
        (
            "from gedi_nesy import hookimpl\n@hookimpl\ndef registr(registry): pass",
            'there is no hook "registr". Did you mean "register"?',
        ),
        (
            "from gedi_nesy import hookimpl\n@hookimpl\ndef step_finished(step, loss): pass",
            'hook "step_finished" has no argument "loss". It has: run, step, terms',
        ),
        (
            "from gedi_nesy import hookimpl\n@hookimpl\ndef step_finished(step=0): pass",
            'argument "step" of hook "step_finished" has a default',
        ),
    ],
)
def test_a_broken_file_plugin_says_why(tmp_path, text, message):
    with pytest.raises(PluginError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value) and "plugin.py cannot be loaded" in str(caught.value)


def test_a_missing_file_plugin_is_named(tmp_path):
    with pytest.raises(PluginError, match="does not exist"):
        PluginManager().load_file(tmp_path / "none.py")


def test_two_plugins_with_one_name_are_both_named_and_the_first_stays(tmp_path):
    manager = load(tmp_path, GOOD.format(name="same"), "one.py")
    (tmp_path / "two.py").write_text(GOOD.format(name="same"))
    with pytest.raises(PluginError, match=r'view "same" is registered twice: by one, .*one.py and by two, .*two.py'):
        manager.load_file(tmp_path / "two.py")
    assert "one.py" in manager.registry.find("view", "same").provider


def test_a_file_that_is_named_twice_is_said_so(tmp_path):
    manager = load(tmp_path, GOOD.format(name="mine"))
    with pytest.raises(PluginError, match=r"^plugin .*/plugin\.py is named twice: take it out once$"):
        manager.load_file(tmp_path / "plugin.py")
    assert manager.registry.find("view", "mine")


@pytest.mark.parametrize("target", [lambda images, generator: images, object, Backbone, "json:loads"])
def test_what_is_not_of_its_kind_is_refused(target):
    registry = Registry()
    Registrar(registry, "me").add_view("mine", target)
    with pytest.raises(
        PluginError, match=r'^view "mine" \(plugin me\) is <.*>: it must be a class derived from gedi_nesy\.View$'
    ):
        registry.find("view", "mine").load()


def test_a_broken_installed_plugin_does_not_stop_the_others(monkeypatch):
    points = [
        EntryPoint("broken", "gedi_nesy_no_such_module", "gedi_nesy"),
        EntryPoint("views", "gedi_nesy_plugins.views", "gedi_nesy"),
    ]
    monkeypatch.setattr(plugin_manager, "entry_points", lambda group: points)
    manager = load_plugins()
    assert manager.registry.find("view", "gaussian_noise")
    assert "broken" in manager.failures() and "ModuleNotFoundError" in manager.failures()


def test_an_unknown_name_lists_what_is_known_and_by_whom():
    with pytest.raises(PluginError) as caught:
        load_plugins().registry.find("method", "gedy")
    assert 'unknown method "gedy". Did you mean "gedi"? `gedi-nesy plugins` lists all ' in str(caught.value)


def test_a_watcher_is_called_from_when_it_is_added_and_checked_as_a_plugin_is():
    class Counting:
        calls = 0

        @hookimpl
        def run_failed(self, error):
            self.calls += 1

    class Misspelt:
        @hookimpl
        def run_fialed(self, error):
            pass

    manager, counting = PluginManager(), Counting()
    manager.hook.run_failed(run=None, error=None)
    manager.watch("counting", counting)
    manager.hook.run_failed(run=None, error=None)
    assert counting.calls == 1
    with pytest.raises(PluginError, match=r'there is no hook "run_fialed"\. Did you mean "run_failed"'):
        manager.watch("misspelt", Misspelt())
