"""The server's side of a WebSocket, on any trio stream: for whatever plays an exchange.

stream.py     the stream below it: one write at a time, and an end that resets nothing
websocket.py  one client, from its handshake to its last byte
"""

from tapefold.peer.websocket import Handshake, Peer, PeerClosed, Refusal, accept

__all__ = ["Handshake", "Peer", "PeerClosed", "Refusal", "accept"]
