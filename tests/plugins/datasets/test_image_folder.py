"""A folder for each class: what is found, what is wrong, and a training on it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.datasets.image_folder import ImageFolder
from PIL import Image

from gedi_nesy import DataError
from gedi_nesy.data.image_files import open_image

RUN = """\
data: {{name: image_folder, root: {root}, folder: set, size: 8, prepared: kept}}
backbone: {{name: mlp, hidden: [8], features: 4}}
method: {{name: simclr}}
task: {{name: pretraining}}
weights: {{contrastive: 1}}
num_views: 2
views: [{{name: gaussian_noise, std: 0.1}}]
training: {{epochs: 2, batch_size: 4, learning_rate: 1e-3}}
evaluators: [linear_probe]
"""
RANDOM = np.random.default_rng(0)


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = RANDOM.integers(0, 20, (12, 16, 3))
    Image.fromarray((noise + value).astype(np.uint8)).save(path)


def options(root, **given):
    return ImageFolder.Options(root=str(root), **{"folder": "set", "size": 8} | given)


def read(root, **given):
    return ImageFolder(options(root, **given)).read()


@pytest.fixture
def two_classes(tmp_path):
    for split, count in (("train", 4), ("val", 2)):
        for name, value in (("cat", 30), ("dog", 200)):
            for number in range(count):
                write(tmp_path / f"set/{split}/{name}/{number}.JPEG", value)
    (tmp_path / "set/train/cat/notes.txt").write_text("no image")
    return tmp_path


def test_classes_are_folders_sorted_and_files_that_are_no_images_are_passed_over(two_classes):
    dataset = read(two_classes)
    assert dataset.classes == ("cat", "dog") and dataset.shape == (3, 8, 8)
    assert dataset.train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1] and dataset.test.labels.tolist() == [0, 0, 1, 1]
    assert (dataset.train.pixels.float().mean(dim=(1, 2, 3)) > 120).tolist() == [False] * 4 + [True] * 4
    assert read(two_classes, channels=1).shape == (1, 8, 8)


def test_what_is_hidden_is_neither_a_class_nor_an_image(two_classes):
    for hidden in ("train/.ipynb_checkpoints/1.png", "train/cat/.ipynb_checkpoints/1.png"):
        write(two_classes / "set" / hidden, 100)
    (two_classes / "set/train/dog/._1.JPEG").write_bytes(b"a Mac's notes on 1.JPEG")
    dataset = read(two_classes)
    assert dataset.classes == ("cat", "dog") and dataset.train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_links_are_followed_but_for_those_that_lead_back(two_classes, tmp_path):
    train = two_classes / "set/train"
    (train / "cat").rename(tmp_path / "cats")
    (train / "cat").symlink_to(tmp_path / "cats")
    (tmp_path / "cats/all").symlink_to(train)
    (train / "dog/itself").symlink_to(".")
    (train / "dog/cats").symlink_to(tmp_path / "cats")
    labels = read(two_classes).train.labels
    assert torch.bincount(labels).tolist() == [4, 8]


def test_torchvision_sees_the_same_files_and_classes(two_classes):
    from torchvision.datasets import ImageFolder as Theirs

    theirs, ours = Theirs(str(two_classes / "set/train")), read(two_classes)
    assert theirs.classes == list(ours.classes) and theirs.targets == ours.train.labels.tolist()


def test_classes_may_be_two_folders_deep_and_images_deeper(tmp_path):
    for split in ("train", "val"):
        for path in ("a/abbey/1.jpg", "a/alley/x/1.png", "b/bar/1.jpg"):
            write(tmp_path / "set" / split / path, 100)
    assert read(tmp_path, class_depth=2).classes == ("a/abbey", "a/alley", "b/bar")
    assert read(tmp_path).classes == ("a", "b")
    with pytest.raises(DataError, match=r"1\.jpg is in no folder of a class: those are 3 deep"):
        read(tmp_path, class_depth=3)


def test_images_without_classes_may_lie_as_they_like(tmp_path, cli, monkeypatch):
    for name in ("1.jpg", "2.jpg", "deep/er/3.png", "deep/4.png"):
        write(tmp_path / "set" / name, 100)
    dataset = read(tmp_path, class_depth=0, train=".", test=".")
    assert dataset.classes == () and dataset.train.labels.tolist() == dataset.test.labels.tolist() == [-1] * 4
    with pytest.raises(
        DataError, match=r"1\.jpg is in no folder of a class.* without classes are read with data.class_depth=0"
    ):
        read(tmp_path, train=".", test=".")
    monkeypatch.chdir(tmp_path)
    text = RUN.format(root=tmp_path).replace("linear_probe", "embedding_rank")
    (tmp_path / "run.yaml").write_text(text.replace("folder: set", "folder: set, class_depth: 0, train: ., test: ."))
    code, out, err = cli("train", "run.yaml", "training.epochs=1")
    assert code == 0 and "rank" in out, err
    swav = ("method=swav", "weights={swap: 1}")
    code, _, err = cli("config", "check", "run.yaml", *swav)
    assert code == 2 and 'method "swav" tells classes apart, and the data has none. Let the task say' in err
    assert err.endswith('wanted; options of task "pretraining": clusters\n')
    code, _, err = cli("config", "check", "run.yaml", *swav, "task.clusters=5")
    assert code == 0, err
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there are no images in "):
        read(tmp_path, folder="empty", class_depth=0, train=".", test=".")


def test_without_training_folder_the_training_split_is_empty(two_classes):
    (two_classes / "set/train").rename(two_classes / "elsewhere")
    dataset = read(two_classes)
    assert len(dataset.train) == 0 and len(dataset.test) == 4
    error = ImageFolder(options(two_classes)).no_training_images()
    assert str(two_classes / "set/train") in str(error)


def test_missing_and_single_class_folders_are_explained(tmp_path, two_classes):
    with pytest.raises(
        DataError, match=r"no .*nothing/val\. Looked in .* data.test say otherwise\. Images without classes"
    ):
        read(two_classes, folder="nothing")
    write(tmp_path / "one/val/cat/1.jpg", 3)
    with pytest.raises(DataError, match="has 1 folder with images, cat; each class has one"):
        read(tmp_path, folder="one")


def test_a_damaged_image_is_named(two_classes):
    (two_classes / "set/val/dog/1.JPEG").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"set/val/dog/1\.JPEG is no readable image"):
        read(two_classes)


def test_a_run_trains_on_it_and_evaluates(two_classes, cli, monkeypatch):
    monkeypatch.chdir(two_classes)
    (two_classes / "run.yaml").write_text(RUN.format(root=two_classes))
    code, out, err = cli("train", "run.yaml", "--run-id", "r")
    assert code == 0, err
    assert "linear_probe" in out and list((two_classes / "kept").glob("*.npy"))


def test_a_later_image_is_cropped_as_those_of_training_were(two_classes):
    dataset = read(two_classes, crop=0.7)
    later = dataset.fit(open_image(two_classes / "set/train/dog/0.JPEG"))
    assert torch.equal(later, dataset.train.pixels[4])
