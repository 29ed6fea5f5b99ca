"""The ``skunq`` program."""
