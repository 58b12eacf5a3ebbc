"""Nothing on any page keeps people from using it, light and dark, as far as axe-core can tell."""

import re

import pytest
from playwright.sync_api import Page

from benchmarks.screenshots import walk

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

#: Settings of the app.
SETTINGS = {"FER_DATA": "demo"}

#: What lies inside Streamlit's own widgets: the rule, what its address must hold, and why.
EXCEPTIONS: list[tuple[str, str, str]] = [
    (
        "color-contrast",
        r"span\[aria-hidden=\"true\"\] > .*stMarkdownContainer",
        "The label of a disabled widget, which WCAG 1.4.3 leaves out; axe does not see the tie.",
    ),
    (
        "svg-img-alt",
        r"\.stretch_brush(_bg)? ",
        "The brush of an interval selection, which Vega draws without a description of its own and "
        "offers no way to give one. The chart has a text, and its stretch two fields beside it.",
    ),
]


def is_known(rule: str, address: str) -> bool:
    return any(rule == known and re.search(part, address) for known, part, _ in EXCEPTIONS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_violation(visit, app, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page: Page = visit(scheme=scheme)
    found: set[str] = set()

    def check(station: str) -> None:
        for violation in axe.run(page).response["violations"]:
            if violation["impact"] not in ("serious", "critical"):
                continue
            for node in violation["nodes"]:
                address = " ".join(map(str, node["target"]))
                if not is_known(violation["id"], f"{address} {node['html']}"):
                    found.add(f"{station}: {violation['id']} at {address}: {node['html'][:120]}")

    walk(page, app.url, check)
    assert not found, "\n".join(sorted(found))
