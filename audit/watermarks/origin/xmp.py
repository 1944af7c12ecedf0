"""What an XMP packet says of where a file comes from, read and written.

    Iptc4xmpExt:DigitalSourceType   an address of IPTC's terms
    TC260:AIGC                      the label of GB 45438-2025, in JSON

A packet that declares entities is refused: what they stand for could be as large as it likes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from xml.etree import ElementTree

from audit.watermarks.origin.containers import texts_in
from audit.watermarks.origin.sources import SOURCE_TYPES, aigc_label, term_of

__all__ = ["layers_of", "packet_with"]

_RDF, _X = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "adobe:ns:meta/"
_IPTC, _TC260 = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "http://www.tc260.org.cn/ns/AIGC/1.0/"
_SOURCE, _LABEL = f"{{{_IPTC}}}DigitalSourceType", f"{{{_TC260}}}AIGC"
_HEAD, _FOOT = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="w"?>'
for _prefix, _space in (("rdf", _RDF), ("x", _X), ("Iptc4xmpExt", _IPTC), ("TC260", _TC260)):
    ElementTree.register_namespace(_prefix, _space)


def layers_of(data: bytes) -> dict[str, object]:
    """Return what the metadata texts of a PNG or JPEG say: `source` (IPTC's term), `aigc` (fields), `problem`."""
    told: dict[str, object] = {}
    for name, text in texts_in(data):
        if name == "AIGC" and (label := aigc_label(text.decode("utf-8", "replace"))):
            told["aigc"] = label
        elif name == "xmp":
            try:
                tree = _parsed(text)
            except ValueError as error:
                told["problem"] = str(error)
                continue
            if (term := term_of(_value(tree, _SOURCE))) is not None:
                told["source"] = term
            if (label := aigc_label(_value(tree, _LABEL))) is not None:
                told["aigc"] = label
    return told


def packet_with(packet: bytes | None, *, source: str | None, aigc: Mapping[str, str] | None) -> bytes:
    """Return an XMP packet, made anew or from the file's own, that says this; raises ValueError for a broken one."""
    if packet is None:
        tree = ElementTree.Element(f"{{{_X}}}xmpmeta")
        ElementTree.SubElement(tree, f"{{{_RDF}}}RDF")
    else:
        tree = _parsed(packet)
    home = tree.find(f".//{{{_RDF}}}RDF")
    if home is None:
        raise ValueError("XMP without rdf:RDF")
    told = {} if source is None else {_SOURCE: SOURCE_TYPES + source}
    if aigc is not None:
        told[_LABEL] = json.dumps(dict(aigc), ensure_ascii=False, separators=(",", ":"))
    for one in home.findall(f"{{{_RDF}}}Description"):
        for name in told:
            one.attrib.pop(name, None)
            for child in one.findall(name):
                one.remove(child)
    about = ElementTree.SubElement(home, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    for name, value in told.items():
        ElementTree.SubElement(about, name).text = value
    return (_HEAD + ElementTree.tostring(tree, encoding="unicode") + _FOOT).encode()


def _parsed(packet: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet or b"\0" in packet:
        raise ValueError("XMP that declares a document type, or is not in UTF-8")
    try:
        tree = ElementTree.fromstring(packet.decode().strip("\ufeff \t\r\n"))  # noqa: S314 - no document type, in a jail
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"XMP cannot be read ({error})") from None
    return tree


def _value(tree: ElementTree.Element, name: str) -> str | None:
    """Return a property, which stands as an attribute, as an element's text, or as what that points to."""
    for one in tree.iter():
        if (told := one.attrib.get(name)) is not None:
            return told
        if one.tag == name:
            inner = "".join(one.itertext()).strip()
            return one.attrib.get(f"{{{_RDF}}}resource") or inner or None
    return None
