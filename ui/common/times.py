"""Times as the visitor's clock shows them, with their zone."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def zone() -> tzinfo:
    """Return the time zone of the visitor's browser; UTC where it names none."""
    name = st.context.timezone
    try:
        return ZoneInfo(name) if isinstance(name, str) else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def zone_name() -> str:
    """Return what people call the zone at present, such as "CET"."""
    return datetime.now(zone()).tzname() or "UTC"


def local(time: datetime) -> datetime:
    """Return a time with a zone as the visitor's clock shows it, for tables: without a zone."""
    return time.astimezone(zone()).replace(tzinfo=None)
