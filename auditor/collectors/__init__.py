"""One module a workload: it knows that service's URLs and which answers mean which status.

A collector never decides what a difference means, never retries and never touches tokens.
"""
