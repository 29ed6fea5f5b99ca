"""Run: find the job of a claim, call it in the main thread, on a thread or on the event loop, and interrupt it."""
