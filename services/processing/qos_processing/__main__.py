"""`python -m qos_processing`: one worker, configured by the environment, until SIGTERM or Ctrl-C."""

import sys

from qos_processing.bootstrap import work
from qos_processing.ending import run

if __name__ == "__main__":
    sys.exit(run(work))
