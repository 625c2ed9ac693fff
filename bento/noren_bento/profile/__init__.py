"""What a version's inputs and outputs looked like on its reference data, as exact counts. Pure."""
