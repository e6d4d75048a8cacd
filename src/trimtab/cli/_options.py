"""Commands that take a program of the user behind --."""

from __future__ import annotations

import click

__all__ = ["TakesCommand"]


class TakesCommand(click.Command):
    """Knows what is wrong when a program's options are taken for its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(
                f"{error.format_message()} If {error.option_name} belongs to your program, put -- before the program: "
                f"{ctx.command_path} {self.params[0].metavar} -- python train.py ...",
                ctx,
            ) from None
