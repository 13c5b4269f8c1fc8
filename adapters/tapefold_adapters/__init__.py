"""The adapters that come with tapefold, one module or small folder an exchange.

They import tapefold's public face and nothing else of it, and are found by entry point like anybody's.
"""
