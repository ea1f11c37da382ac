"""`python -m sandbox.source`: the command on its own."""

import typer

from sandbox.source.command import source

if __name__ == "__main__":
    typer.run(source)
