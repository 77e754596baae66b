"""Randomised designs: drawn by a seed, written for people, read back strictly."""
