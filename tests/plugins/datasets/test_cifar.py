"""CIFAR's pickles: read, checked against the published checksums, and never obeyed."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.datasets.cifar import Cifar10, Cifar100, read_plain_pickle

from gedi_nesy import DataError

PICKLES = [0, 2, 4, 5]


@pytest.fixture(params=PICKLES)
def cifar10(request, tmp_path):
    """A folder with four training and two test images; gives it with all pixels in the order of the files."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    random = np.random.default_rng(0)
    batches = {name: random.integers(0, 256, (2, 3072), dtype=np.uint8) for name in names()}
    for number, (name, data) in enumerate(batches.items()):
        labels = [number, number + 1]
        (folder / name).write_bytes(pickle.dumps({"data": data, "labels": labels}, protocol=request.param))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    return tmp_path, batches


def names():
    return [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def read(kind, root, **options):
    return kind(kind.Options(root=str(root), **options)).read()


def test_batches_of_any_pickle_protocol_are_read_in_order(cifar10):
    root, batches = cifar10
    dataset = read(Cifar10, root, verify=False)
    assert dataset.shape == (3, 32, 32) and dataset.classes == tuple("abcdefghij")
    expected = np.concatenate([batches[name] for name in names()[:5]]).reshape(-1, 3, 32, 32)
    assert np.array_equal(dataset.train.pixels.numpy(), expected)
    assert dataset.train.labels.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5] and dataset.test.labels.tolist() == [5, 6]


def test_torchvision_reads_the_same(cifar10):
    from torchvision.datasets import CIFAR10

    root, _ = cifar10
    unchecked = [[name, None] for name in names()]
    lists = {"train_list": unchecked[:5], "test_list": unchecked[5:], "meta": CIFAR10.meta | {"md5": None}}
    theirs = type("Unchecked", (CIFAR10,), lists)(str(root), train=False)
    ours = read(Cifar10, root, verify=False).test
    assert (
        np.array_equal(theirs.data.transpose(0, 3, 1, 2), ours.pixels.numpy())
        and theirs.targets == ours.labels.tolist()
    )


def test_other_checksums_are_refused_with_both_and_the_way_out(cifar10):
    root, _ = cifar10
    with pytest.raises(DataError) as caught:
        read(Cifar10, root)
    text = str(caught.value)
    assert (
        str(root / "cifar-10-batches-py/test_batch") in text and "published is 40351d587109b95175f43aff81a1287e" in text
    )
    assert "data_batch_5 has md5" in text and "data.verify=false" in text and "data fetch cifar10" in text


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("content", [Evil(), [Evil()], {"labels": [print]}])
def test_a_pickle_that_asks_to_run_something_is_refused_and_not_obeyed(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "batch"
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(pickle.UnpicklingError, match="asks to run"):
        read_plain_pickle(file)
    assert not (tmp_path / "evil").exists()


class Calls:
    """Pickled as a call, and a state to be set of what it gives."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def reconstructed(dtype, raw, protocol):
    """An array as numpy writes it, with a dtype and contents of our choice."""
    if protocol == 5:
        return Calls(np.empty(0).__reduce_ex__(5)[0], (raw, dtype, (1,), "C"))
    return Calls(*np.empty(0).__reduce__()[:2], (1, (1,), dtype, False, raw))


# Eight bytes that are said to be a Python object; `V8` may become that by the state of its dtype alone.
ADDRESS = b"A" * 8
OBJECT_STATE = (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
DTYPES = {
    "V8": Calls(np.dtype, ("V8", False, True), OBJECT_STATE),
    "O8": np.dtype(object),
    "i8": np.dtype("<i8"),
}


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("code", DTYPES)
def test_an_array_of_anything_but_bytes_is_refused(code, protocol, tmp_path):
    (tmp_path / "batch").write_bytes(pickle.dumps(reconstructed(DTYPES[code], ADDRESS, protocol), protocol))
    with pytest.raises(pickle.UnpicklingError, match=f"an array of '{code}'"):
        read_plain_pickle(tmp_path / "batch")


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_dtype_does_not_become_another_one_by_its_state(protocol, tmp_path):
    dtype = Calls(np.dtype, ("u1", False, True), (3, "|", None, ("a",), {"a": (1, 0)}, 8, 1, 0))
    (tmp_path / "batch").write_bytes(pickle.dumps(reconstructed(dtype, b"A", protocol), protocol))
    found = np.asarray(read_plain_pickle(tmp_path / "batch"))
    assert found.dtype == np.uint8 and found.tolist() == [65]


@pytest.mark.parametrize("target", [b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"c_codecs\nencode\n"])
def test_the_state_of_a_function_or_class_cannot_be_set(target, tmp_path):
    (tmp_path / "batch").write_bytes(target + b"(N(dtb.")  # of no attributes, and none to be set
    with pytest.raises(TypeError):
        read_plain_pickle(tmp_path / "batch")


def test_an_array_without_a_known_dtype_and_an_odd_encoding_are_refused(tmp_path):
    (tmp_path / "batch").write_bytes(pickle.dumps(reconstructed(None, b"A", 2), 2))
    with pytest.raises(pickle.UnpicklingError, match="an array of None"):
        read_plain_pickle(tmp_path / "batch")
    (tmp_path / "batch").write_bytes(b"c_codecs\nencode\n(Va\nVunicode_escape\ntR.")
    with pytest.raises(pickle.UnpicklingError, match="a text in 'unicode_escape'"):
        read_plain_pickle(tmp_path / "batch")


def test_an_array_that_python_2_wrote_column_by_column_is_read(tmp_path):
    """Its bytes are a text of the file, not encoded; written out, for no Python 3 writes it."""
    (tmp_path / "batch").write_bytes(
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
        b"(I1\n(I2\nI2\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI01\nS'\\x01\\xff\\x03\\x04'\ntb."
    )
    assert np.asarray(read_plain_pickle(tmp_path / "batch")).tolist() == [[1, 3], [255, 4]]


@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage", pickle.dumps([1, 2]), pickle.dumps({"labels": [1]})])
def test_a_damaged_batch_is_a_data_error_that_names_it(content, cifar10):
    root, _ = cifar10
    (root / "cifar-10-batches-py/test_batch").write_bytes(content)
    with pytest.raises(DataError, match=r"test_batch.* cannot be read"):
        read(Cifar10, root, verify=False)


def test_cifar100_has_fine_labels_and_may_have_a_test_split_only(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    batch = {"data": np.zeros((3, 3072), np.uint8), "fine_labels": [0, 99, 5], "coarse_labels": [0, 19, 1]}
    (folder / "test").write_bytes(pickle.dumps(batch))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(number) for number in range(100)]}))
    dataset = read(Cifar100, tmp_path, verify=False)
    assert len(dataset.train) == 0 and dataset.test.labels.tolist() == [0, 99, 5] and len(dataset.classes) == 100
    assert dataset.test.pixels.dtype == torch.uint8
