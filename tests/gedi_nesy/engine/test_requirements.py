"""What methods and tasks need of each other is said before anything is trained."""

from __future__ import annotations

import pytest

from gedi_nesy import ConfigError, Method
from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.testing import check_method

SUPERVISED_CONTRASTIVE = '''
import torch
from torch.nn import functional

from gedi_nesy import Method, MethodOutput, hookimpl
from gedi_nesy.models.precision import widened


class SupervisedContrastive(Method):
    """Images of a class attract each other."""

    TERMS = {"attraction": "minus the mean similarity of images of one class"}
    NEEDS_LABELS = True

    def __init__(self, options, context):
        super().__init__(options, context)

    def losses(self, batch, active):
        embeddings = functional.normalize(self.backbone(batch.images[0]), dim=1)
        alike = (batch.labels[:, None] == batch.labels) & (batch.labels >= 0)
        return MethodOutput({"attraction": -widened(embeddings @ embeddings.T)[alike].mean()}, embeddings=embeddings)

    def embed(self, images):
        return self.backbone(images)


@hookimpl
def register(registry):
    registry.add_method("supcon", SupervisedContrastive)
'''
OVERRIDES = ("method={name: supcon}", "weights={attraction: 1}", "evaluators=[]")


@pytest.fixture
def supcon(tiny_config):
    (tiny_config.parent / "supcon.py").write_text(SUPERVISED_CONTRASTIVE)
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", "plugins: [supcon.py, "))
    return tiny_config


def fault(config, *overrides):
    plugins = load_plugins()
    with pytest.raises(ConfigError) as caught:
        build_run(validate(load_tree(str(config), overrides), plugins), plugins, RunFolder(config.parent))
    return str(caught.value)


@pytest.mark.parametrize("task", ["task={name: pretraining}", "task.examples=40"])
def test_a_method_that_needs_labels_is_refused_with_a_task_that_tells_none(supcon, task):
    name = "pretraining" if "pretraining" in task else "constraint"
    assert fault(supcon, *OVERRIDES, task) == (
        f'method "supcon" needs labels, and task "{name}" tells none. Choose a task that tells them: classification.'
    )


def test_it_trains_with_one_that_does(supcon, cli):
    code, _, err = cli("train", supcon, *OVERRIDES, "task={name: classification}", "training.epochs=1")
    assert code == 0, err


def test_a_method_that_needs_labels_is_checked_with_some(supcon):
    plugins = load_plugins()
    plugins.load_file(supcon.parent / "supcon.py", None)
    kind: type[Method] = plugins.registry.find("method", "supcon").load()
    check_method(kind)
    kind.NEEDS_LABELS = False
    with pytest.raises(TypeError):
        check_method(kind)


@pytest.mark.parametrize(
    ("term", "task"), [("nesy", "task.examples=40"), ("supervised", "task={name: classification}")]
)
def test_a_term_of_the_task_is_refused_with_a_method_that_it_cannot_be_made_of(tiny_config, cli, term, task):
    overrides = ("method={name: simclr}", "num_views=2", task, "evaluators=[classification]")
    code, _, err = cli("config", "check", tiny_config, *overrides, f"weights={{contrastive: 1, {term}: 1}}")
    first, second = err.splitlines()
    assert code == 2 and first.endswith(
        f'the term {term} needs class_log_probs, and method "simclr" offers embed. Weigh {term} 0, or choose a method '
        "that offers class_log_probs: gedi, classifier, cplearn, deepcluster, dino, swav."
    )
    assert 'evaluator "classification" needs class_log_probs' in second
    code, _, err = cli(
        "config", "check", tiny_config, *overrides[:-1], "evaluators=[]", f"weights={{contrastive: 1, {term}: 0}}"
    )
    assert code == 0, err
