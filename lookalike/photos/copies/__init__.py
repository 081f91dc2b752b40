"""Which photos are copies of each other, and which show one scene; asked by `clean`, and by `train` for its split.

near        pairs that may be copies          lay         many pairs laid on each other at once
agree       one pair compared in colour       likeness    what an agreement means
grain       what bare surfaces share          cells       pictures cell by cell
links       all of these over a set, and groups
"""
