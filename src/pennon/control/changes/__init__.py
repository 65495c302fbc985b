"""Changes: semantic edits, several as one, and everything that is read off a log: diff, history, revert."""
