"""Run dynplan: the console script, and `python -m dynplan`."""

import gc


def main() -> None:
    """Run the command line.

    What is imported stays to the end, so the collector need not look at it: neither while the imports make it,
    nor later. It would do so for a twentieth of what a small compile costs.
    """
    gc.disable()
    from dynplan.cli import app  # after the line above

    gc.freeze()
    gc.enable()
    app(prog_name="dynplan")


if __name__ == "__main__":
    main()
