"""Certificates for tests of TLS."""

import ssl

import trustme


def certified(*hosts: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for these hosts, and a client's that trusts its authority."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with authority.issue_cert(*hosts).private_key_and_cert_chain_pem.tempfile() as path:
        server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
