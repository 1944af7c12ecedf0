"""Is an audit what was written: digests, judging again, seals and bundles."""

from audit.integrity.bundle import check_bundle, export_audit, import_audit, unpacked
from audit.integrity.digests import NOT_WRITTEN, check_digests, check_each, check_told, written_over
from audit.integrity.erasing import Erasing, erase
from audit.integrity.finished import place_of
from audit.integrity.recomputation import recompute
from audit.integrity.seal import check_seal, seal_audit
from audit.integrity.verification import Verification, verify_audit, was_finished

__all__ = [
    "NOT_WRITTEN", "Erasing", "Verification", "check_bundle", "check_digests", "check_each", "check_seal", "check_told",
    "erase", "export_audit", "import_audit", "place_of", "recompute", "seal_audit", "unpacked", "verify_audit",
    "was_finished", "written_over",
]
