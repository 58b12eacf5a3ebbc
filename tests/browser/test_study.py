"""The whole way of a study in a real Chromium: new study, videos, events, groups, report."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from benchmarks.browser import wait_for
from fer_core.datasets.demo import draw_face
from fer_core.study.folder import Study
from fer_core.video.clips import write_clip

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def clip(path: Path, emotion: str, seed: int) -> Path:
    """A drawn person who is neutral for two seconds and shows an emotion for two."""

    def frames():
        for i in range(40):
            face = draw_face(emotion if i >= 20 else "Neutral", 240, seed, strength=0.9)
            frame = np.full((240, 320, 3), 200, np.uint8)
            x = 40 + i % 4
            frame[:, x : x + 240] = cv2.resize(face, (240, 240))
            yield frame

    return write_clip(path, frames(), rate=10)


def view(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()


def test_from_videos_to_a_report(visit, app, tmp_path: Path) -> None:
    shown = {"P1_A_joy": ("Happy", 14), "P2_B_joy": ("Surprise", 21), "P3_A_joy": ("Happy", 34),
             "P4_B_joy": ("Surprise", 78)}  # fmt: skip
    clips = [clip(tmp_path / f"{name}.mp4", *how) for name, how in shown.items()]
    page = visit("study")
    page.get_by_role("button", name="New study").click()
    page.get_by_role("textbox", name="Name").fill("Smiles")
    page.get_by_role("textbox", name="Name").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Smiles")).to_be_visible()

    # Without consent and setting nothing is analysed.
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(clips)
    analyse = page.get_by_role("button", name="Analyse 4 videos")
    expect(analyse).to_be_disabled()
    page.get_by_text("The participants consented").click()
    page.get_by_role("combobox", name=re.compile("Setting")).click()
    page.get_by_role("option", name="research").click()
    page.get_by_text("Keep copies of the videos").click()
    expect(analyse).to_be_enabled()
    analyse.click()
    expect(page.get_by_text("4 participants · 4 recordings")).to_be_visible(timeout=240_000)
    study = Study.open(app.folder / "home" / "studies" / "Smiles")
    assert study.codes() == ["P1", "P2", "P3", "P4"] and study.group_of("P2") == "B"
    assert all(one.setting == "research" and study.video(one) for one in study.file.recordings)

    view(page, "Events")
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("smile")
    page.get_by_role("spinbutton", name="From, seconds").fill("2")
    page.get_by_role("spinbutton", name="Duration").fill("2")
    page.get_by_role("spinbutton", name="Duration").press("Enter")
    page.get_by_role("button", name="Add event").click()
    page.get_by_role("button", name="Copy to others").click()
    page.get_by_role("button", name="Copy", exact=True).click()

    view(page, "Measures")
    expect(page.get_by_text("Participants in results")).to_be_visible()
    events = {tuple(study.events(one)["trial_type"]) for one in study.file.recordings}
    assert events == {("joy", "smile")}
    view(page, "Curves")
    expect(page.get_by_text("Mean over participants")).to_be_visible()
    view(page, "Compare")
    expect(page.get_by_text("exploratory")).to_be_visible()
    expect(page.get_by_text(re.compile("people per group"))).to_have_count(2)
    view(page, "Report")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Report (HTML)").click()
    html = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert "smile" in html and "P4" in html and "<img" not in html
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_blind_labels_lead_to_agreement(visit, app) -> None:
    page = visit("study")
    page.get_by_role("button", name="Example study", exact=True).click()
    expect(page.get_by_role("heading", name="Example study")).to_be_visible(timeout=240_000)
    view(page, "Agreement")
    page.get_by_role("button", name="New set").click()
    page.get_by_role("button", name="Choose moments").click()
    page.get_by_role("textbox", name="Who labels").fill("ab")
    page.get_by_role("textbox", name="Who labels").press("Enter")
    expect(page.get_by_text("0 of 60 labelled")).to_be_visible()
    # Keys label, once the field of the name has lost the focus.
    page.get_by_role("heading", name="Example study").click()
    for number in range(3):
        page.keyboard.press("4")
        expect(page.get_by_text(f"{number + 1} of 60 labelled")).to_be_visible()
    page.get_by_role("radio", name="Results").click()
    expect(page.get_by_text("Accuracy of the product")).to_be_visible()
    folder = app.folder / "home" / "studies" / "example" / "labels" / "Set 1"
    assert (folder / "rater-ab.tsv").read_text().count("Happy") == 3
    assert "Happy" not in (folder / "items.tsv").read_text()


def test_verification_and_another_model_run_beside_the_page(visit, app) -> None:
    page = visit("study")
    page.get_by_role("button", name="Example study", exact=True).click()
    expect(page.get_by_role("heading", name="Example study")).to_be_visible(timeout=240_000)
    view(page, "Report")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("Analysing three recordings again")).to_be_visible()
    expect(page.get_by_text("Largest difference of a probability: 0.000000")).to_be_visible()
    page.get_by_role("button", name="Model").click()
    page.get_by_role("combobox", name="Assume emotions are").click()
    page.get_by_role("option", name="equally frequent").click()
    page.get_by_role("button", name="Analyse again").click()
    expect(page.get_by_text("Analysing every video with the other model")).to_be_visible()
    # The work goes on without the page.
    page.close()
    study = app.folder / "home" / "studies" / "example"
    wait_for(lambda: Study.open(study).file.class_prior == "uniform", 240)
    page = visit("study?study=example")
    expect(page.get_by_text("12 recordings · model fast, prior uniform")).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
