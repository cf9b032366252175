"""Paths in a config, and files that it names: found beside the config, kept as absolute paths, copied into the run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ..errors import UserError
from .locate import find_program


def _absolute(name: str) -> str:
    return str(Path(name).expanduser().resolve())


# Option type: a path from the working folder, kept in full, since a run is found and resumed from any other.
FullPath = Annotated[str, AfterValidator(_absolute)]


class SourceFile(str):
    """Option type: the absolute path of a file named relative to the config (or the working folder)."""

    @classmethod
    def locate(cls, name: str, folder: Path) -> Path:
        """The file of a name as written in a config of this folder."""
        path = Path(name) if Path(name).is_absolute() else folder / name
        if not path.is_file():
            raise UserError(f'file "{name}" does not exist (looked in {folder})')
        return path.resolve()

    def companions(self) -> list[SourceFile]:
        """Further files that are of no use without this one, nor it without them."""
        return []

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(cls._resolve, core_schema.str_schema())

    @classmethod
    def _resolve(cls, name: str, info: ValidationInfo) -> SourceFile:
        folder_of: Callable[[str | None], Path] = (info.context or {}).get("folder", lambda field: Path.cwd())
        try:
            return cls(cls.locate(name, folder_of(info.field_name)))
        except UserError as error:
            raise PydanticCustomError("file", "{message}", {"message": str(error)}) from None


class ProgramFile(SourceFile):
    """Option type: a ProbLog program, by path or bundled name."""

    @classmethod
    def locate(cls, name: str, folder: Path) -> Path:
        return find_program(name, beside=folder)

    def companions(self) -> list[SourceFile]:
        """The files that the program loads."""
        from ..logic.program import loaded_files  # ProbLog is slow to import

        files = loaded_files(Path(self))
        for file in files:
            if file.parent != Path(self).resolve().parent:
                raise UserError(
                    f"{self} loads {file} from another folder. A run keeps its files beside each other: put it beside the program"
                )
        return [SourceFile(file) for file in files]
