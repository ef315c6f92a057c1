"""docker-compose.yml as the compose specification's own library understands it."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import uv

from support.absent import absent

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
_SOURCE = Path(__file__).parent / "compose_loader"


@dataclass(frozen=True, slots=True)
class ComposeLoader:
    """Reads compose files: variables put in, checked against the specification's schema and for consistency."""

    program: Path

    def load(self, file: Path, variables: Mapping[str, str]) -> Any:
        """The model, with the services of every profile. Raises ValueError with what is wrong with the file."""
        environment = {"PATH": os.environ["PATH"], **variables}
        loaded = subprocess.run([self.program, file], env=environment, capture_output=True, text=True, check=False)
        if loaded.returncode != 0:
            raise ValueError(loaded.stderr)
        return json.loads(loaded.stdout)


def built_loader() -> ComposeLoader:
    """The loader that the present source and pins make, built now where it isn't there: the compiler comes from a
    package, as pinned beside the source."""
    sources = sorted(path for path in _SOURCE.iterdir() if path.suffix != ".in")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    program = platformdirs.user_cache_path("qos") / "compose-loader" / digest[:16]
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as directory:
            made = Path(directory) / "loader"
            compiler = [uv.find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable]
            compiler += ["--with-requirements", str(_SOURCE / "requirements.txt"), "go"]
            built = subprocess.run(
                [*compiler, "build", "-o", made, "."],
                cwd=_SOURCE,
                env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
                capture_output=True,
                text=True,
                check=False,
            )
            if built.returncode != 0:
                absent(f"the loader of compose files can't be built from its packages: {built.stderr.strip()}")
            made.replace(program)
    return ComposeLoader(program)
