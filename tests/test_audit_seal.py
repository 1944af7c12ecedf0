"""The seal: who says that these are the files; other tools read it, and no flipped byte of the folder is overlooked."""

import base64
import copy
import json
import random
import stat
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from report_fixtures import finding, rate, unknown
from review_fixtures import small_audit
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from audit.errors import IntegrityError, UsageError
from audit.files import canonical, digest_file, sha256
from audit.integrity import check_seal, seal_audit, verify_audit
from audit.integrity.seal import PREDICATE, TEST_RESULT, statements
from audit.record import audit_files, dump, load_record
from audit.review import Comment, Decision, Rating, add_reviews
from audit.signing import make_key, read_public_key, signed_body
from audit.signing.keys import read_key
from audit.verdict import audit_verdict

AT = datetime(2026, 11, 24, 10, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def audit(made, tmp_path):
    for name in audit_files(made.folder):
        target = tmp_path / "audit" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((made.folder / name).read_bytes())
    return load_record(tmp_path / "audit")


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "kim")
    return read_key(tmp_path / "kim")


@pytest.fixture
def sealed(audit, key):
    add_reviews(audit, Rating(check="limited", rating="high"), Decision(decision="approved"), author="Kim", key=key)
    (audit.folder / "reports").mkdir()
    (audit.folder / "reports" / "report.html").write_text("<p>report</p>")
    seal_audit(audit, key, "Kim", at=AT)
    return audit


def opened(audit):
    seal = json.loads((audit.folder / "seal.json").read_bytes())
    return seal, [json.loads(base64.b64decode(one["payload"])) for one in seal["envelopes"]]


def test_a_key_is_its_owners_alone_and_never_written_over(tmp_path):
    public = make_key(tmp_path / "kim")
    assert stat.S_IMODE((tmp_path / "kim").stat().st_mode) == 0o600
    assert read_public_key(tmp_path / "kim.pub") == public == read_key(tmp_path / "kim").public
    before = (tmp_path / "kim").read_bytes()
    for place in ("kim", "lee"):
        (tmp_path / "lee.pub").write_text("mine")
        with pytest.raises(UsageError, match="there already"):
            make_key(tmp_path / place)
    assert (tmp_path / "kim").read_bytes() == before
    assert not (tmp_path / "lee").exists()


def test_the_fingerprint_is_that_of_the_keys_der_form(tmp_path):
    public = make_key(tmp_path / "kim")
    der = load_pem_public_key(public.pem).public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    assert public.fingerprint == sha256(der)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_one_line(tmp_path, content):
    (tmp_path / "k").write_bytes(content)
    for read in (read_key, read_public_key):
        with pytest.raises(UsageError) as error:
            read(tmp_path / "k")
        assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="cannot be read"):
        read_key(tmp_path / "gone")


def test_another_kind_of_key_is_refused(tmp_path):
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    (tmp_path / "k").write_bytes(pem)
    with pytest.raises(UsageError, match="not an Ed25519 key"):
        read_key(tmp_path / "k")


def test_others_verify_the_envelopes_and_refuse_an_altered_one(sealed, key):
    seal, _ = opened(sealed)
    theirs = SSlibKey.from_crypto(load_pem_public_key(key.public.pem), keyid=key.public.fingerprint)
    for envelope in seal["envelopes"]:
        found = Envelope.from_dict(copy.deepcopy(envelope))
        assert list(found.verify([theirs], 1)) == [key.public.fingerprint]
        body = base64.b64decode(envelope["payload"])
        assert signed_body(envelope, "application/vnd.in-toto+json", key.public) == body
        other = base64.b64encode(body.replace(b"limited", b"limitex")).decode()
        altered = {**copy.deepcopy(envelope), "payload": other}
        assert altered != envelope
        with pytest.raises(VerificationError):
            Envelope.from_dict(altered).verify([theirs], 1)


def test_the_statements_say_what_the_folder_holds(sealed):
    _, (result, own) = opened(sealed)
    record = sealed.folder / "record.json"
    for one in (result, own):
        assert one["_type"] == "https://in-toto.io/Statement/v1"
        assert one["subject"][0] == {"name": "record.json", "digest": {"sha256": digest_file(record)[7:]}}
    assert result["predicateType"] == TEST_RESULT
    assert {key: result["predicate"][key] for key in ("result", "passedTests", "warnedTests", "failedTests")} == {
        "result": "FAILED", "passedTests": [], "warnedTests": [], "failedTests": ["limited"],
    }
    assert own["predicateType"] == PREDICATE
    assert own["predicate"]["files"] == {
        name: digest_file(sealed.folder / name) for name in audit_files(sealed.folder) if name != "seal.json"
    }
    assert {"plan.yaml", "plan.json", "run.json", "journal.jsonl", "reviews.jsonl", "reports/report.html"} <= set(
        own["predicate"]["files"]
    )
    assert own["predicate"]["reviews"]["decision"] == "approved"
    assert own["predicate"]["sealed"]["by"] == "Kim"


@pytest.mark.parametrize(
    ("verdicts", "result", "lists"),
    [
        ([("passed", True)], "PASSED", "a||"),
        ([("passed", True), ("inconclusive", False)], "WARNED", "a|b|"),
        ([("passed", True), ("inconclusive", True)], "FAILED", "a||b"),
        ([("passed", True), ("failed", False)], "WARNED", "a||b"),
        ([("failed", True)], "FAILED", "||a"),
        ([("crashed", True)], "FAILED", "||a"),
        ([("skipped", False), ("passed", True)], "PASSED", "b||"),
        ([("skipped", True), ("passed", True)], "FAILED", "b||"),
        ([("measured", False)], "WARNED", "||"),
    ],
)
def test_nothing_undecided_is_told_as_passed(audit, verdicts, result, lists):
    found = [
        finding(name, verdict, "why", gating=gating, measures=[rate("x", 1, 9), unknown("y", "none")])
        for name, (verdict, gating) in zip("ab", verdicts, strict=False)
    ]
    record = audit.record.model_copy(update={"findings": found, "verdict": audit_verdict(found)})
    (audit.folder / "record.json").write_bytes(dump(record))
    files = {name: digest_file(audit.folder / name) for name in audit_files(audit.folder)}
    predicate = statements(load_record(audit.folder), files=files, reviews=0, by="K", at="now")[0]["predicate"]
    assert predicate["result"] == result
    assert "|".join("".join(predicate[f"{name}Tests"]) for name in ("passed", "warned", "failed")) == lists
    skipped = predicate["configuration"][0]["annotations"]["skipped"]
    assert set(skipped) == {one.check for one in found if one.verdict == "skipped"}


def test_a_seal_says_who_when_and_whether_the_key_is_known(sealed, key, tmp_path):
    plain = check_seal(sealed)
    assert (plain.by, plain.at, plain.key) == ("Kim", "2026-11-24T10:03:00+00:00", key.public.fingerprint)
    assert (plain.known, plain.later_reviews, plain.not_sealed) == (False, 0, ())
    assert check_seal(sealed, [key.public]).known
    other = make_key(tmp_path / "other")
    with pytest.raises(IntegrityError, match="the key given is"):
        check_seal(sealed, [other])
    assert check_seal(sealed, [other, key.public]).known
    text = "\n".join(verify_audit(sealed.folder).lines())
    assert "only agrees with itself" in text
    assert "claim" in text


def test_reviews_may_go_on_after_the_seal_and_are_told(sealed, key):
    add_reviews(sealed, Comment(text="later"), author="Lee")
    (sealed.folder / "reports" / "report.md").write_text("later")
    found = verify_audit(sealed.folder, [key.public])
    assert (found.seal.later_reviews, found.seal.not_sealed) == (1, ("reports/report.md",))
    assert (found.reviews, found.signed, found.known) == (3, 2, 2)


def test_a_second_seal_needs_a_word(sealed, key):
    with pytest.raises(UsageError, match="--again"):
        seal_audit(sealed, key, "Kim")
    add_reviews(sealed, Comment(text="later"), author="Lee")
    seal_audit(sealed, key, "Lee", again=True)
    assert check_seal(sealed).by == "Lee"
    assert check_seal(sealed).later_reviews == 0


def test_without_a_seal_a_key_that_is_asked_for_is_missing(audit, key):
    assert verify_audit(audit.folder).seal is None
    with pytest.raises(IntegrityError, match="there is no seal"):
        verify_audit(audit.folder, [key.public])


def test_every_flipped_byte_of_a_sealed_folder_is_found(sealed, key):
    rng = random.Random(5)
    for name in audit_files(sealed.folder):
        path = sealed.folder / name
        whole = path.read_bytes()
        places = {0, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(12))}
        if name in ("seal.json", "reviews.jsonl"):
            places |= {rng.randrange(len(whole)) for _ in range(200)}
        for place in places:
            flipped = bytearray(whole)
            flipped[place] ^= 1 << rng.randrange(8)
            path.write_bytes(flipped)
            with pytest.raises(IntegrityError) as error:
                verify_audit(sealed.folder, [key.public])
            assert "\n" not in str(error.value), (name, place)
        path.write_bytes(whole)
    verify_audit(sealed.folder, [key.public])


@pytest.mark.parametrize("name", ["plan.yaml", "run.json", "reviews.jsonl", "record.json"])
def test_a_sealed_file_that_is_gone_is_found(sealed, name):
    (sealed.folder / name).unlink()
    with pytest.raises(IntegrityError, match="missing"):
        verify_audit(sealed.folder)


def test_a_sealed_document_that_is_gone_can_be_made_again_and_is_told(sealed):
    (sealed.folder / "reports" / "report.html").unlink()
    found = verify_audit(sealed.folder)
    assert found.seal.gone == ("reports/report.html",)
    assert "sealed documents that are not here, and can be made again: 1" in "\n".join(found.lines())


def resealed(audit, key, change):
    """Sign other statements with the right key."""
    seal, payloads = opened(audit)
    change(payloads)
    seal["envelopes"] = [key.envelope("application/vnd.in-toto+json", canonical(one)) for one in payloads]
    (audit.folder / "seal.json").write_bytes(canonical(seal) + b"\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda two: two[0]["predicate"].update(result="PASSED"),
        lambda two: two[1]["predicate"]["reviews"].update(decision="rejected"),
        lambda two: two[1]["predicate"]["audit"].update(verdict="passed"),
        lambda two: two[1]["predicate"]["files"].pop("record.json"),
        lambda two: two[1]["predicate"]["files"].update({"../../x": "sha256:0"}),
        lambda two: two[1]["predicate"]["reviews"].update(entries=-1),
        lambda two: two[1]["predicate"].update(files=[1]),
        lambda two: two[1].pop("predicate"),
        lambda two: two.reverse(),
        lambda two: two.pop(),
    ],
)
def test_a_statement_that_is_signed_and_wrong_is_found(sealed, key, change):
    resealed(sealed, key, change)
    with pytest.raises(IntegrityError):
        check_seal(sealed, [key.public])


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"a":' * 9000])
def test_what_is_no_seal_is_one_line(audit, content):
    (audit.folder / "seal.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"not a seal") as error:
        check_seal(audit)
    assert "\n" not in str(error.value)


def test_a_torn_review_is_not_sealed(sealed, key):
    with (sealed.folder / "reviews.jsonl").open("ab") as file:
        file.write(b'{"at":')
    assert verify_audit(sealed.folder).torn
    with pytest.raises(UsageError, match="not written whole"):
        seal_audit(sealed, key, "Kim", again=True)


def test_a_record_of_a_later_schema_is_not_what_was_sealed(sealed):
    path = sealed.folder / "record.json"
    path.write_bytes(path.read_bytes().replace(b'"schema":1', b'"schema":3'))
    with pytest.raises(IntegrityError, match="schema 3"):
        verify_audit(sealed.folder)


def test_a_link_in_the_folder_is_refused(sealed, tmp_path):
    (tmp_path / "secret").write_text("x")
    (sealed.folder / "reports" / "link.html").symlink_to(tmp_path / "secret")
    with pytest.raises(IntegrityError, match="is a link"):
        audit_files(sealed.folder)
