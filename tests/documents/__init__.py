"""The pages of docs/: they make a site, and what they show runs."""
