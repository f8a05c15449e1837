"""`python -m gpt4all_app` is `gpt4all`."""

import sys

from gpt4all_app.main import main

sys.exit(main())
