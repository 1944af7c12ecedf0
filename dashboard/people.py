"""Who may do what behind a login: a file that binds accounts to roles and to the keys that sign for them.

    others: refuse                               # whoever is not listed; `read` lets every account of the provider read
    hours: 12                                    # after which one has to log in anew
    people:
      - {email: minji@example.org, role: approver, key: keys/Kim Minji}
      - {subject: "248289761001", role: reviewer, key: keys/Park Jiwon}
      - {email: lee@example.org, role: reader}

    reader      sees everything, says nothing
    reviewer    speaks of items, findings and audits, asks for a review and for changes
    approver    also approves, rejects and waives

Whoever speaks has a key of their own, and speaks under the name that the folder of known keys has for it: the provider
says who somebody is, this file what they may do, the keyring what they are called. An e-mail address counts only where
the provider says that it verified it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from audit.errors import PlanError, UsageError
from audit.review import Decision, Statement, Status, person_of
from audit.signing import KEYS, SigningKey, known_keys, signing_key
from audit.strict_yaml import StrictModel, mistakes, read_text, read_yaml
from detectors.immutable import immutable

__all__ = ["REFUSALS", "ROLES", "People", "Person", "Refusal", "Role", "read_people"]

Role = Literal["reader", "reviewer", "approver"]
ROLES: tuple[Role, ...] = get_args(Role)
"""What people may be, each with the rights of those before."""
Refusal = Literal["anonymous", "expired", "unverified", "unknown", "unreadable"]
REFUSALS: tuple[Refusal, ...] = get_args(Refusal)
"""Why somebody is not let in: not logged in, or too long ago, by an address that nobody verified, not listed; or the
file of people cannot be read."""
_MOST_NAME = 120


@immutable
class Person:
    """Who looks, and speaks if their role lets them."""

    name: str
    role: Role
    key: SigningKey | None = None
    """With which what they say is signed."""
    bound: bool = True
    """Whether a key or a login binds the name; else it is what its owner says it is."""

    @property
    def id(self) -> str:
        """As whom their words are kept: their key, else their name."""
        return person_of(self.name, None if self.key is None else self.key.public.fingerprint)

    @property
    def speaks(self) -> bool:
        """Whether they may say anything."""
        return self.role != "reader"

    @property
    def approves(self) -> bool:
        """Whether they may also approve, reject and waive."""
        return self.role == "approver"

    def may(self, says: Statement) -> bool:
        """Tell whether their role lets them say this."""
        closes = isinstance(says, Decision) and says.decision in ("approved", "rejected")
        waives = isinstance(says, Status) and says.status == "waived"
        return self.approves if closes or waives else self.speaks


class _Listed(StrictModel):
    email: str | None = Field(default=None, pattern=r"^[^\s@]+@[^\s@]+$")
    """Address of the account; counts where the provider verified it."""
    subject: str | None = Field(default=None, min_length=1, max_length=255)
    """The provider's own id of the account, its claim `sub`."""
    role: Role
    key: str | None = None
    """File with the private key that signs for them, from this file's folder."""

    @model_validator(mode="after")
    def _whole(self) -> _Listed:
        if (self.email is None) == (self.subject is None):
            raise ValueError("an account is named by its email or its subject, one of them")
        if (self.key is None) != (self.role == "reader"):
            raise ValueError("a reviewer and an approver need a key, a reader needs none")
        return self

    @property
    def account(self) -> tuple[str, str]:
        return ("email", self.email.casefold()) if self.email is not None else ("sub", str(self.subject))


class _PeopleFile(StrictModel):
    others: Literal["refuse", "read"] = "refuse"
    """What becomes of whoever has an account at the provider and is not listed."""
    hours: float = Field(default=12.0, gt=0, le=168)
    """For so long a login counts."""
    people: list[_Listed] = Field(min_length=1)


@immutable
class People:
    """Accounts with their persons."""

    others: Literal["refuse", "read"]
    hours: float
    listed: Mapping[tuple[str, str], Person]
    """(`email` or `sub`, its value) -> who that is; an unnamed reader is called as the provider says."""

    def of(self, claims: Mapping[str, Any], now: float) -> Person | Refusal:
        """Return who somebody is by what the provider says of them; `now`: seconds since 1970."""
        subject, issued = claims.get("sub"), claims.get("iat")
        if claims.get("is_logged_in") is not True or not isinstance(subject, str) or not subject:
            return "anonymous"
        if not isinstance(issued, int | float) or not now - issued < self.hours * 3600:
            return "expired"
        email = claims.get("email")
        by_email = ("email", email.casefold() if isinstance(email, str) else "")
        found = self.listed.get(("sub", subject))
        if found is None and by_email in self.listed:
            if claims.get("email_verified") is not True:
                return "unverified"
            found = self.listed[by_email]
        if found is None and self.others == "refuse":
            return "unknown"
        told = str(claims.get("name") or email or subject)[:_MOST_NAME]
        return found if found is not None and found.speaks else Person(told, "reader")


def read_people(path: Path) -> People:
    """Return who is listed in a file; PlanError with every mistake at once, UsageError for a key that is none."""
    facts = path.stat() if path.is_file() else None
    return _read(path, None if facts is None else (facts.st_mtime_ns, facts.st_size))


@lru_cache(maxsize=2)
def _read(path: Path, stamp: tuple[int, int] | None) -> People:
    document = read_yaml(read_text(path, "it says who may do what behind a login; see docs/login.md"), str(path))
    try:
        found = _PeopleFile.model_validate(document.data)
    except ValidationError as error:
        raise PlanError(mistakes(error, document, _PeopleFile)) from None
    listed: dict[tuple[str, str], Person] = {}
    names: set[str] = set()
    for at, one in enumerate(found.people):
        if one.account in listed:
            raise PlanError([f"{document.at(('people', at))}: {one.account[1]} is listed twice"])
        person = Person("", one.role) if one.key is None else _signer(path.parent / one.key, one.role)
        if person.name in names:
            raise PlanError([f"{document.at(('people', at))}: {person.name} has another account above"])
        names |= {person.name} - {""}
        listed[one.account] = person
    return People(found.others, found.hours, listed)


def _signer(file: Path, role: Role) -> Person:
    """Return who speaks with a key: the owner that the folder of known keys has for it."""
    key = signing_key(file)
    name = None if key is None else known_keys().get(key.public.fingerprint)
    if name is None:
        raise UsageError(f"{file}: not a known key; its public key has to lie in the folder of {KEYS}, as NAME.pub")
    return Person(name, role, key)
