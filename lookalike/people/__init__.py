"""People: the same face again, told by a network that knows faces. Nothing here needs torch.

graph      the network as an ONNX model of ours     eyes       photos to faces with features, kept by content
identity   the person whom a label's photos share   head       from features to labels
"""
