"""Images: pictures in, the emotions of every face out."""

import streamlit as st

from ui.common.collect import say_collected
from ui.common.controls import model_row
from ui.common.footer import footer
from ui.common.into_view import place
from ui.common.navigation import through_front_door
from ui.common.pictures import read_all
from ui.common.text import plain
from ui.images.export import export
from ui.images.grid import arrange, cards, controls
from ui.images.labels import labelled
from ui.images.opened import large
from ui.images.results import count, in_words, key_of, show
from ui.images.sources import (
    SOURCES,
    ask_for_pictures,
    choose,
    clear,
    prepare,
    remove,
    take_another,
)
from ui.images.summary import summary

through_front_door()

state = st.session_state
prepare()

# The page, from top to bottom.
say_collected()
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
    results = [labelled(result) for result in read_all(pictures, choice)]
    shown = arrange(results, choice) if len(results) > 1 else results
    if state["images_open"] not in map(key_of, shown):
        # A picture that is open stays so when its new label does not pass a filter.
        shown = results if state["images_open"] in map(key_of, results) else shown
    keys = [key_of(result) for result in shown]
    opened = keys.index(state["images_open"]) if state["images_open"] in keys else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(results) > 1 and opened is not None:
            st.button("All pictures", icon=":material/grid_view:", on_click=show, args=(None,))
            for label, step, arrow in (("Previous", -1, "Left"), ("Next", 1, "Right")):
                at = opened + step
                inside = 0 <= at < len(shown)
                st.button(
                    label,
                    shortcut=arrow,
                    disabled=not inside,
                    on_click=show,
                    args=(keys[at] if inside else None,),
                )
        elif len(results) > 1:
            st.segmented_control(
                "View",
                ["Pictures", "Summary"],
                required=True,
                key="images_view",
                persist_state="session",
                label_visibility="collapsed",
            )
        few = len(shown) < len(results)
        if opened is None:
            words = f"{len(shown)} of {in_words(results)}" if few else in_words(results)
        else:
            words = f"**{plain(keys[opened][0])}** · picture {opened + 1} of {len(shown)}"
            words += " that pass the filters" if few else ""
            if analysis := shown[opened].analysis:
                words += f" · {count(len(analysis.faces), 'face', 'faces')} in it"
        st.markdown(words, width="stretch")
        if source == "Files" and opened is not None:
            st.button(
                "Remove",
                icon=":material/delete:",
                on_click=remove,
                args=(keys[opened],),
                help="Removes this picture and its result from the page.",
            )
        if source == "Camera":
            st.button("Take another", icon=":material/photo_camera:", on_click=take_another)
        elif source == "Files":
            st.button("Clear", icon=":material/close:", on_click=clear)
        export(shown, choice, len(results))
    if opened is None and len(results) > 1:
        controls()
    place("images")
    if len(results) == 1:
        large(results[0], choice)
    elif opened is not None:
        large(shown[opened], choice)
    elif state["images_view"] == "Summary":
        summary(shown)
    else:
        cards(shown, choice)
elif source == "Files":
    st.button(
        "Use the example",
        icon=":material/face:",
        on_click=choose,
        args=("Example",),
    )
footer()
