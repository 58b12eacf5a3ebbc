"""Home: what this is, on an example that is already analysed."""

import streamlit as st

from fer_core.models.card import Figures
from ui.common.controls import current
from ui.common.faces import emotion_bars, expression_in_words, percent
from ui.common.footer import footer
from ui.common.navigation import HOME, IMAGES, PAGES, through_front_door
from ui.common.notices import say_error
from ui.common.pictures import LARGE, drawn, example, read
from ui.common.text import plain
from ui.services.models import find_model, label

through_front_door()

st.title("Emotions from faces")
st.markdown(
    "Finds the faces in a picture and says which of seven emotions each one shows, "
    "with a probability for each."
)


def _claim(figures: Figures) -> str:
    """Return how good a model is, with the faces that say so."""
    faces = f"{plain(figures.dataset)}'s {figures.split}"
    if figures.dataset == "demo":
        faces = "demo faces that the program draws"
    return f" · {percent(figures.accuracy)} right on {faces}"


choice = current()
result = read(example(), choice)
folder = find_model(choice.classifier.name)
public = folder.card.figure("PublicTest")

left, right = st.columns([5, 6], gap="large")
with left:
    if result.analysis:
        st.image(
            drawn(result, choice, LARGE),
            width=420,
            alt="Portrait of the astronaut Eileen Collins, her face boxed and labelled",
        )
with right, st.container(gap="small"):
    if result.error:
        say_error(result.error)
    elif result.analysis.faces:
        face = result.analysis.faces[0]
        st.subheader(f"This face {expression_in_words(face, choice.unsure_below)}")
        emotion_bars(face, key="home_bars", row=26)
    else:
        st.subheader("No face found in the example")
    good = _claim(public) if public and public.measured_on else ""
    # No badge: on a narrow screen its end would be cut off.
    st.markdown(f":material/model_training: {plain(label(folder))}{good}")
    with st.container(horizontal=True):
        if st.button("Try your own photo", type="primary", icon=":material/upload:"):
            st.session_state["images_source"] = "Files"
            st.switch_page(IMAGES.file)
        if st.button("Use the camera", icon=":material/photo_camera:"):
            st.session_state["images_source"] = "Camera"
            st.switch_page(IMAGES.file)

    st.markdown(
        "**What it cannot tell.** A face shows an expression; what a person feels is not in the "
        "picture. The seven categories come from posed and web images, on whose labels people "
        "agree for about 65 % of the faces."
    )
    st.markdown(
        "**Where it must not be used.** In the European Union, on people at work or in education, "
        "except for medical or safety reasons (AI Act, Article 5(1)(f)); elsewhere, tell the "
        "people exposed to it (Article 50(3))."
    )

with st.grid(3, min_column_width=260):
    for page in PAGES:
        if page is not HOME:
            with st.container(border=True, height="stretch", gap="small"):
                st.page_link(page.file, label=f"**{page.title}**", icon=page.icon)
                st.markdown(page.help)
footer()
