"""The parent process: starts worker processes, watches them, replaces them, and hears signals and commands.

``supervisor`` is the beginning: ``Supervisor(PoolSettings(...)).run()`` is what ``skunq work`` does. Imports nothing of
``skunkqueue.worker``, and nothing of users' code.
"""
