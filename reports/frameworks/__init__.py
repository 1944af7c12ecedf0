"""Catalogues of laws, standards and guidance, one file each; `audit.frameworks.spec` says what a file holds.

    dokimasia frameworks check reports/frameworks/eu-ai-act.yaml      every mistake at once, with its line
    pytest tests/test_reports_frameworks.py                           all of them

Texts are ours, in English and Korean. A catalogue is named by an entry point of the group `dokimasia.frameworks`:
its name and the package that holds NAME.yaml. Evidence for reviewers, not legal advice and no conformity assessment.
"""
