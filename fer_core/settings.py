"""What can be set from outside: environment variables ``FER_*``, with defaults that
work on a fresh machine."""

from functools import lru_cache
from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of this process; read them through :func:`settings`."""

    model_config = SettingsConfigDict(env_prefix="FER_", extra="ignore")

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("fer")),
        description="Folder for runs, trained models and caches.",
    )
    data: Path | None = Field(default=None, description="Path of a dataset, such as fer2013.csv.")
    model: str | None = Field(default=None, description="Name of the default model.")
    detector: str = Field(default="auto", description="Name of the default face detector.")

    @property
    def runs(self) -> Path:
        """Training runs, one folder each."""
        return self.home / "runs"

    @property
    def models(self) -> Path:
        """Models trained or imported on this machine, one folder each."""
        return self.home / "models"

    @property
    def cache(self) -> Path:
        """What can be made again, such as parsed datasets."""
        return self.home / "cache"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings, read once per process (``settings.cache_clear()`` reads anew)."""
    return Settings()
