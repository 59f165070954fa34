"""What the pipeline knows about a stage before it is imported. Managed by mlpo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True)
class Stage(Generic[R]):
    """A stage by its name: the function `<name>` in `stages/<name>.py`.

    It is imported when it has to run, and not when the cache has what it would return.
    """

    name: str
    result: type[R]  # the dataclass that it returns: references, and values that JSON can hold
    takes: Mapping[str, str] = field(default_factory=dict)  # input: "<stage>.<output>"
    cached: bool = True  # False: it always runs
    source: str | None = None  # "<module>:<function>": a digest of what its settings point at
    body: Callable[..., R] | None = None  # another function to run instead
    place: str | None = None  # its name in the run where that is another: a trial of a sweep

    @property
    def home(self) -> str:
        """What its record and the folder of its payloads are called."""
        return self.place or self.name

    @property
    def module(self) -> str:
        """The full name of its function's module."""
        if self.body is not None:
            return self.body.__module__
        return f"{__package__.rpartition('.')[0]}.stages.{self.name}"

    def load(self) -> Callable[..., R]:
        """Import the function."""
        if self.body is not None:
            return self.body
        function: Any = getattr(import_module(self.module), self.name)
        return function  # type: ignore[no-any-return]
