"""Bring the files of a published data set to where its reader looks: from the web, or from a folder that has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import DataError
from .checksums import md5_of
from .published import Download, PublishedDataset
from .table import joined
from .transfer import LocalFile, Progress, Url, transfer
from .unpacking import unpack

Say = Callable[[str], None]


class Fetcher:
    """Fetches one data set.

    Args:
        reader: knows the files, their checksums, and whether these shall be checked (`verify`).
        origin: folder (or single file) that has the archives or the unpacked files; None downloads.
        say: is told what was done, a line for each file.
        progress: is told how far a file is.
    """

    def __init__(self, reader: PublishedDataset, origin: Path | None, say: Say, progress: Progress) -> None:
        self.reader, self.origin, self.say, self.progress = reader, origin, say, progress
        self.md5 = {file.path: file.md5 for file in reader.files()} if reader.options.verify else {}

    def fetch(self) -> None:
        """All files that are not here.

        Raises:
            DataError: something cannot be had, is damaged, or has another checksum than the published one.
        """
        if not (downloads := self.reader.downloads()):
            raise DataError(f"{self.reader.ABOUT}: its files cannot be fetched. {self.reader.status()}")
        if self.origin is not None and not self.origin.exists():
            raise DataError(f"--from {self.origin} does not exist")
        found, faults = 0, list[DataError]()
        for download in downloads:
            try:
                found += self._fetch(download)
            except DataError as error:
                faults.append(error)
            except OSError as error:
                raise DataError(
                    f"{error.filename or self.reader.root} cannot be read or written: {error.strerror or error}. Mend that and run "
                    "the command again, it goes on from there"
                ) from error
        if faults:
            raise joined(faults)
        if not found:
            wanted = dict.fromkeys(name for download in downloads for name in (download.name, *download.gives))
            raise DataError(f"{self.origin} has none of {', '.join(wanted)}")

    def _fetch(self, download: Download) -> bool:
        """Whether what a download gives is here now."""
        if self._is_here(download):
            self.say(f"{download.name}: already here, {', '.join(download.gives)}")
        elif archive := self._archive(download):
            self._take(archive, download)
        elif self.origin is not None:
            return self._copy_unpacked(download)
        else:
            self._download(download)
        return True

    def _is_here(self, download: Download) -> bool:
        paths = [self.reader.root / name for name in download.gives]
        # A folder may be incomplete; to unpack its archive again passes over what is there.
        if any(path.is_dir() and any(path.iterdir()) for path in paths):
            return self._archive(download) is None
        return all(path.is_file() for path in paths) and not any(self._has_changed(name) for name in download.gives)

    def _has_changed(self, name: str) -> bool:
        return bool(self.md5.get(name)) and md5_of(self.reader.root / name) != self.md5[name]

    def _archive(self, download: Download) -> Path | None:
        """The file as it is published, in the folder named or where the set belongs."""
        own = self.reader.root / download.folder
        places = [self.origin, self.origin / download.folder] if self.origin is not None else [own, self.reader.root]
        if self.origin is not None and self.origin.name == download.name:
            places.append(self.origin.parent)
        found = (place / download.name for place in places)
        return next((path for path in found if path.is_file() and path != self._target(download)), None)

    def _target(self, download: Download) -> Path | None:
        """Where a file goes that is used as it is published."""
        return None if download.unpack else self.reader.root / download.folder / download.name

    def _take(self, archive: Path, download: Download) -> None:
        """Unpack or copy a file that is on this machine."""
        wanted = download.md5 if self.reader.options.verify else None
        if wanted and (found := md5_of(archive)) != wanted:
            raise DataError(
                f"{archive} has md5 {found}, published is {wanted}: it is damaged or another edition. Get it again, or take it as it "
                "is with --no-verify"
            )
        if target := self._target(download):
            transfer(LocalFile(archive), target, md5_of(archive), self.progress)
            self.say(f"{download.name}: copied from {archive}{self._checked(download)}")
            return
        for name in filter(self._exists, download.gives):
            if self._has_changed(name):
                (self.reader.root / name).unlink()
        count = unpack(archive, self.reader.root / download.folder)
        self.say(f"{download.name}: {count} files unpacked from {archive}{self._checked(download)}")

    def _exists(self, name: str) -> bool:
        return (self.reader.root / name).is_file()

    def _checked(self, download: Download) -> str:
        if not self.reader.options.verify:
            return ", not checked"
        return f", md5 {download.md5} as published" if download.md5 else ", no checksum is published"

    def _copy_unpacked(self, download: Download) -> bool:
        """Copy what is unpacked already; whether anything of it was found."""
        found = {name: path for name in download.gives if (path := self._unpacked(name)) is not None}
        for name, path in found.items():
            files = list(_files(path, self.reader.root / name))
            for file, target in files:
                self._copy(file, target, self.md5.get(name))
            check = f"md5 {self.md5[name]} as published" if self.md5.get(name) else "no checksum is published"
            check = check if self.reader.options.verify else "not checked"
            number = f"{len(files)} files " if path.is_dir() else ""
            self.say(f"{name}: {number}copied from {path}, {check}")
        if lacking := [name for name in download.gives if name not in found]:
            self.say(f"not in {self.origin}: {download.name}, nor {', '.join(lacking)}")
        return bool(found)

    def _copy(self, file: Path, target: Path, published: str | None) -> None:
        found = md5_of(file)
        if published and found != published:
            raise DataError(
                f"{file} has md5 {found}, published is {published}: it is damaged or another edition. Get it again, or take it as it "
                "is with --no-verify, and read it with data.verify=false"
            )
        if not (target.is_file() and md5_of(target) == found):
            transfer(LocalFile(file), target, found, self.progress)

    def _unpacked(self, name: str) -> Path | None:
        """A file or folder of the unpacked set in the folder named: at its own path, or directly there."""
        assert self.origin is not None
        path = Path(name)
        candidates = [self.origin / path, self.origin / path.name]
        if self.origin.name == path.name:
            candidates.append(self.origin)
        return next((candidate for candidate in candidates if candidate.exists()), None)

    def _download(self, download: Download) -> None:
        """From the first address that has it."""
        root, faults = self.reader.root, []
        archive = root / download.folder / download.name
        wanted = download.md5 if self.reader.options.verify else None
        for url in download.urls:
            try:
                transfer(Url(url), archive, wanted, self.progress)
                break
            except DataError as error:
                faults.append(error.message)
        else:
            raise DataError("\n".join([*faults, self._by_hand(download)]))
        self.say(f"{download.name}: downloaded from {url}{self._checked(download)}")
        if download.unpack:
            try:
                self._take(archive, download)
            except DataError:  # else the next attempt would take what lies there for an archive, and not download
                archive.unlink()
                raise
            archive.unlink()

    def _by_hand(self, download: Download) -> str:
        page = f" from {download.page}" if download.page else ""
        md5 = f" (md5 {download.md5})" if download.md5 else ""
        return (
            f"Get {download.name}{md5} by hand{page}, then: gedi-nesy data fetch {self.reader.NAME} --from FOLDER --root "
            f"{self.reader.root}"
        )


def _files(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """A file, or every file below a folder, with its new place."""
    if source.is_file():
        yield source, target
        return
    for file in sorted(source.rglob("*")):
        if file.is_file():
            yield file, target / file.relative_to(source)
