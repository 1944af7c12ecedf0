"""Work at once: all done, each told as a whole, errors as they were; `test_audit_reference_applicants` does audits."""

import multiprocessing
import os
import pickle

import pytest
from at_once_work import RAISED, failing, killed, twice

from audit import errors
from audit.cli.at_once import MOST, processes_for, told
from audit.errors import AbilityError, DokimasiaError


def same(one, other):
    return type(one) is type(other) and (one.args, vars(one)) == (other.args, vars(other)) and (
        (one.message.template, one.message.values) == (other.message.template, other.message.values)
    )  # fmt: skip


@pytest.mark.parametrize("processes", [1, 2])
def test_all_are_done_and_each_is_told_as_a_whole(capsys, processes):
    made = dict(told(twice, range(5), processes))
    assert {number: value for number, (value, _) in made.items()} == {number: 2 * number for number in range(5)}
    assert (os.getpid() in {process for _, process in made.values()}) == (processes == 1)
    out, remarks = capsys.readouterr()
    assert out == "".join(f"begun {number}\ndone {number}\n" for number in made)
    assert [line for line in remarks.splitlines() if "noted" in line] == [f"noted {number}" for number in made]
    assert ("(5 of 5 done)" in remarks) == (processes > 1)


def test_a_process_that_is_ended_from_outside_is_one_line():
    with pytest.raises(DokimasiaError, match="ended from outside") as error:
        list(told(killed, range(2), 2))
    assert error.value.exit_code == 5


def test_an_error_comes_as_it_was_and_ends_the_others():
    with pytest.raises(AbilityError) as error:
        list(told(failing, ["late", "ability"], 2))
    assert same(error.value, RAISED["ability"])
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("kind", RAISED)
def test_errors_go_between_processes_as_they_are(kind):
    assert same(pickle.loads(pickle.dumps(RAISED[kind])), RAISED[kind])


def test_every_error_is_made_again_without_its_arguments():
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, DokimasiaError)]
    assert all(one.__reduce__ is DokimasiaError.__reduce__ for one in kinds)


def test_no_more_processes_than_audits_or_than_memory_bears():
    assert [processes_for(count) for count in (0, 1)] == [0, 1]
    assert 1 <= processes_for(100) <= MOST
