"""Kubernetes, another implementation of the contract: pods, reached through the API server.

It needs the extra ``dexec-kernel[kubernetes]``, and is imported only when a pod is meant.
"""
