"""Everything about pictures as files; each is made when it is asked for."""

from fer_core.files import named_after
from ui.common.controls import Choice
from ui.common.exports import Download, downloads, to_csv, to_json, to_png, to_zip
from ui.common.pictures import Result
from ui.images.results import count
from ui.images.summary import summary_csv, summary_html
from ui.services import quotas


def export(results: list[Result], choice: Choice, of: int) -> None:
    """Offer all downloads.

    Args:
        results: The pictures that are shown.
        choice: How they are to be read.
        of: How many there are, shown or not.
    """
    note = f"The files cover all {of} pictures, also while one of them is open." if of > 1 else ""
    if len(results) < of:
        note = f"Of the {count(len(results), 'picture', 'pictures')} that pass the filters."
    results = [r for r in results if r.analysis or r.error]
    pictures = [r for r in results if r.analysis]
    if not results:
        return
    # One picture's files are named after it, those of several after what they hold.
    first = results[0].picture.name if len(results) == 1 else "pictures"
    files = []
    if len(pictures) == 1:
        files.append(
            Download(
                "Annotated picture (PNG)",
                lambda: to_png(pictures[0], choice.unsure_below),
                named_after(first, "annotated", ".png"),
                "image/png",
            )
        )
    elif pictures:
        most = quotas.download_bytes()  # asked now: the file is made outside of a run
        files.append(
            Download(
                "Annotated pictures (ZIP)",
                lambda: to_zip(pictures, choice.unsure_below, most),
                named_after(first, "annotated", ".zip"),
                "application/zip",
            )
        )
    files += [
        Download(
            "Table of faces (CSV)",
            lambda: to_csv(results, choice.unsure_below),
            named_after(first, "emotions", ".csv"),
            "text/csv",
        ),
        Download(
            "Everything (JSON)",
            lambda: to_json(results, choice.unsure_below),
            named_after(first, "emotions", ".json"),
            "application/json",
        ),
    ]
    if of > 1:
        files += [
            Download(
                "Summary (CSV)",
                lambda: summary_csv(results),
                named_after(first, "summary", ".csv"),
                "text/csv",
            ),
            Download(
                "Summary with chart (HTML)",
                lambda: summary_html(results),
                named_after(first, "summary", ".html"),
                "text/html",
            ),
        ]
    downloads(files, "images", note)
