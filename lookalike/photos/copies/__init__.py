"""Which photos are copies of each other, and which show one scene; asked by `clean`, and by `train` for its split.

links       all of these over a set, and groups
near        pairs that may be copies          lay         many pairs laid on each other at once, in grey
closely     those pairs looked at in colour   place       one photo laid on another, at their own pixels
agree       how well a pair agrees            likeness    what an agreement means
residual    what differs then                 recolour    changes of colour
grain       what bare surfaces share          cells       pictures cell by cell
"""
