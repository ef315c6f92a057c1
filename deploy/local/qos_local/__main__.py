"""`python -m qos_local` is `qos`."""

from qos_local.cli import main

if __name__ == "__main__":
    main()
