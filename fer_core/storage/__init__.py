"""The SQLite database of this machine, in which each area keeps tables of its own."""

from fer_core.storage.database import Migration, connect, delete_database, exists

__all__ = ["Migration", "connect", "delete_database", "exists"]
