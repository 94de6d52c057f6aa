"""The second course, *Improving Deep Neural Networks*: one module per notebook, and the parts they share.

Learners import them as ``deepnet.course.init_utils``, ``reg_utils``, ``gc_utils`` and ``opt_utils``.
"""
