"""The course's functions as a careful learner writes them: right, and in the course's own form.

The catalogue of mistakes edits the text of these functions, and the probes compare a learner's results with
theirs. Tests compare them with :mod:`deepnet.reference` and :mod:`deepnet.course`.
"""
