"""Finding particles: the network taught by a handful of references."""
