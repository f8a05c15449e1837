import sys
from pathlib import Path

# The writers of small model files live with the tests of what reads them.
sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
