"""Names that every loader takes: of the streams and columns that are made from what users typed.

PX takes any text as the name of an attribute or of a custom event; a database does not. What is
refused or folded away, seen in the code of the loaders and by trying them:

- Postgres cuts names at 63 bytes, and target-postgres refuses longer ones. It refuses the empty
  name and those of its system columns (`xmin`), cannot add a column with `%` in its name, nor fill
  one with `"` by COPY;
- target-snowflake has its columns in one case, and its tables as the SDK folds them. It cannot fill
  a column with `%` in its name, or with a colon that looks like a parameter of SQL (`plan :tier`);
- the SDK itself, and so most SQL loaders, lowers names, drops all but ASCII letters, digits, `_`,
  `-`, `.` and blanks, makes `_` of the latter three and a letter of a leading digit, and ends the
  run where two names become one or none is left;
- columns whose name begins with `_sdc_` are the loader's own.

So two names are one if the SDK or a change of case makes them so, and whatever had to be changed,
but for a suffix that makes it another word, ends in a digest of the name that it stands for.
Letters of all scripts stay: Postgres and Snowflake take them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST = 63
"""Most bytes of a name in Postgres."""

MOST_COLUMNS = 400
"""Most columns made of attributes in one table. Postgres has room for 1,600, but a row has to fit
into 8,160 bytes, of which a long value takes 18."""

LOADERS_OWN = "_sdc_"
"""How the names begin that loaders give to columns of their own."""
# Columns that every table of Postgres has already.
_SYSTEM_COLUMNS = {"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"}
_REFUSED = re.compile(r'[%"\x00-\x1f\x7f\ud800-\udfff]|(?<![:\w\\]):(?=\w)')
_DROPPED = re.compile(r"[^a-z0-9_\-.\s]")
_LETTERS_OF_DIGITS = "abcdefghij"
_DIGEST_BYTES = 4
_STAND_IN = "attribute"


def folded(name: str) -> frozenset[str]:
    """Return what loaders may make of a name, in whole or in part: never the empty text."""
    kept = re.sub(r"[-. ]", "_", _DROPPED.sub("", name.lower()).strip())
    if kept[:1].isdigit():
        kept = _LETTERS_OF_DIGITS[int(kept[0])] + kept[1:]
    return frozenset({name.casefold(), kept} - {""})


def is_taken_by_loaders(name: str) -> bool:
    """Whether the name begins like the columns that loaders add."""
    return any(one.startswith(LOADERS_OWN) for one in folded(name))


def is_storable(name: str) -> bool:
    """Whether a database can have a table or a column of this very name, and a loader fill it."""
    length = len(name.encode("utf-8", "surrogatepass"))
    return 0 < length <= LONGEST and not _REFUSED.search(name)


def is_loadable(name: str) -> bool:
    """Whether every loader that the tap is made for can have a column of this very name."""
    has_letter = any(letter.isalnum() for letter in name)
    return (
        (has_letter or name.replace("_", "") == "" != name)
        and is_storable(name)
        and not is_taken_by_loaders(name)
        and name.casefold() not in _SYSTEM_COLUMNS
    )


def with_digest(name: str, of: str) -> str:
    """Return a name that every loader takes: as much of `name` as fits, and a digest.

    Args:
        name: What the name is to look like.
        of: What it stands for; another one has another digest.
    """
    digest = hashlib.blake2b(of.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES)
    suffix = f"_{digest.hexdigest()}"
    room = LONGEST - len(suffix)
    readable = _REFUSED.sub("_", name).encode()[:room].decode("utf-8", "ignore")
    # A colon at the end of it has become one before a letter.
    return _REFUSED.sub("_", readable + suffix)


def choose_names(
    wanted: Mapping[str, str], *, kept: Mapping[str, str], taken: Iterable[str]
) -> dict[str, str]:
    """Give each thing a name of its own, whatever loaders make of names.

    Args:
        wanted: What each thing is to be called, by what it is; those that come first are asked
            first, so sort what must not depend on its order.
        kept: The names that some of them had in earlier runs, and keep.
        taken: Names of other things in the same place.

    Returns:
        The name of each thing, those of `kept` among them.
    """
    used = {one for name in (*taken, *kept.values()) for one in folded(name)}
    names = dict(kept)
    for thing, name in wanted.items():
        if thing in names:
            continue
        if is_taken_by_loaders(name):
            name = f"{_STAND_IN}{name}"  # noqa: PLW2901
        chosen = name
        if not is_loadable(name) or folded(name) & used:
            chosen = with_digest(name or _STAND_IN, thing)
            while folded(chosen) & used:  # two digests of four bytes may be one
                chosen = with_digest(name or _STAND_IN, thing + chosen)
        names[thing] = chosen
        used |= folded(chosen)
    return names
