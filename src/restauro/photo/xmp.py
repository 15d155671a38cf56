"""XMP: where a picture says what was done to it. Written as text, so that nothing in an existing packet is disturbed.

A result is labelled as the IPTC asks (Iptc4xmpExt:DigitalSourceType), names its source by file name and SHA-256, and
carries the recipe that made it.
"""

from __future__ import annotations

import re
from typing import Literal
from xml.etree import ElementTree
from xml.sax.saxutils import escape

NAMESPACE = "urn:restauro:1.0#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SourceType = Literal["algorithmicallyEnhanced", "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"]

_OURS = re.compile(r"\s*<rdf:Description\b(?=[^>]*urn:restauro:1\.0#).*?</rdf:Description>", re.DOTALL)
_LABEL = re.compile(
    r"<(\w+):DigitalSourceType\b[^>]*?(?:/>|>.*?</\1:DigitalSourceType>)|\s\w+:DigitalSourceType=(?:\"[^\"]*\"|'[^']*')",
    re.DOTALL,
)
_TURN = re.compile(r"(tiff:Orientation(?:=[\"']|>))\s*[2-8]\s*(?=[\"'<])")


def provenance(
    *,
    source: str,
    sha256: str,
    tool: str,
    date: str,
    recipe: str | None = None,
    kind: SourceType = "algorithmicallyEnhanced",
    more: dict[str, str] | None = None,
) -> str:
    """The rdf:Description to hand to `write(extra_xmp=...)`.

    tool: name and version; date: ISO 8601; recipe: JSON; kind: compositeWithTrainedAlgorithmicMedia where content was
    invented; more: further facts under our namespace (weights' hashes, share of invented area), by XML name.
    """
    facts = {"source": source, "sourceSHA256": sha256, "tool": tool, "date": date} | ({"recipe": recipe} if recipe else {})
    facts |= more or {}
    lines = [f"   <restauro:{name}>{escape(_printable(value))}</restauro:{name}>" for name, value in facts.items()]
    return "\n".join(
        (
            f'  <rdf:Description rdf:about="" xmlns:restauro="{NAMESPACE}" xmlns:Iptc4xmpExt="{EXT}">',
            f"   <Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}{kind}</Iptc4xmpExt:DigitalSourceType>",
            *lines,
            "  </rdf:Description>",
        )
    )


def merge(packet: bytes | None, description: str = "", *, upright: bool = True) -> bytes | None:
    """The packet with our description in it, an earlier one of ours and another source type replaced.

    upright: the orientation it may claim becomes 1. A packet without the usual frame is left out in favour of a new one.
    """
    text = decode(packet)
    if upright:
        text = _TURN.sub(r"\g<1>1", text)
    if not description:
        return text.encode() if text else None
    text = _LABEL.sub("", _OURS.sub("", text))
    if "</rdf:RDF>" in text and f'xmlns:rdf="{RDF}"' in text.replace("'", '"'):
        before, end, after = text.rpartition("</rdf:RDF>")
        return f"{before.rstrip()}\n{description}\n {end}{after}".encode()
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n{description}\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
    ).encode()


def find(packet: bytes | None, name: str) -> str | None:
    """One of our facts ("recipe", "source", ...), written as an element or, by another tool, as an attribute."""
    text = decode(packet)
    text = re.sub(r"<\?xpacket.*?\?>", "", text, flags=re.DOTALL).strip().strip("\0")
    if not text or "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities can be made to explode
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    tag = f"{{{NAMESPACE}}}{name}"
    for element in root.iter():
        if element.tag == tag:
            return element.text or ""
        if tag in element.attrib:
            return element.attrib[tag]
    return None


def decode(packet: bytes | None) -> str:
    """A packet as text, whatever its Unicode form."""
    if not packet:
        return ""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if packet.startswith(mark):
            return packet.decode(encoding, "replace")
    return packet.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\0")


def _printable(value: str) -> str:
    """Without the control characters that XML forbids."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", value)
