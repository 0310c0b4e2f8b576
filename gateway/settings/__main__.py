"""``python -m gateway.settings [--check] [FOLDER]``: write the configuration's page and schema."""

import sys

from gateway.settings.docs import main

sys.exit(main(sys.argv[1:]))
