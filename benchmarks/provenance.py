"""What marks and their detectors reach, beside their peers: one command, a part at a time.

    green       green lists beside transformers: same lists and counts, how fast texts are read, both directions
    synthid     SynthID beside transformers and synthid-text: same bits and scores, how fast texts are read and marked
    clean       false positives of every text mark on texts that repeat themselves, over many keys
    image       the keyed mark of images: what it survives, false positives, speed beside invisible-watermark
    audio       the keyed mark of sounds: what it survives, false positives, speed
    video       the keyed mark of videos: what it survives, false positives, speed
    attacks     SmolLM2 with every mark: found by length after each attack, and how long reading takes
    latent      marks in the noise that our generators begin with: found by images taken together, after compression
    passages    a tenth of a text that is marked, found; and the tail of two keys against simulation
    origin      certificates predicted, what tampering passes in a PNG and a JPEG, changes and files a second

`python benchmarks/provenance.py PART`; without a part it lists them. Every interval is exact, at 95 %.
"""

from __future__ import annotations

import sys
from importlib import import_module

PARTS = {
    "green": "provenance_green", "synthid": "provenance_synthid", "clean": "provenance_clean",
    "attacks": "provenance_attacks", "passages": "provenance_passages", "image": "provenance_image",
    "latent": "provenance_latent", "origin": "provenance_origin", "audio": "provenance_audio",
    "video": "provenance_video",
}  # fmt: skip
"""Part -> the module beside this one whose `main` takes the rest of the command line."""


def main() -> None:
    """Run one part."""
    part, *rest = sys.argv[1:] or [""]
    if part not in PARTS:
        sys.exit(f"{__doc__}\nasked for {part!r}; allowed: {', '.join(PARTS)}")
    sys.exit(import_module(PARTS[part]).main(rest))


if __name__ == "__main__":
    main()
