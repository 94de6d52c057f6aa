"""Checks the built site: every link within it has a target, and no page loads anything from another host.

    python docs/check_site.py build/docs/html

Also that every picture has an alternative text, and every page one heading of the first level, with no
level left out.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
}
LOADED_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "manifest", "preconnect"}


class Page(HTMLParser):
    """What one page links to, what it loads, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.levels: list[int] = []
        self.images_without_text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect from one tag."""
        have = {name: value or "" for name, value in attributes}
        self.names.update(have[name] for name in ("id", "name") if name in have)
        if tag == "a" and "href" in have:
            self.links.append(have["href"])
        if tag in LOADS and LOADS[tag] in have:
            self.loads.append(have[LOADS[tag]])
        if tag == "link" and LOADED_LINKS & set(have.get("rel", "").split()):
            self.loads.append(have.get("href", ""))
        if tag == "img" and not have.get("alt", "").strip():
            self.images_without_text.append(have.get("src", ""))
        if tag == "svg" and have.get("role") == "img" and not have.get("aria-label", "").strip():
            self.images_without_text.append("drawn in the page")
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.levels.append(int(tag[1]))


def offences(site: Path) -> list[str]:
    """Return what is wrong in a folder of built pages."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{name}: {link} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
                found.append(f"{name}: {link} names nothing in that page")
        for load in page.loads:
            parts = urlsplit(load)
            if parts.netloc or parts.scheme not in ("", "data"):
                found.append(f"{name}: {load} is loaded from another host")
            elif not parts.scheme and not (path.parent / unquote(parts.path)).resolve().exists():
                found.append(f"{name}: {load} does not exist")
        found += [
            f"{name}: the picture {image} has no alternative text" for image in page.images_without_text
        ]
        if name.name not in ("search.html", "genindex.html", "py-modindex.html"):
            if page.levels.count(1) != 1:
                found.append(f"{name}: {page.levels.count(1)} headings of the first level")
            skipped = [b for a, b in zip(page.levels, page.levels[1:], strict=False) if b > a + 1]
            found += [f"{name}: a heading of level {level} follows one of a level above" for level in skipped]
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        loaded = re.search(r"""url\(["']?(?:https?:)?//|@import""", text)
        if loaded:
            found.append(f"{style.relative_to(site)}: {loaded[0]} loads from another host")
    return found


def main() -> None:
    """Print what is wrong; the exit status is 1 if anything is."""
    (site,) = sys.argv[1:]
    found = offences(Path(site))
    print(*found or ["every link has a target, and nothing is loaded from elsewhere"], sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
