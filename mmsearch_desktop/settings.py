"""What a person can set, kept in one JSON file, and where data, models and resources lie.

The file is written whole and put in place at once, so that a crash leaves the old one or the new
one. Unknown names in it are kept (an older program may open a newer file); a value of the wrong
kind falls back to its default and is logged.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import logging
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from mmsearch_desktop.domain import Mode, Strategy

_log = logging.getLogger("mmsearch.settings")
_APPLICATION = "mmsearch-desktop"
DATA_VARIABLE = "MMSEARCH_DESKTOP_DATA"
TOKEN_VARIABLE = "MMSEARCH_DESKTOP_MILVUS_TOKEN"  # noqa: S105 - a name, no secret


class Theme(enum.StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class JudgingWhen(enum.StrEnum):
    """When a judge looks at the hits of a search."""

    QUICK = "quick"  # where that is quick here: on a graphics card, or by a small judge
    ALWAYS = "always"
    ASKED = "asked"  # each time the person asks for it
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Settings:
    """One consistent set of choices; change it with `dataclasses.replace` and `save`."""

    library: str = ""  # folder of the library; "" = the default one
    embedder: str = "bge-visualized-base-en"  # a name in models/offers.py, or a folder
    next_embedder: str = ""  # is being prepared, and is searched with once all photos are in it
    preparing_paused: bool = False  # survives a restart
    offline: bool = False  # True: nothing is ever fetched, even when asked for
    mode: Mode = Mode.COMPOSED
    limit: int = 50
    show_query_picture: bool = False
    thumbnail_pixels: int = 180  # side of a cell's picture in the window
    thumbnails_gigabytes: int = 2  # that they may take on the disk; 1 GB is of 50,000 photos
    theme: Theme = Theme.SYSTEM
    watch_folders: bool = True  # new and changed photos are noticed while the program runs
    indexing_paused: bool = False  # survives a restart
    indexing_left_over: int = 0  # photos found but not searchable when it was paused
    judging: JudgingWhen = JudgingWhen.QUICK
    judge: str = "phi-3-vision"  # a name in models/judge_offers.py, or a folder
    judging_strategy: Strategy = Strategy.POINTWISE
    judging_depth: int = 9  # of the best hits, so many are judged
    judging_weight: float = 1.0  # of the judge's order against the search's; 0 moves nothing
    judging_words: bool = True  # the judge also writes a sentence about each hit
    details_shown: bool = False  # the panel beside the photos
    milvus_address: str = ""  # where the vectors are searched; "" = on this computer
    milvus_tls: bool = False
    milvus_certificate: str = ""  # PEM file of the authority to trust; "" = those of the system
    other: dict[str, Any] = field(default_factory=dict, compare=False)  # names we do not know

    @property
    def library_folder(self) -> Path:
        return Path(self.library).expanduser() if self.library else data_folder() / "library"

    @property
    def thumbnails_bytes(self) -> int:
        return max(1, self.thumbnails_gigabytes) * 10**9


def data_folder() -> Path:
    """Where everything of ours lies: settings, library, models, logs."""
    chosen = os.environ.get(DATA_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_data_path(_APPLICATION, appauthor=False)


def models_folder() -> Path:
    return data_folder() / "models"


def settings_path() -> Path:
    return data_folder() / "settings.json"


def resources_folder() -> Path:
    """Icons, style sheets and sample data: in the bundle, in the wheel, or in the source tree."""
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        return Path(bundle) / "resources"
    package = Path(__file__).parent
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent / "resources"


def load(path: Path | None = None) -> Settings:
    """The saved settings; defaults where there are none or they cannot be read."""
    path = path or settings_path()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read (%s); the defaults are used", path, error)
        return Settings()
    return _from_json(stored if isinstance(stored, dict) else {}, path)


def save(settings: Settings, path: Path | None = None) -> None:
    """Write them whole. OSError where the folder cannot be written."""
    path = path or settings_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    values = {f.name: getattr(settings, f.name) for f in _own_fields()}
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(settings.other | values, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def load_server_token() -> str:
    """What opens the Milvus server: of the environment, else as it was saved; "" where none is."""
    chosen = os.environ.get(TOKEN_VARIABLE)
    if chosen is not None:
        return chosen.strip()
    try:
        return _token_path().read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read (%s); no token is sent", _token_path(), error)
        return ""


def save_server_token(token: str) -> None:
    """Keep it in a file that only this user may read; "" takes the file away. OSError."""
    path = _token_path()
    if not token.strip():
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)  # made anew: one that is there keeps its rights
    opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(token.strip() + "\n")
    temporary.replace(path)


def _token_path() -> Path:
    return data_folder() / "milvus-token"


def _own_fields() -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(Settings) if f.name != "other"]


def _from_json(stored: dict[str, Any], path: Path) -> Settings:
    defaults = Settings()
    known: dict[str, Any] = {}
    for f in _own_fields():
        if f.name not in stored:
            continue
        try:
            known[f.name] = _checked(stored[f.name], getattr(defaults, f.name))
        except ValueError as error:
            _log.warning("%s: %s is %s; the default is used", path, f.name, error)
    names = {f.name for f in _own_fields()}
    return Settings(**known, other={k: v for k, v in stored.items() if k not in names})


def _checked(value: Any, default: Any) -> Any:
    if isinstance(default, enum.Enum):
        return type(default)(value)
    if isinstance(default, float) and type(value) is int and abs(value) < 2**53:
        return float(value)  # written by hand, without a point
    if type(value) is not type(default):
        raise ValueError(f"{value!r}, not of type {type(default).__name__}")
    return value
