"""A visitor without a mouse: everything is reached with Tab and done with keys."""

import re
from pathlib import Path

from playwright.sync_api import FileChooser, Locator, Page, expect

#: Presses of Tab after which nobody would go on.
PATIENCE = 150
_HAS_FOCUS = """(wanted) => {
  let now = document.activeElement;
  while (now?.shadowRoot?.activeElement) now = now.shadowRoot.activeElement;
  return !!now && (wanted === now || wanted.contains(now));
}"""


class Keyboard:
    """Goes through a page with keys alone.

    Where a control is, is found by its role and name, as a screen reader tells them. That it can be
    reached is what the Tab key shows.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, target: Locator) -> None:
        """Press Tab until the focus is on ``target`` or within it."""
        expect(target).to_be_visible()
        for _ in range(PATIENCE):
            if target.evaluate(_HAS_FOCUS):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never leads to {target}")

    def button(self, name: str, *, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=name, exact=True).first

    def press(self, name: str, key: str = "Enter", *, within: Locator | None = None) -> None:
        """Reach a button and press it."""
        self.reach(self.button(name, within=within))
        self.page.keyboard.press(key)

    def choose(self, name: str, *, within: Locator | None = None) -> None:
        """Choose one of a row of choices: Tab reaches the chosen one, arrows lead to the others."""
        wanted = (within or self.page).get_by_role("radio", name=name, exact=True).first
        expect(wanted).to_be_visible()
        group = wanted.locator("xpath=ancestor::*[@role='radiogroup'][1]")
        self.reach(group)
        for _ in range(20):
            if wanted.evaluate(_HAS_FOCUS):
                break
            self.page.keyboard.press("ArrowRight")
        self.page.keyboard.press("Space")
        expect(wanted).to_be_checked()

    def select(self, box: Locator, option: str) -> None:
        """Reach a box and choose an option by its first letters."""
        self.reach(box)
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.type(option)
        expect(self.page.get_by_role("option", name=re.compile(f"^{option}"))).to_have_count(1)
        self.page.keyboard.press("Enter")

    def fill(self, box: Locator, text: str) -> None:
        """Reach a field and write into it."""
        self.reach(box)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def toggle(self, box: Locator) -> None:
        """Reach a switch or checkbox and turn it."""
        self.reach(box)
        self.page.keyboard.press("Space")

    def upload(self, name: str, files: list) -> None:
        """Press the button of a drop zone and choose files in the window of the system."""
        self.reach(self.button(name))
        with self.page.expect_file_chooser() as waiting:
            self.page.keyboard.press("Enter")
        chooser: FileChooser = waiting.value
        chooser.set_files(files)

    def row(self, table: Locator, number: int) -> None:
        """Select a row of a table, from 0: the header is above the first."""
        self.reach(table.get_by_test_id("data-grid-canvas").first)
        self.page.keyboard.press("ControlOrMeta+Home")
        for _ in range(number):
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Shift+Space")

    def export(self, name: str, *, of: str = "Export") -> Path:
        """Download a file of the menu of exports."""
        self.press(of)
        self.reach(self.button(name))
        with self.page.expect_download() as waiting:
            self.page.keyboard.press("Enter")
        self.page.keyboard.press("Escape")
        return Path(waiting.value.path())
