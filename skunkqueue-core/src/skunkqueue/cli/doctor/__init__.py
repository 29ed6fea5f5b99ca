"""``skunq doctor``: look for the usual mistakes, and say the cure."""

from skunkqueue.cli.doctor.command import doctor

__all__ = ["doctor"]
