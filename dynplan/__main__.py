"""Run dynplan as `python -m dynplan`."""

from dynplan.cli import main

if __name__ == "__main__":
    main()
