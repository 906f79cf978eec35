"""Plain arrays in, plain arrays out: no file, no project, no screen."""
