"""A ProbLog engine that loads nothing but pure libraries, whichever way a program asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from problog import library_paths
from problog.clausedb import ClauseDB
from problog.engine import DefaultEngine
from problog.logic import Term

from gedi_nesy.errors import Position, ProgramError
from gedi_nesy.logic.program import PURE_LIBRARIES

LIBRARY_FOLDERS = {Path(folder).resolve() for folder in library_paths}
BUILTIN_LIBRARY = "builtin"  # ProbLog loads it into every database
MAX_STACK = 2**16  # goals under way at once: about 20,000 calls deep, 6 s and 200 MB


class GuardedDatabase(ClauseDB):  # type: ignore[misc]
    """ProbLog's clause database; every file that a program loads passes through `resolve_filename`."""

    def __init__(self, allow_python: bool = False, **options: Any) -> None:
        self.allow_python = allow_python
        super().__init__(**options)

    def resolve_filename(self, filename: Any) -> Any:
        """The path of a library; ProgramError for any other file unless Python is allowed."""
        resolved = super().resolve_filename(filename)
        path = Path(str(resolved).strip("'")).resolve()
        is_pure = path.parent in LIBRARY_FOLDERS and path.stem in PURE_LIBRARIES | {BUILTIN_LIBRARY}
        if not is_pure and not self.allow_python:
            raise ProgramError(
                f"the program loads {filename}, which may run Python. If you trust the file, set allow_python: true.",
                Position(self.source_files[0] or "<program>"),
            )
        return resolved

    def is_defined(self, signature: str) -> bool:
        """Whether a predicate such as "digit/2" has clauses here, in a loaded library or in ProbLog itself."""
        if self.get_builtin(signature) is not None:
            return True
        functor, _, arity = signature.rpartition("/")
        index = self.find(Term(functor, *[None] * int(arity)))
        return index is not None and self.get_node(index) != ()  # a predicate that is only called has an empty node


class GuardedEngine(DefaultEngine):  # type: ignore[misc]
    """ProbLog's grounder over a `GuardedDatabase`."""

    def __init__(self, allow_python: bool = False) -> None:
        self.allow_python = allow_python
        super().__init__()

    def grow_stack(self) -> None:
        """Room for twice as many goals; ProgramError if a recursion seems to have no end."""
        if self.stack_size >= MAX_STACK:
            raise self._endless_recursion()
        super().grow_stack()

    def prepare(self, db: Any) -> Any:
        """The program as a database whose directives have run; a database is returned as it is."""
        if isinstance(db, GuardedDatabase):
            return db
        database = GuardedDatabase.createFrom(db, builtins=self.get_builtins(), allow_python=self.allow_python)
        database.engine = self
        self._process_directives(database)
        return database

    def _endless_recursion(self) -> ProgramError:
        called = next(record for record in reversed(self.stack) if type(record).__name__ == "EvalDefine")
        file = called.database.source_files[0] or "<program>"
        return ProgramError(
            f"{called.node.functor}/{called.node.arity} recurses deeper than {self.stack_size:,} goals while grounding;"
            " does the recursion lack its end?",
            Position(file),
        )
