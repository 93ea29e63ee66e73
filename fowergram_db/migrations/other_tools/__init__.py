"""Find and read the histories that other migration tools keep."""
