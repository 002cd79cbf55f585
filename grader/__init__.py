"""Autograded homework for deep learning: checks, feedback, and the boundary between them and a submission."""

__version__ = "0.1.0"
