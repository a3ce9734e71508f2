"""What axe-core says of a page that is open in a browser."""

from importlib.resources import files

from playwright.sync_api import Page

_SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

# What is drawn anew fades in, and what is drawn over fades; both have less contrast meanwhile. So
# nothing may have changed for half a second, and nothing may be moving then.
_SETTLED = """() => new Promise((resolve, reject) => {
  const still = () =>
    !document.querySelector("[data-stale=true]") &&
    document.getAnimations().every(animation =>
      animation.playState !== "running" ||
      animation.effect?.getComputedTiming().endTime === Infinity)
  let timer
  const wait = () => {
    clearTimeout(timer)
    timer = setTimeout(() => still() ? resolve() : wait(), 500)
  }
  new MutationObserver(wait).observe(
    document, { subtree: true, childList: true, attributes: true, characterData: true })
  wait()
  setTimeout(() => reject(new Error("the page never comes to rest")), 60_000)
})"""


def serious_violations(page: Page, in_the_app: bool = True) -> list[str]:
    """Return the serious and critical violations, each with the first place where it is."""
    if in_the_app:
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.evaluate(_SETTLED)
    page.evaluate(f"if (!window.axe) {{ {_SCRIPT} }}")
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}, {violation['nodes'][0]['failureSummary']}: "
        f"{violation['nodes'][0]['html'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
