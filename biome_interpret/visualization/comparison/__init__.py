"""Shows the summary of a study: in the terminal, and as a page."""
