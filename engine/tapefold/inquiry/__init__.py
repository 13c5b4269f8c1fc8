"""Questions about the past of a log or a session: why, when, what differs, and what there was."""
