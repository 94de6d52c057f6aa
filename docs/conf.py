"""Settings of the documentation site: `make docs` builds it in build/docs/html, with every warning an error.

The pages are Markdown that also reads well on a code host. Those of tutorials/ are notebooks as text, which
the build runs. The built pages load nothing from other hosts.
"""

import hashlib
import os
import shutil
import sys
import tomllib
from pathlib import Path

import deepnet

sys.path.insert(0, str(Path(__file__).parent))
from charts import with_charts

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "deepnet"
author = "the authors of deepnet"
copyright = f"{author}, BSD 3-Clause licence"
release = version = PROJECT["version"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["images"]
language = "en"
nitpicky = True
# Single backticks in docstrings are code, and a link where they name something documented.
default_role = "py:obj"
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    ("py:.*", r"(numpy|np|scipy|sklearn|mpi4py|matplotlib|pathlib|collections|typing|Any|TypeVar)\b.*"),
]

# --- pages and notebooks ------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "smartquotes"]
myst_heading_anchors = 4
myst_links_external_new_tab = False


def _code() -> str:
    """Return a digest of the package: notebooks that ran with other code run again."""
    digest = hashlib.sha256()
    package = Path(deepnet.__file__).parent
    for path in sorted([*package.rglob("*.py"), Path(deepnet.backends.native.__file__)]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_CACHES = ROOT / "build" / "docs" / "notebooks"
_CACHE = _CACHES / _code()
for _old in _CACHES.glob("*"):
    if _old != _CACHE:
        shutil.rmtree(_old)

nb_execution_mode = "cache"
nb_execution_cache_path = str(_CACHE)
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_execution_show_tb = True
nb_output_stderr = "remove"  # warnings there name files of this machine
os.environ["TTY_COMPATIBLE"] = "0"  # commands in notebooks print lines, and draw no progress bars
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # none: they would come from another host

# --- the API reference --------------------------------------------------------------------------------------

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # the docstrings say more
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

# --- how it looks -------------------------------------------------------------------------------------------

html_theme = "furo"
html_title = f"deepnet {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    # Both pairs have a contrast of at least 4.5 to 1 on their background.
    "light_css_variables": {"color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad"},
    "dark_css_variables": {"color-brand-primary": "#79b8ff", "color-brand-content": "#79b8ff"},
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


# Pages that are files of the root, where code hosts look for them.
FROM_ROOT = {"contributing": "CONTRIBUTING.md", "security": "SECURITY.md", "changelog": "CHANGELOG.md"}


def _from_root(app, docname, source):
    """Take the text of a page from its file in the root, with links as they are from docs/."""
    if docname in FROM_ROOT:
        path = ROOT / FROM_ROOT[docname]
        text = path.read_text(encoding="utf-8").replace("](docs/", "](")
        for page, name in FROM_ROOT.items():
            text = text.replace(f"]({name})", f"]({page}.md)")
        app.env.note_dependency(str(path))
        source[0] = text


def _charts(app, docname, source):
    """Draw the tables of results."""
    if docname.startswith("performance_results"):
        source[0] = with_charts(source[0])
        app.env.note_dependency(str(ROOT / "docs" / "charts.py"))


def _not_from_elsewhere(app, what, name, member, skip, options):
    """Leave out what estimators inherit from scikit-learn: its own documentation has that."""
    module = getattr(member, "__module__", None) or getattr(getattr(member, "fget", None), "__module__", "")
    return True if module and not module.startswith("deepnet") else None


def setup(app):
    """Connect them to Sphinx."""
    app.connect("source-read", _from_root)
    app.connect("source-read", _charts)
    app.connect("autodoc-skip-member", _not_from_elsewhere)
