"""Folds: what a log adds up to. Pure, total, bounded, deterministic.

A fold never raises on a fact: the fact is in the log, so every later start would raise as well. What
cannot be true changes nothing and is an anomaly. A fold's state, as `state` gives it, is canonical:
plain decimals, sorted; its digest, its snapshot and its equality are all of that one thing.
"""
