"""What a user makes: models of user points, particles, and the tomograms they are in."""
