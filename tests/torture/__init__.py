"""`make torture`: what takes minutes and shows that nothing is lost, believed or let through that should not be.

python -m tests.torture                the whole of it, and one line with the score at the end
python -m tests.torture kills models   only these parts of it
"""
