"""How the report looks: one page without scripts or files beside it, readable as it stands."""

import base64
import html

STYLE = """
:root { color-scheme: light; --ink: #0f172a; --muted: #64748b; --line: #e2e8f0; --soft: #f8fafc;
  --error: #b91c1c; --warning: #b45309; --note: #0369a1; --fine: #15803d; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 32px 80px; }
h1 { font-size: 26px; margin: 0 0 2px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 0; }
p { margin: 6px 0 14px; max-width: 78ch; }
code, .path { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px; }
.path, .detail, .quiet { color: var(--muted); overflow-wrap: anywhere; }
.verdict { margin: 22px 0; padding: 14px 20px; border-left: 5px solid; border-radius: 4px;
  background: var(--soft); font-size: 18px; font-weight: 600; }
.error { color: var(--error); } .warning { color: var(--warning); }
.note { color: var(--note); } .fine { color: var(--fine); }
.amounts { display: flex; flex-wrap: wrap; gap: 12px 44px; margin: 0 0 26px; }
.amounts dt { color: var(--muted); font-size: 13px; }
.amounts dd { margin: 0; font-size: 20px; font-weight: 600; }
.amounts div { display: flex; flex-direction: column-reverse; }
table { border-collapse: collapse; width: 100%; }
td { padding: 7px 14px 7px 0; border-top: 1px solid var(--line); vertical-align: baseline; }
td.number { text-align: right; font-variant-numeric: tabular-nums; width: 90px; }
td.severity { width: 100px; font-weight: 600; }
a { color: inherit; text-decoration-color: #cbd5e1; text-underline-offset: 3px; }
section { margin-top: 46px; }
section > header { display: flex; gap: 14px; align-items: baseline; }
.badge { font-size: 12px; font-weight: 600; border: 1px solid; border-radius: 99px;
  padding: 1px 10px; white-space: nowrap; }
.case { border-top: 1px solid var(--line); padding: 10px 0 12px; }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr));
  gap: 16px 24px; margin-top: 8px; }
figure { margin: 0; min-width: 0; }
figure img { display: block; max-width: 100%; height: auto; border-radius: 3px; }
figcaption { font-size: 13px; margin-top: 4px; overflow-wrap: anywhere; line-height: 1.4; }
.nothing { height: 84px; border-radius: 3px; background: #f1f5f9; color: var(--muted);
  display: grid; place-items: center; font-size: 13px; }
.words { columns: 2; column-gap: 32px; padding-left: 18px; margin: 8px 0; overflow-wrap: anywhere; }
.plot { max-width: 100%; height: auto; }
"""


def page(title: str, body: str) -> str:
    """Returns a whole page; `body` is HTML."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        # What the data calls itself stays text even if a mark of HTML slipped through.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(words: str) -> str:
    """Returns words as HTML, whatever they hold."""
    return html.escape(words, quote=True)


def image(content: bytes, kind: str, description: str, style: str = "") -> str:
    """Returns an image that is part of the page; `kind` is png or jpeg."""
    data = base64.b64encode(content).decode()
    return f'<img class="{style}" src="data:image/{kind};base64,{data}" alt="{text(description)}">'
