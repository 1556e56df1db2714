"""The parts of the page: what it counts, says and draws."""
