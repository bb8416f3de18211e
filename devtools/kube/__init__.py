"""Pods for tests: a private containerd behind a front that speaks the Kubernetes API.

The execs are real: containerd's own streaming server runs them, the one that a kubelet passes
clients on to. The REST part in front of it is ours. ``private.py`` starts both in one process.
"""
