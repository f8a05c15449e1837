"""A model's file on this disk, and which program keeps it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One model; of a split one the first part.

    program: who keeps it. file_name: what its makers called it, from `root` on where there are folders;
    Ollama records a hash, or of the Hub's the quantisation.
    root: the folder in which the files that belong together lie.
    repository: that of the Hugging Face Hub it came from, where the program's own records say so.
    names: what else finds it, as Ollama's `llama3.2:3b`, the shortest first.
    sha256: of its content, where it is known without reading it.
    projector, adapters: the files that its program uses with it, where they are not told by their names.
    """

    path: Path
    program: str
    file_name: str
    root: Path
    repository: str | None = None
    names: tuple[str, ...] = ()
    sha256: str | None = None
    projector: Path | None = None
    adapters: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What to call it: the name that its program gave it, else the file's."""
        return self.names[0] if self.names else Path(self.file_name).name
