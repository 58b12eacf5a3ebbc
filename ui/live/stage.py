"""The element that shows the camera: what both ways of analysing it have in common."""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

from fer_core.files import sha256
from fer_core.resources import app_folder
from ui.common.component import script

HTML: Final = """
<div id="frame"><video id="shown" autoplay muted playsinline aria-label="Your camera, analysed">
</video>{over}<div id="note" role="status"></div></div>
<div id="row"><button id="start" type="button" disabled>Start</button>{buttons}
<button id="save" type="button" disabled>Save video…</button>
<button id="window" type="button" hidden>Small window</button>
<label hidden>Camera <select id="camera"></select></label>
<label>Resolution <select id="size"><option value="auto">Automatic</option>
<option value="480">480p</option><option value="720">720p</option>
<option value="1080">1080p</option></select></label>
<label hidden>Side <select id="facing"><option value="user">Front</option>
<option value="environment">Back</option></select></label></div>
<div id="question" role="group" aria-label="Save the video" hidden><p></p>
<button id="begin" type="button" class="primary">Save it</button>
<button id="cancel" type="button">Cancel</button></div>
<p id="notice" role="status" hidden></p>
<p id="marks" role="status" hidden></p>
<div id="stimuli" role="group" aria-label="Stimuli" hidden><label>Videos and pictures
<input id="files" type="file" multiple accept="video/*,image/*"></label>
<button id="play" type="button" disabled>Play</button><ol id="playlist"></ol>
<p id="played" role="status" hidden></p></div>
<div id="screen" tabindex="-1" hidden><video id="clip" playsinline hidden></video>
<img id="still" alt="" hidden></div>
"""
CSS: Final = """
#frame, #away { position: relative; aspect-ratio: 4 / 3; max-height: 400px; width: 100%;
  overflow: hidden;
  border-radius: var(--st-base-radius); background: var(--st-secondary-background-color); }
video { width: 100%; height: 100%; object-fit: contain; display: block; }
#source { position: absolute; inset: 0 auto auto 0; width: 2px; height: 2px; opacity: 0;
  pointer-events: none; }
.old { opacity: 0.25; transition: opacity 0.5s; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.mirrored { transform: scaleX(-1); }
#note { position: absolute; inset: 0; display: grid; place-items: center; padding: 1rem;
  color: var(--st-text-color); text-align: center; }
#note.over { place-items: end center; }
#note.over:not(:empty) { inset: auto 0 0 0; padding: 0.5rem 1rem; color: #fff;
  background: rgb(0 0 0 / 0.65); }
#away { display: grid; place-items: center; color: var(--st-text-color); }
#stimuli { margin-top: 0.5rem; padding: 0.75rem; color: var(--st-text-color);
  font-size: 0.9rem; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); }
#stimuli input { font: inherit; max-width: 100%; }
#stimuli ol { margin: 0.5rem 0 0; padding-left: 1.5rem; max-height: 8rem; overflow: auto; }
#stimuli p { margin: 0.5rem 0 0; }
#screen { position: fixed; inset: 0; z-index: 1000000; background: #000; cursor: none;
  outline: none; }
#screen.white { background: #fff; }
#screen img { width: 100%; height: 100%; object-fit: contain; display: block; }
[hidden] { display: none !important; }
#question { margin-top: 0.5rem; padding: 0.75rem; color: var(--st-text-color);
  font-size: 0.9rem; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); }
#question p { margin: 0 0 0.5rem; }
#question button { margin-right: 0.5rem; }
.covered { opacity: 0; }
#notice, #marks { color: var(--st-text-color); font-size: 0.9rem; margin: 0.5rem 0 0; }
#row { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center;
  margin-top: 0.75rem; }
button, select { font: inherit; color: var(--st-text-color); min-height: 2.5rem;
  background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); padding: 0 1rem; }
select { max-width: 14rem; padding: 0 0.5rem; }
button { min-width: 7rem; cursor: pointer; }
button:disabled { opacity: 0.5; cursor: default; }
button.primary { background: var(--st-primary-color); border-color: var(--st-primary-color);
  color: #fff; }
button:focus-visible, select:focus-visible { outline: 2px solid var(--st-primary-color);
  outline-offset: 2px; }
label { color: var(--st-text-color); font-size: 0.9rem; }
"""


def reported(key: str) -> dict[str, Any]:
    """Return what the browser reported last; it may be anything that a hostile one thinks of.

    Args:
        key: Of the component.

    Returns:
        ``phase`` is text; ``cause`` and ``trouble`` are text or ``None``, ``fps`` is a number or
        ``None``. What else there is has to be checked where it is used.
    """
    state = st.session_state.get(key)
    report = state.get("report") if isinstance(state, dict) else None
    report = dict(report) if isinstance(report, dict) else {}
    for name, default in (("phase", "off"), ("cause", None), ("trouble", None)):
        if not isinstance(report.get(name), str):
            report[name] = default
    fps = report.get("fps")
    number = isinstance(fps, int | float) and not isinstance(fps, bool) and math.isfinite(fps)
    report["fps"] = fps if number else None
    return report


def html(over: str, buttons: str = "") -> str:
    """Return the element's content.

    Args:
        over: What lies over the video.
        buttons: Further buttons beside Start.
    """
    return HTML.format(over=over, buttons=buttons)


def way(name: str) -> str:
    """Return the script of a way, after what both ways share."""
    here = Path(__file__).parent
    names = ("camera.js", "page_log.js", "player.js", "view.js", "saving.js", name)
    return script(*(here / name for name in names))


@lru_cache(maxsize=8)
def served(name: str) -> str:
    """Return where a browser finds a file of ``static/device``, relative to the app's address.

    It changes with the content, so that browsers may keep the file.
    """
    return f"app/static/device/{name}?{sha256(app_folder() / 'static' / 'device' / name)[:16]}"
