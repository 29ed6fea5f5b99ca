"""The short helps of the project's own commands, so that ``skunq --help`` imports none of these commands.

A test holds them equal to what the commands themselves say. Commands of other plugins are imported for their help.
"""

from __future__ import annotations

SHORT_HELPS = {
    "audit": "Show who did what, newest first.",
    "delete": "Delete firings, finished or pending, with their results.",
    "demo": "Run a pool and one job of each kind, in a few seconds.",
    "doctor": "Find the usual mistakes and say the cure.",
    "errors": "Show failures, grouped by job and error.",
    "fire": """Fire a job: fire shop:sell 4 '"apples"' --kwargs '{"gift": true}'.""",
    "job": "Show one firing: call, attempts, timeline, and how it ended.",
    "jobs": "List firings, a page at a time.",
    "kill": "Kill firings.",
    "pause": "Let workers begin nothing more of a queue or route.",
    "plugins": "Show all plugins, and why the broken ones are.",
    "pools": "Show live pools, and how their workers stand.",
    "prune": "Remove finished firings and entries of the audit log whose time is over.",
    "purge": "Remove all pending firings of a queue or route.",
    "queues": "Show queues and routes, and how much waits there.",
    "quiet": "Let workers or whole pools begin nothing more, and stay.",
    "requeue": "Run finished firings again.",
    "restart": "Replace workers by new ones, such as for new code.",
    "resume": "End a pause.",
    "run": "Make pending firings due now, not when their time comes.",
    "schedule": "Pause, resume, run or remove one schedule, or show its history.",
    "schedules": "Show schedules: rule, jobs, last and next run.",
    "stats": "Show rates, waits and run times by route and by job.",
    "stop": "Stop workers or whole pools, gently or roughly.",
    "top": "Watch queues, rates, workers and running jobs live.",
    "work": "Run the jobs of a queue's routes, until told to stop.",
    "workers": "Show live workers, and what they do.",
}
"""Those of core, which no plugin can replace."""

PUBLISHED = {"web": ("skunkqueue-web", "Serve the web monitor, until Ctrl-C or TERM.")}
"""Those of the project's plugins: by name, the distribution that must have brought the command, and its short help."""
