"""What changed between two finished runs, and what a migration did: pure functions of run folders."""
