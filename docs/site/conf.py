"""Settings of the site: `tools/docs.py` lays the documents out in a folder of their own and calls Sphinx with these."""

from modescape.version import __version__

project = "modescape"
author = copyright = "The modescape authors"
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
exclude_patterns = ["docs/tutorials/studies", "docs/tutorials/comparisons", "docs/tutorials/digits-pictures"]

# Markdown: the documents are written for any reader of Markdown, links between them are checked here
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
suppress_warnings = ["myst.header"]  # a generated page may begin below the first level

# tutorials: run anew in every build; an error in a cell is a warning with its traceback, and warnings fail the build
nb_execution_mode = "force"
nb_execution_timeout = 240  # seconds a cell
nb_execution_show_tb = True
nb_merge_streams = True
nb_render_text_lexer = "text"
nb_mime_priority_overrides = [("html", "text/html", None)]  # figures that need a script of others' are left out

# the reference, from docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
default_role = "literal"

# the look; nothing is fetched from elsewhere
html_theme = "furo"
html_title = f"modescape {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
pygments_style, pygments_dark_style = "friendly", "github-dark"
