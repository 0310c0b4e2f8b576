"""The configuration: what a file may say, and everything that is wrong with one that says something else.

``check`` reads a file and gives its Settings and every problem; ``load`` raises ConfigError instead. A file is read in
four steps, each of which keeps the line of what it reads: YAML to nodes (``nodes``), nodes to plain values with the
environment's variables in place (``reader``), values to sections (``schema`` and its like), sections to each other
(``rules``). A wrong value does not hide the problems behind it: ``sound`` cuts it out, and the rules run on the rest.
"""

from gateway.settings.document import Document
from gateway.settings.load import ExtraCheck, check, load
from gateway.settings.reader import Place
from gateway.settings.schema import Settings

__all__ = ["Document", "ExtraCheck", "Place", "Settings", "check", "load"]
