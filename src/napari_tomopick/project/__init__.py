"""The project file and the edit session on it: history, undo, autosave, tomogram status."""
