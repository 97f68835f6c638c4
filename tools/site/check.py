"""What is wrong with a built site: links that lead nowhere, and parts that would come from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import define, field

_PARTS = {"img": "src", "script": "src", "source": "src", "iframe": "src"}  # what a browser loads by itself


@define
class Page(HTMLParser):
    """What a page of HTML holds that others link to, links to, and loads."""

    anchors: set[str] = field(factory=set)
    links: list[str] = field(factory=list)
    parts: list[str] = field(factory=list)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical",):
            self.parts.append(given.get("href", ""))
        elif tag in _PARTS and _PARTS[tag] in given:
            self.parts.append(given[_PARTS[tag]])


def problems(site: Path) -> list[str]:
    """Return in words what is wrong with the pages below a folder."""
    pages = {path.resolve(): _read(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        found += [f"{name}: loads {part} from elsewhere" for part in page.parts if _is_outside(part)]
        found += [f"{name}: leads to {link}, {why}" for link in page.links if (why := _wrong(link, path, pages))]
        found += [f"{name}: loads {part}, which is not there" for part in page.parts if _is_missing(part, path)]
    return found


def _read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _is_outside(target: str) -> bool:
    return bool(urlsplit(target).netloc)


def _is_missing(part: str, page: Path) -> bool:
    parts = urlsplit(part)
    return not (parts.scheme or parts.netloc) and bool(parts.path) and not (page.parent / unquote(parts.path)).exists()


def _wrong(link: str, page: Path, pages: dict[Path, Page]) -> str:
    """Return why a link is wrong; one that leads out of the site is looked at by its form alone."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return (
            "" if parts.scheme in ("https", "http") and "." in parts.netloc and " " not in link else "which is no URL"
        )
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target not in pages:
        return "" if target.is_file() else "which is not there"
    return "" if not parts.fragment or unquote(parts.fragment) in pages[target].anchors else "which has no such heading"
