"""The course's functions, one module per module of the course, under the names that learners import."""
