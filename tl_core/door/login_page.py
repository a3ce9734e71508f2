"""The page that asks for the password: plain HTML, no script, nothing from elsewhere."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'">
<meta name="robots" content="noindex"><title>{title} · Transfer Lab</title><style>
:root {{ color-scheme: light dark; --paper: #fcfbf9; --ink: #101820; --line: #8a857c;
  --fill: #2b3a45; --wrong: #b3261e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: #12171b; --ink: #e7eaec; --line: #7a8790;
  --fill: #5b7486; --wrong: #f28b82; }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
main {{ width: min(22rem, 100vw - 3rem); }}
h1 {{ font: 600 1.6rem/1.2 Georgia, serif; margin: 0 0 1rem; }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit; }}
input {{ margin: .3rem 0 1rem; padding: .6rem .8rem; border: 1px solid var(--line);
  border-radius: 10px; background: transparent; color: inherit; }}
button {{ padding: .6rem; border: 0; border-radius: 10px; background: var(--fill); color: #fff;
  font-weight: 600; cursor: pointer; }}
:focus-visible {{ outline: 2px solid var(--ink); outline-offset: 2px; }}
[role=alert] {{ color: var(--wrong); }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>
"""


def page(title: str, sentence: str) -> str:
    """Return an HTML page that says one thing."""
    return _PAGE.format(title=escape(title), body=f"<p>{escape(sentence)}</p>")


def login_page(query: str, problem: str = "") -> str:
    """Return the HTML form for the password; `query` of its address comes back with it."""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    action = escape(f"?{query}" if query else "")
    return _PAGE.format(
        title="Transfer Lab",
        body=f'<form method="post" action="{action}"><label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password"'
        f" required autofocus>{alert}<button>Log in</button></form>",
    )
