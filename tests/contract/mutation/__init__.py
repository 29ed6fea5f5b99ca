"""Mutants of the memory backend, one line wrong in each, and a way to run the kit on them.

``python -m tests.contract.mutation [NAME...]`` prints which test of the kit kills which mutant.
"""
