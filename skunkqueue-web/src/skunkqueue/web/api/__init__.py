"""The JSON API below ``/api/v1``: the same store, rights and rules as the pages, for programs."""
