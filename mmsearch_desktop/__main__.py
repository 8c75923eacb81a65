"""The entry of the program: the window, or a command."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys


def main() -> int:
    """The exit status: 0 done, 1 failed, 2 wrong usage."""
    _have_streams()
    multiprocessing.freeze_support()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    from mmsearch_desktop import arguments

    options = arguments.parse(sys.argv[1:])
    if options.command is None and options.self_test:
        from mmsearch_desktop import self_test

        return self_test.run(options)
    if options.command is not None:
        from mmsearch_desktop import cli

        return cli.main(sys.argv[1:])
    return _window(options)


def _window(options: argparse.Namespace) -> int:
    from mmsearch_desktop import doctor
    from mmsearch_desktop.terminal import PROGRAM, fail

    if not doctor.has_screen():
        return fail(
            "there is no screen for the window (DISPLAY and WAYLAND_DISPLAY are not set)."
            f" Start it from a desktop session, or use the commands: {PROGRAM} --help"
        )
    try:
        from mmsearch_desktop import app
    except ImportError as error:  # most often a library of the system that Qt needs
        return fail(f"the window cannot be opened: {error}. See {PROGRAM} doctor")
    return app.run(options)


def _have_streams() -> None:
    """A packaged program without a console has none, and libraries write to them unasked."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 to the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 to the end


if __name__ == "__main__":
    sys.exit(main())
