"""Images: pictures in, the emotions of every face out."""

import streamlit as st

from ui.common.collect import say_kept
from ui.common.controls import model_row
from ui.common.navigation import through_front_door
from ui.common.notices import footer
from ui.common.pictures import read_all
from ui.common.text import plain
from ui.images.results import cards, export, key_of, large, show, summary
from ui.images.sources import SOURCES, ask_for_pictures, choose, clear, prepare, remove

through_front_door()

state = st.session_state
prepare()

# The page, from top to bottom.
say_kept()
with st.container(horizontal=True, vertical_alignment="bottom"):
    with st.container(gap=None):
        st.title("Images")
        st.markdown("Find faces in pictures and estimate expressions.")
    choice = model_row()

source = st.segmented_control(
    "Pictures from",
    list(SOURCES),
    format_func=SOURCES.get,
    required=True,
    key="images_source",
    persist_state="session",
    label_visibility="collapsed",
)
pictures = ask_for_pictures(source)

if pictures:
    results = read_all(pictures, choice)
    keys = [key_of(result) for result in results]
    opened = keys.index(state["images_open"]) if state["images_open"] in keys else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(results) > 1 and opened is not None:
            st.button("All pictures", icon=":material/grid_view:", on_click=show, args=(None,))
            for label, step, arrow in (("Previous", -1, "Left"), ("Next", 1, "Right")):
                at = opened + step
                inside = 0 <= at < len(results)
                st.button(
                    label,
                    shortcut=arrow,
                    disabled=not inside,
                    on_click=show,
                    args=(keys[at] if inside else None,),
                )
        at = "" if opened is None else f"**{plain(keys[opened][0])}** · {opened + 1} of "
        st.markdown(f"{at}{summary(results)}", width="stretch")
        if source == "Files" and opened is not None:
            st.button(
                "Remove",
                icon=":material/delete:",
                on_click=remove,
                args=(keys[opened],),
                help="Removes this picture and its result from the page.",
            )
        if source == "Camera":
            st.button("Take another", icon=":material/photo_camera:", on_click=clear)
        elif source == "Files":
            st.button("Clear", icon=":material/close:", on_click=clear)
        export(results, choice)
    if len(results) == 1:
        large(results[0], choice)
    elif opened is not None:
        large(results[opened], choice)
    else:
        cards(results, choice)
elif source == "Files":
    st.button(
        "Use the example",
        icon=":material/face:",
        on_click=choose,
        args=("Example",),
    )
footer()
