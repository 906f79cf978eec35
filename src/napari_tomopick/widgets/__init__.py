"""Dock widgets: views only. They show a session and report what the user meant."""
