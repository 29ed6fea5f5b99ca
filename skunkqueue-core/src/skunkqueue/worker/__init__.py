"""What runs jobs: a pool of worker processes. ``Pool(PoolSettings(...)).run()`` is what ``skunq work`` does.

Nothing is imported here, since a worker process must stay small and the pool needs none of its parts.
"""
