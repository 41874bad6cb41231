"""The run folder: parts, manifest, pictures; what makes a run resumable and readable without us."""
