"""One small module per file format, behind one registry for volumes and one for particles and models."""
