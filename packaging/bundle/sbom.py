"""The bill of materials of a bundle, in CycloneDX 1.6 JSON.

https://cyclonedx.org/docs/1.6/json/. The same bundle gives the same bytes: its number is made from
its content, its time is SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from bundle.parts import Owner, Part

_SPACE = uuid.UUID("6f1f6f4e-7a0c-5d3c-9d62-0f3a53b1d6e4")  # for numbers made from content
# how programs and libraries begin: Linux, Windows, macOS (one architecture, several)
_MAGIC = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_EXPRESSION = re.compile(r"\(?[A-Za-z0-9.+-]+\)?( (AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)+")
# of the names that CycloneDX takes as they are, those that are met here
_IDS = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC",
        "LGPL-3.0-only", "MIT", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"}  # fmt: skip


def document(parts: Sequence[Part], version: str, made_seconds: int) -> str:
    """The whole file. `made_seconds`: since 1970."""
    components = [_component(part) for part in parts if part.owner.kind != "own"]
    content: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made_seconds)),
            "component": _program(parts, version),
        },
        "components": components,
        "dependencies": [
            {"ref": "mmsearch-desktop", "dependsOn": [one["bom-ref"] for one in components]}
        ],
    }
    number = uuid.uuid5(_SPACE, json.dumps(content, sort_keys=True))
    content["serialNumber"] = number.urn
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _program(parts: Sequence[Part], version: str) -> dict[str, Any]:
    own = [file for part in parts if part.owner.kind == "own" for file in part.files]
    return {
        "bom-ref": "mmsearch-desktop",
        "type": "application",
        "name": "mmsearch-desktop",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "components": _files("mmsearch-desktop", own, all_of_them=True),
    }


def _component(part: Part) -> dict[str, Any]:
    reference = package_url(part.owner)
    made: dict[str, Any] = {
        "bom-ref": reference,
        "type": "library",
        "name": part.owner.name,
        "version": part.owner.version,
        "purl": reference,
        "licenses": [_licence(part.licence)],
        "components": _files(reference, part.files),
        "properties": [{"name": "mmsearch:files", "value": str(len(part.files))}],
    }
    if part.page.startswith("http"):
        made["externalReferences"] = [{"type": "website", "url": part.page}]
    return made


def package_url(owner: Owner) -> str:
    version = quote(owner.version, safe="")
    if owner.kind == "python":
        return f"pkg:pypi/{re.sub('[-_.]+', '-', owner.name).lower()}@{version}"
    if owner.kind == "debian":
        return f"pkg:deb/debian/{owner.name}@{version}"
    return f"pkg:generic/{owner.name.lower()}@{version}"


def _licence(said: str) -> dict[str, Any]:
    if said in _IDS:
        return {"license": {"id": said}}
    if _EXPRESSION.fullmatch(said):
        return {"expression": said}
    return {"license": {"name": said}}


def _files(
    reference: str, files: Iterable[tuple[str, str]], *, all_of_them: bool = False
) -> list[dict[str, Any]]:
    """Programs and libraries with their checksums; scripts are counted only."""
    named = [(place.replace("\\", "/"), source) for place, source in files]
    return [
        {
            "bom-ref": f"{reference}#{place}",
            "type": "file",
            "name": place,
            "hashes": [{"alg": "SHA-256", "content": _sha256(Path(source))}],
        }
        for place, source in sorted(named)
        if not source.endswith(".py") and (all_of_them or _is_program(Path(source)))
    ]


def _is_program(path: Path) -> bool:
    """Or a library; their names do not always tell."""
    with path.open("rb") as file:
        return file.read(4).startswith(_MAGIC)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
