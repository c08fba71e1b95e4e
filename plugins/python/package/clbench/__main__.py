"""Start the program that is installed with this package: `clbench`, or `python -m clbench`."""

import os
import sys


def main():
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bin", "clbench")
    try:
        os.execv(program, [program, *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"clbench: cannot start {program}: {error.strerror}; `pip install` clbench again")


if __name__ == "__main__":
    main()
