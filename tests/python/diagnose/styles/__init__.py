"""The course's functions, right in many ways: as learners write them."""
