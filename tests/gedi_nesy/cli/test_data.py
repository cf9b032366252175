"""`gedi-nesy data fetch` with small sets whose checksums are put in place of the published ones."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torchvision.datasets as published
from gedi_nesy_plugins.datasets import celeba

from gedi_nesy.data import fetching
from gedi_nesy.data.transfer import LocalFile


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def cifar10(tmp_path, monkeypatch):
    """A folder with the archive and one with its files; torchvision's class says their checksums."""
    unpacked = tmp_path / "unpacked/cifar-10-batches-py"
    unpacked.mkdir(parents=True)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for number, name in enumerate(names):
        batch = {"data": np.full((2, 3072), number, np.uint8), "labels": [number, 0]}
        (unpacked / name).write_bytes(pickle.dumps(batch))
    (unpacked / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    packed = tmp_path / "packed"
    packed.mkdir()
    with tarfile.open(packed / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(unpacked, "cifar-10-batches-py")
    lists = [[name, md5(unpacked / name)] for name in names]
    monkeypatch.setattr(published.CIFAR10, "train_list", lists[:5])
    monkeypatch.setattr(published.CIFAR10, "test_list", lists[5:])
    monkeypatch.setattr(published.CIFAR10, "meta", published.CIFAR10.meta | {"md5": md5(unpacked / "batches.meta")})
    monkeypatch.setattr(published.CIFAR10, "tgz_md5", md5(packed / "cifar-10-python.tar.gz"))
    return tmp_path


def is_complete(root):
    return len(list((root / "cifar-10-batches-py").iterdir())) == 7


@pytest.mark.parametrize(
    "origin", ["packed", "packed/cifar-10-python.tar.gz", "unpacked", "unpacked/cifar-10-batches-py"]
)
def test_archives_and_unpacked_files_are_laid_out_and_checked(cifar10, cli, origin):
    code, out, err = cli("data", "fetch", "cifar10", "--from", cifar10 / origin, "--root", cifar10 / "root")
    assert code == 0, err
    assert (
        "as published" in out
        and out.endswith(f"cifar10: here, in {cifar10 / 'root'}\n")
        and is_complete(cifar10 / "root")
    )
    code, out, _ = cli("data", "fetch", "cifar10", "--from", cifar10 / origin, "--root", cifar10 / "root")
    assert code == 0 and "already here" in out


def test_a_changed_file_in_its_place_is_replaced(cifar10, cli):
    root = cifar10 / "root"
    cli("data", "fetch", "cifar10", "--from", cifar10 / "packed", "--root", root)
    file = root / "cifar-10-batches-py/test_batch"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"!")
    code, out, err = cli("data", "fetch", "cifar10", "--from", cifar10 / "packed", "--root", root)
    assert code == 0 and "unpacked from" in out and file.read_bytes() == whole, err


def test_other_checksums_are_refused_with_both_and_taken_when_told(cifar10, cli):
    archive = cifar10 / "packed/cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as changed:
        changed.add(cifar10 / "unpacked/cifar-10-batches-py", "cifar-10-batches-py", filter=None)
        changed.add(__file__, "cifar-10-batches-py/readme")
    arguments = ["data", "fetch", "cifar10", "--from", cifar10 / "packed", "--root", cifar10 / "root"]
    code, _, err = cli(*arguments)
    assert code == 2 and f"{archive} has md5 {md5(archive)}, published is {published.CIFAR10.tgz_md5}" in err
    assert "--no-verify" in err and not (cifar10 / "root").exists()
    code, out, err = cli(*arguments, "--no-verify")
    assert code == 0 and "not checked" in out, err
    batch = cifar10 / "unpacked/cifar-10-batches-py/test_batch"
    batch.write_bytes(batch.read_bytes() + b"!")
    code, _, err = cli("data", "fetch", "cifar10", "--from", cifar10 / "unpacked", "--root", cifar10 / "other")
    assert code == 2 and f"{batch} has md5" in err and "data.verify=false" in err


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_a_download_is_unpacked_and_its_archive_removed(cifar10, cli, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=cifar10 / "packed"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/cifar-10-python.tar.gz"
    monkeypatch.setattr(published.CIFAR10, "url", url)
    code, out, err = cli("data", "fetch", "cifar10", "--root", cifar10 / "root")
    monkeypatch.setattr(published.CIFAR10, "url", url + "x")
    missing = cli("data", "fetch", "cifar10", "--root", cifar10 / "other")
    server.shutdown()
    thread.join()
    server.server_close()
    assert code == 0, err
    assert f"downloaded from {url}, md5" in out and is_complete(cifar10 / "root")
    assert [path.name for path in (cifar10 / "root").iterdir()] == ["cifar-10-batches-py"]
    assert (
        missing[0] == 2
        and "404" in missing[2]
        and "--from FOLDER" in missing[2]
        and published.CIFAR10.tgz_md5 in missing[2]
    )


def test_a_page_in_place_of_an_archive_is_not_kept(tmp_path, cli, monkeypatch):
    """notMNIST has no published checksums, so that only unpacking tells; the next attempt downloads again."""
    portal = tmp_path / "portal"
    portal.write_text("<html>Log in</html>")
    asked = []

    def answered(address):
        asked.append(address)
        return LocalFile(portal)

    monkeypatch.setattr(fetching, "Url", answered)
    for attempts in (1, 2):
        code, _, err = cli("data", "fetch", "notmnist", "--root", tmp_path / "root")
        assert code == 2 and "train-images-idx3-ubyte.gz is damaged: Not a gzipped file" in err
        assert len(asked) == 4 * attempts and not list((tmp_path / "root").rglob("*.*"))


def test_an_archive_that_lies_in_the_root_already_is_used(cifar10, cli):
    code, _, err = cli("data", "fetch", "cifar10", "--root", cifar10 / "packed")
    assert code == 0 and is_complete(cifar10 / "packed"), err
    assert (cifar10 / "packed/cifar-10-python.tar.gz").exists(), "what was not downloaded is not ours to remove"


def test_gzipped_idx_files_are_unpacked_and_a_test_split_alone_will_do(tmp_path, cli, write_idx):
    origin = tmp_path / "origin"
    for name, array in (("images-idx3", np.zeros((2, 28, 28))), ("labels-idx1", np.zeros(2))):
        write_idx(origin / f"t10k-{name}-ubyte", array)
    for path in list(origin.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    code, out, err = cli("data", "fetch", "kmnist", "--from", origin, "--root", tmp_path / "root", "--no-verify")
    assert code == 0, err
    assert "not in" in out and "train-images-idx3-ubyte.gz" in out and "kmnist: here, test split only" in out


def test_celeba_is_fetched_by_hand_and_its_images_unpacked(tmp_path, cli, monkeypatch):
    code, _, err = cli("data", "fetch", "celeba", "--root", tmp_path / "root")
    assert code == 2 and celeba.PAGE in err and "img_align_celeba.zip (md5 00d2c5bc6d35e252742224ab0c1e8fcb)" in err
    assert "list_eval_partition.txt" in err, "all that has to be got is named at once"
    with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "w") as archive:
        archive.writestr("img_align_celeba/000001.jpg", b"jpeg")
    for name in (celeba.ATTRIBUTES, celeba.PARTITION):
        (tmp_path / name).write_text("text")
    code, out, err = cli("data", "fetch", "celeba", "--from", tmp_path, "--root", tmp_path / "root", "--no-verify")
    assert code == 0, err
    assert (tmp_path / "root/celeba/img_align_celeba/000001.jpg").read_bytes() == b"jpeg" and "celeba: here" in out


def test_a_folder_without_any_of_it_says_what_was_looked_for(tmp_path, cli):
    code, _, err = cli("data", "fetch", "usps", "--from", tmp_path, "--root", tmp_path / "root")
    assert code == 2 and f"{tmp_path} has none of usps.bz2, usps.t.bz2" in err
    code, _, err = cli("data", "fetch", "usps", "--from", tmp_path / "nowhere")
    assert code == 2 and "nowhere does not exist" in err


def test_a_root_that_cannot_be_written_is_named(tmp_path, cli):
    (tmp_path / "usps.bz2").write_bytes(b"")
    (tmp_path / "root").write_text("a file")
    code, _, err = cli("data", "fetch", "usps", "--from", tmp_path, "--root", tmp_path / "root", "--no-verify")
    assert code == 2 and f"{tmp_path / 'root'}" in err and "cannot be read or written" in err


def test_sets_without_files_and_unknown_ones_are_explained(cli):
    code, _, err = cli("data", "fetch", "terrain")
    assert code == 2 and '"terrain" has no files to fetch' in err
    code, _, err = cli("data", "fetch", "cifar1")
    assert code == 2 and 'Did you mean "cifar10"' in err


def test_the_name_in_an_error_is_the_registered_one():
    from gedi_nesy.data.published import PublishedDataset
    from gedi_nesy.plugin_manager import load_plugins

    for entry in load_plugins().registry.entries("dataset"):
        if issubclass(kind := entry.load(), PublishedDataset):
            assert entry.name == kind.NAME
