import sys
from pathlib import Path

# The writers of small model files and documents live with the tests of what reads them.
sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("core", "localdocs")]
