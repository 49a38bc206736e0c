"""What a database and a broker have in common: a server that is ours, or somebody else's."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Self

from launch.engines.tiers import EngineInfo
from launch.processes import Identity


class Engine(abc.ABC):
    """A server CityOps needs."""

    info: EngineInfo

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Its address, with user and password where it has them."""

    @property
    def identity(self) -> Identity | None:
        """The server's process, ``None`` where it is not ours."""
        return None

    @property
    def is_alive(self) -> bool:
        """Whether it runs; one that is not ours is taken to."""
        return True

    @abc.abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers (``EngineError`` where it does not)."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop it in order; one that is not ours is left alone."""

    def describe(self) -> EngineInfo:
        """What runs, with its version."""
        return self.info

    def because(self, refusals: Sequence[str]) -> Self:
        """The same engine, its reason extended by why the better ones were not taken."""
        self.info = self.info.because(refusals)
        return self
