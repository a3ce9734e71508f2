"""What axe-core says of a page that is open in a browser."""

from importlib.resources import files

from playwright.sync_api import Page

_SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

_SETTLED = """() =>
  !document.querySelector("[data-stale=true]") &&
  document.getAnimations().every(animation =>
    animation.playState !== "running" ||
    animation.effect?.getComputedTiming().endTime === Infinity)"""


def serious_violations(page: Page) -> list[str]:
    """Return the serious and critical violations, each with the first place where it is."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    # What is drawn anew fades in, and what is drawn over fades; both have less contrast meanwhile.
    page.wait_for_timeout(1500)
    page.wait_for_function(_SETTLED)
    page.evaluate(f"if (!window.axe) {{ {_SCRIPT} }}")
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}, {violation['nodes'][0]['failureSummary']}: "
        f"{violation['nodes'][0]['html'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
