"""A column of buttons that open the row of a table.

The box at a row's edge opens it too, and is the way of the keyboard, which presses no button within
a table; but not everybody finds the box.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

#: Name of the column in the table's rows.
OPEN = "open"
#: What each of its cells says.
WORD = "Open"


def open_column(key: str, opened: Callable[[int], None]) -> Any:
    """Return the configuration of the column :data:`OPEN`, whose cells are :data:`WORD`.

    Args:
        key: Of the widget.
        opened: Called with the number of the row whose button was pressed, from 0, however the
            visitor sorted the table.
    """
    return st.column_config.ButtonColumn(
        "",
        width=80,
        alignment="left",
        key=key,
        on_click=lambda: opened(st.session_state[key].row),
    )
