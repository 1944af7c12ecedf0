"""What is English on a Korean page: Latin words that are neither names that the record gives nor words of the field."""

from __future__ import annotations

import re
from html import unescape

import numpy as np

from audit.record import Audit
from reports.text import words_of
from reports.views import WORDED

STAY = """
    Dokimasia dokimasia AUROC VUS PR kNN KID MC1 MC2 F1 CPU log nat GGUF Q4 Q8 VAE GAN GPU DeLong Obuchowski Clopper
    Pearson Buehler nDCG MRR AURC ECE kB MB TB example com
    Rogan Gladen min hedged capital likelihood PPI JSON HTML PDF JUnit Markdown SARIF UTC zip Python EAR MOVER AUL PLL
    aul aula pll word paper modified helm lm eval kobbq IK unscaled reference micro BBQ KoBBQ HELM StereoSet CrowS Pairs
    WinoBias Winogender TruthfulQA Blodgett Pikuliak OpenBias DALL Eval KL JS KS PSI W1 CAT WEAT ddof true false English
    한국어 AULA ROC Dvoretzky Kiefer Wolfowitz DTE NP record json run reviews jsonl items parquet plan yaml seal
    show' SummaC ZS FActScore ALCE AlignScore VeriScore RAGAS AUPRC PRR NLL PMI CCP SelfCheck CoCoA NumSets EigV DegMat
    Ecc ROUGE ContextCite SecMI PIA SimA CDD LDS Miller Madow True hit PSNR SSIM WebP dB EU AI GB SB AB IPTC IP
"""
"""Words that stay as they are: of the field, of file names, and of the names of methods and their authors."""
_QUIET = re.compile(r"<(style|script|code|pre|title)\b.*?</\1>|<(td|dd) class=\"hash\"[^>]*>.*?</\2>", re.DOTALL)

_COLOURS = re.compile(r"\[(?:true|false|, )*[a-z]*")
"""A list of truth values, which may be cut anywhere."""


def text_of(page: str) -> str:
    """What a reader sees of a page, without code, digests and what only the machine reads."""
    shown = _COLOURS.sub(" ", _QUIET.sub(" ", page.replace("<wbr>", "")))
    told = " ".join(re.findall(r'(?:title|alt|aria-label|placeholder)="([^"]*)"', shown))
    return unescape(re.sub("<[^>]*>", " ", shown) + " " + told)


def names_of(audit: Audit) -> set[str]:
    """Words that the record, the plan and the data bring with them: names, paths, texts of items."""
    record = audit.record
    given = [record.title, record.id, audit.folder.name, *record.models, *(one.name for one in record.models.values())]
    given += [str(value) for one in record.deviations for value in (one.before, one.after)]
    for finding in record.findings:
        given += [finding.check, *finding.clauses, *map(str, finding.options), *map(str, finding.options.values())]
        given += [str(fact) for facts in finding.data.values() for fact in facts.values()]
        given += [one.path for one in finding.evidence]
        given += [str(finding.reason.get(name, "")) for name in ("error", "model")]
        frame = audit.items(finding.check)
        if frame is not None:
            kept = [name for name in frame.columns if name not in WORDED]
            given += [cell for name in kept for cell in frame[name] if isinstance(cell, str)]
            lists = (cell for name in kept for cell in frame[name] if isinstance(cell, np.ndarray))
            given += [one for cell in lists for one in cell if isinstance(one, str)]
            given += [] if frame.index.name is None else [str(cell) for cell in frame.index]
    return {word for text in given for word in words_in(text)}


def words_in(text: str) -> list[str]:
    """Latin words of two letters or more."""
    return re.findall(r"[A-Za-z][A-Za-z'’]+", text)


def english_in(text: str) -> set[str]:
    """The Latin words of a text that have no business on a Korean page, but for what an audit brings (`names_of`)."""
    return set(words_in(text)) - set(words_in(STAY))


KO = words_of("ko")
