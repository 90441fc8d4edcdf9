"""Container images for a project."""
