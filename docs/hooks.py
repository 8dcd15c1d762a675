"""Pages of the site that are files of the checkout, and links that lead to them.

On GitHub a page of docs/ links to `../deploy/nginx`, and the file is there. The site has no files beside docs/, so
each of them becomes a page, and links are turned towards it.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"

# Files of the checkout's root, each with its page.
ROOT_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md"}

# How a block of code is coloured, by the end of its file's name.
LANGUAGES = {".conf": "nginx", ".service": "ini", ".socket": "ini", ".ini": "ini", ".py": "python", ".json": "json"}

INTRODUCTION = """# Ready-made configurations

The files of `deploy/` in the checkout; each is used by a test, as it stands here.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    for name, page in ROOT_PAGES.items():
        if (ROOT / name).exists():
            files.append(File.generated(config, page, content=(ROOT / name).read_text()))
    files.append(File.generated(config, "deploy.md", content=_deploy_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of the checkout towards their pages."""
    for name, target in ROOT_PAGES.items():
        markdown = markdown.replace(f"](../{name}", f"]({target}").replace(f"]({name}", f"]({target}")
    markdown = re.sub(r"\]\(\.\./deploy(?:/(\w+)[^)]*)?\)", _to_deploy, markdown)
    return markdown.replace("](docs/", "](") if page.file.src_uri in ROOT_PAGES.values() else markdown


def _to_deploy(link: re.Match[str]) -> str:
    return "](deploy.md)" if link[1] is None else f"](deploy.md#{link[1]})"


def _deploy_page() -> str:
    folders = sorted({path.parent for path in DEPLOY.rglob("*") if path.is_file()})
    return INTRODUCTION + "".join(f"\n## {folder.relative_to(DEPLOY)}\n{_blocks(folder)}" for folder in folders)


def _blocks(folder: Path) -> str:
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    return "".join(
        f"\n`{path.relative_to(ROOT)}`\n\n```{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text().rstrip()}\n```\n"
        for path in paths
    )
