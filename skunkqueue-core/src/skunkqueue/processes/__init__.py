"""What a pool and its workers share: settings, the control pipe, the scoreboard, exit codes, logging, hook plugins.

Knows neither ``skunkqueue.pool`` nor ``skunkqueue.worker``, which do not import each other.
"""
