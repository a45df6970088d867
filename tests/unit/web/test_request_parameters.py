"""Request bodies as parameters: each name once, and a long body is read in one pass."""

from __future__ import annotations

import io

import pytest
from bottle import BaseRequest

from pycemaker.errors import InvalidParameter
from pycemaker.web.request_parameters import LONGEST_PARAMETERS_BYTES, parameters

FORM = "application/x-www-form-urlencoded"


def posted(content: str, content_type: str = FORM, query: str = "") -> BaseRequest:
    environ = {"wsgi.input": io.BytesIO(content.encode()), "CONTENT_TYPE": content_type, "QUERY_STRING": query}
    return BaseRequest({"REQUEST_METHOD": "POST", **environ})


@pytest.mark.parametrize(
    ("content", "query", "field"),
    [
        ("limit=1&hours=2&limit=3", "", "limit"),
        ('{"limit": 1, "hours": 2, "hours": 2}', "", "hours"),
        ('{"limit": 1}', "limit=2", "limit"),
        ("", "limit=1&limit=2", "limit"),
    ],
)
def test_a_name_that_is_given_twice_is_refused_by_name(content: str, query: str, field: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parameters(posted(content, query=query))
    assert caught.value.facts["field"] == field


@pytest.mark.parametrize(
    "content",
    [r'{"\ud800": 1}', r'{"\ud800": 1, "\ud800": 2}', r'{"word": "\udc00"}', r'{"attach": ["\ud800"]}'],
    ids=["a name", "a name twice", "a value", "in a list"],
)
def test_half_of_a_surrogate_pair_is_refused(content: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parameters(posted(content))
    assert caught.value.facts["field"] == "body"


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parameters(posted(r'{"word": "\ud83d\ude00"}')).values == {"word": "😀"}


class Name(str):
    """A name that counts how often names are hashed."""

    hashed = 0

    def __hash__(self) -> int:
        Name.hashed += 1
        return super().__hash__()


@pytest.mark.parametrize("kind", ["form", "json"])
def test_the_last_of_thousands_of_names_given_twice_costs_one_pass(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was looked for among all the names before each: 64 KB stalled every request for half a minute."""
    names = [f"{number:x}" for number in range(6_000)]
    content = "&".join(f"{name}=" for name in [*names, names[-1]])
    if kind == "json":
        content = "{" + ",".join(f'"{name}":1' for name in [*names, names[-1]]) + "}"
    assert len(content) < LONGEST_PARAMETERS_BYTES
    monkeypatch.setattr(Name, "hashed", 0)
    pairs = [(Name(name), 1) for name in [*names, names[-1]]]
    monkeypatch.setattr("pycemaker.web.request_parameters.parse_qsl", lambda *_args, **_more: pairs)
    monkeypatch.setattr(
        "pycemaker.web.request_parameters.json.loads",
        lambda *_args, object_pairs_hook, **_more: object_pairs_hook(pairs),
    )
    with pytest.raises(InvalidParameter):
        parameters(posted(content))
    assert Name.hashed < 10 * len(names)
