"""What a check holds in its hands: the submitted module, its functions, and its objects, all of another process."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from grader.remote.raised import missing

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Asker(Protocol):
    """What can be asked of the process that holds the submission."""

    name: str

    def request(
        self, kind: str, names: tuple[Any, ...], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] = NOTHING
    ) -> Any: ...
    def number(self, value: RemoteObject) -> int: ...
    def names(self, wanted: str = "") -> dict[str, bool]: ...
    def failures(self) -> list[Any]: ...
    @property
    def replaced(self) -> Mapping[str, Any]: ...


class RemoteModule:
    """The module that was submitted."""

    def __init__(self, session: Asker) -> None:
        self.__dict__.update(_session=session, _functions={})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        kinds = self._session.names(name)
        if kinds.get(name) or name in self._session.replaced:
            return self._functions.setdefault(name, RemoteFunction(self._session, name))
        if name in kinds:
            return self._session.request("get", (0, name))
        raise missing(self._session.name, name, list(kinds), self._session.failures())

    def __repr__(self) -> str:
        return f"<module {self._session.name!r} of the submission>"


class RemoteFunction:
    """A function or class of the submitted module, called by its name."""

    def __init__(self, session: Asker, name: str) -> None:
        self._session, self.__name__ = session, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.request("call", (0, self.__name__), args, kwargs)

    def _object(self) -> RemoteObject:
        """The function or class itself, as it is passed to another function."""
        handle = self._session.request("get", (0, self.__name__))
        assert isinstance(handle, RemoteObject)
        return handle

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._object(), name)

    def __instancecheck__(self, value: Any) -> bool:
        if not isinstance(value, RemoteObject):
            return False
        return self._session.request("operator", ("isinstance",), (value, self._object())) is True

    def __repr__(self) -> str:
        return f"<{self.__name__} of the submission>"


class RemoteObject:
    """An object of the submission. Equality is identity: what a submission says of `==` decides nothing.

    Args:
        process: in which it lives; it is lost with it.
        handle: what that process calls it.
        drop: told the handle when no check holds the object any more.
    """

    __array_ufunc__ = None  # ndarray * handle reaches the submission's own operator

    def __init__(self, session: Asker, process: Any, handle: int, type_name: str, drop: Callable[[int], None]) -> None:
        self.__dict__.update(_session=session, _process=process, _handle=handle, _type_name=type_name)
        weakref.finalize(self, drop, handle).atexit = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._session.request("get", (self._session.number(self), name))

    def __setattr__(self, name: str, value: Any) -> None:
        self._session.request("set", (self._session.number(self), name), (value,))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._session.request("call", (self._session.number(self), None), args, kwargs)

    def __iter__(self) -> Iterator[Any]:
        iterator = self._session.request("operator", ("iter",), (self,))
        while True:
            try:
                yield self._session.request("operator", ("next",), (iterator,))
            except StopIteration:
                return

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"an object of type {self._type_name} is no array")

    def __repr__(self) -> str:
        return f"<{self._type_name} of the submission>"


def _forward(name: str, operator: str, reflected: bool = False) -> None:
    def method(self: RemoteObject, *args: Any) -> Any:
        operands = (*args, self) if reflected else (self, *args)
        return self._session.request("operator", (operator,), operands)

    method.__name__ = name
    setattr(RemoteObject, name, method)


for _name in "add sub mul truediv floordiv mod pow matmul lshift rshift xor and_ or_".split():
    _bare = _name.rstrip("_")
    _forward(f"__{_bare}__", _name)
    _forward(f"__r{_bare}__", _name, reflected=True)
    _forward(f"__i{_bare}__", f"i{_bare}")
for _name in "neg pos abs invert getitem setitem delitem contains lt le gt ge len float int next".split():
    _forward(f"__{_name}__", _name)
_forward("__bool__", "truth")
