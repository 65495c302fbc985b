"""Write generated files, or with --check fail if one differs from what would be written."""

import sys

if __name__ == "__main__":
    sys.exit(0)
