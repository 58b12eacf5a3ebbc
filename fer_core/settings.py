"""What can be set from outside: environment variables ``FER_*``, with defaults that
work on a fresh machine.
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from fer_core.errors import FerError


class IceServer(BaseModel):
    """A STUN or TURN server, with the names that browsers use."""

    model_config = ConfigDict(extra="forbid")

    urls: str | list[str]
    username: str | None = None
    credential: str | None = None


class Settings(BaseSettings):
    """The settings of this process; read them through :func:`settings`."""

    # An empty path would be the current folder, and one of its folders that of all models.
    model_config = SettingsConfigDict(env_prefix="FER_", extra="ignore", env_ignore_empty=True)

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("fer")),
        description="Folder for runs, trained models and caches.",
    )
    data: Path | None = Field(default=None, description="Path of a dataset, such as fer2013.csv.")
    weights: Path | None = Field(
        default=None, description="Folder with starting weights, besides weights/ in home."
    )
    model: str | None = Field(default=None, description="Name of the default model.")
    class_prior: str = Field(
        default="recommended",
        description="How frequent the emotions are assumed to be: as-trained, recommended, "
        "uniform, or seven numbers.",
    )
    detector: str = Field(default="auto", description="Name of the default face detector.")
    live: Literal["server", "device"] | None = Field(
        default=None,
        description="Where live pictures are analysed at first; 'device' on a public copy.",
    )
    ice_servers: list[IceServer] = Field(
        default=[], description="JSON list of STUN and TURN servers for live video; none asked."
    )
    ice_policy: Literal["all", "relay"] = Field(
        default="all", description="'relay' sends live video through a TURN server only."
    )
    runs_at_once: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Training runs at the same time; further ones wait. One per core.",
    )
    public: bool = Field(
        default=False, description="Visitors may look, upload and use the camera, no more."
    )
    admins: str = Field(
        default="", description="E-mail addresses, with commas, of those who may do all."
    )
    keep_hours: float = Field(
        default=24, gt=0, description="Hours that a public copy keeps what a visitor left."
    )
    disk_mb: float = Field(
        default=2000, gt=0, description="Megabytes that all visitors together may leave."
    )
    visitor_mb: float = Field(
        default=200, gt=0, description="Megabytes that one visitor may have uploaded at once."
    )
    visitor_jobs: int = Field(
        default=1, ge=1, description="Long jobs, such as videos, that one visitor runs at once."
    )
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Job processes of all visitors together; further jobs wait. One per core.",
    )
    video_minutes: float = Field(
        default=10, gt=0, description="Minutes of a visitor's video that are analysed."
    )
    job_minutes: float = Field(
        default=30, gt=0, description="Minutes that a visitor's job may take."
    )
    picture_mb: float = Field(
        default=500, gt=0, description="Megabytes of memory that decoding one picture may take."
    )
    frame_ancestors: str = Field(
        default="'self'",
        pattern=r"^[^;,\s][^;,\r\n]*$",
        description="Who may show a public copy in a frame, as in Content-Security-Policy.",
    )

    @property
    def admin_addresses(self) -> frozenset[str]:
        """Return ``admins``, one by one, in small letters."""
        return frozenset(a.strip().casefold() for a in self.admins.split(",") if a.strip())

    @property
    def live_first(self) -> Literal["server", "device"]:
        """Return ``live``, or what suits this copy."""
        return self.live or ("device" if self.public else "server")

    @property
    def runs(self) -> Path:
        """Return the folder of training runs, one folder each."""
        return self.home / "runs"

    @property
    def jobs(self) -> Path:
        """Return the folder of video analyses, one folder each."""
        return self.home / "jobs"

    @property
    def models(self) -> Path:
        """Return the folder of models trained or imported on this machine, one folder each."""
        return self.home / "models"

    @property
    def model_jobs(self) -> Path:
        """Return the folder of long work on models, one folder each."""
        return self.home / "making"

    @property
    def default_model(self) -> Path:
        """Return the file that names the model that was made the default on this machine."""
        return self.home / "default_model"

    @property
    def store(self) -> Path:
        """Return the database of what users asked to keep."""
        return self.home / "store.sqlite"

    @property
    def saved_files(self) -> Path:
        """Return the folder of files that go with the store, such as uploaded datasets."""
        return self.home / "kept"

    @property
    def audits(self) -> Path:
        """Return the folder of audits of datasets, one folder each."""
        return self.home / "audits"

    @property
    def studies(self) -> Path:
        """Return the folder of studies, one folder each."""
        return self.home / "studies"

    @property
    def study_jobs(self) -> Path:
        """Return the folder of work on studies, one folder each."""
        return self.home / "study-jobs"

    @property
    def cache(self) -> Path:
        """Return the folder of what can be made again, such as parsed datasets."""
        return self.home / "cache"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings, read once per process (``settings.cache_clear()`` reads them again).

    Raises:
        FerError: a variable holds what cannot be used; the message names it.
    """
    # Not public is what an empty one would mean, and whoever wrote it may have meant the opposite.
    if os.environ.get("FER_PUBLIC", "0").strip() == "":
        raise FerError("FER_PUBLIC is empty: set it to 1 for a public copy, or remove it.")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"FER_{str(first['loc'][0]).upper()}"
        raise FerError(f"{name} cannot be used: {first['msg']}.") from error
    except SettingsError as error:
        found = re.search(r'field "(\w+)"', str(error))
        name = f"FER_{found[1].upper()}" if found else "A variable FER_…"
        raise FerError(f"{name} is not valid JSON.") from error
