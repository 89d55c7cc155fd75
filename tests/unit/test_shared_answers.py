"""Answers that several streams need are asked for once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.api.shared_answers import SharedAnswers
from tap_gainsight_px.errors import RetriableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.api.transport import Params

PATH = "/v1/feature"


class Counting:
    """Answers with the number of the request; fails while it is told to."""

    def __init__(self) -> None:
        """Start without a request."""
        self.requests: list[Params] = []
        self.fails = False

    def get(self, path: str, params: Params, decode: Callable[[bytes], Any], **how: Any) -> Any:
        """Answer one request."""
        assert set(how) == {"on_lost"}
        self.requests.append(params)
        if self.fails:
            raise RetriableError("no answer", path=path)
        return decode(b"%d" % len(self.requests))


def test_an_answer_is_asked_for_once_and_decoded_for_each() -> None:
    """The stream and its child streams each decode it in their own way."""
    api = Counting()
    get = SharedAnswers(api.get, {PATH})
    assert get(PATH, {"pageNumber": 0, "pageSize": 2}, int) == 1
    assert get(PATH, {"pageSize": 2, "pageNumber": 0}, bytes) == b"1"
    assert len(api.requests) == 1


def test_other_parameters_and_other_paths_are_asked_for_anew() -> None:
    """Only what would be a duplicate for PX is shared."""
    api = Counting()
    get = SharedAnswers(api.get, {PATH})
    found = [get(PATH, {"pageNumber": number}, int) for number in (0, 1)]
    found += [get("/v1/users", {}, int) for _ in range(2)]
    assert found == [1, 2, 3, 4]


def test_a_failure_is_not_kept() -> None:
    """Whoever needs it next tries again."""
    api = Counting()
    get = SharedAnswers(api.get, {PATH})
    api.fails = True
    with pytest.raises(RetriableError):
        get(PATH, {}, int)
    api.fails = False
    assert get(PATH, {}, int) == 2
