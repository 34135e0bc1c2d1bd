"""Comparison of methods with several given models each as runs."""
