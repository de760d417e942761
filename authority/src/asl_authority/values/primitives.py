"""The cryptography that we did not write, by raw bytes: the one home of the `cryptography` package.

It takes longer to load than all the rest of the program, so it is loaded when first asked for.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

SCRYPT_BLOCK = 8  # r; with it scrypt needs 1 KiB of memory for each unit of cost
TAG_BYTES = 16


@cache
def _ed25519() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return ed25519


@cache
def _invalid() -> tuple[type[Exception], ...]:
    from cryptography.exceptions import InvalidSignature, InvalidTag

    return (InvalidSignature, InvalidTag, ValueError)


def ed25519_public(seed: bytes) -> bytes:
    """The 32 bytes of the public key of a seed of 32 bytes."""
    raw: bytes = _ed25519().Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return raw


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """The 64 bytes of the one signature."""
    signature: bytes = _ed25519().Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    return signature


def ed25519_verifies(raw: bytes, message: bytes, signature: bytes) -> bool:
    """Whether it does; malformed keys and signatures do not."""
    try:
        _ed25519().Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except _invalid():
        return False
    return True


def chacha20_poly1305_seal(key: bytes, nonce: bytes, plain: bytes) -> bytes:
    """RFC 8439, without associated data; the tag comes last."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    return ChaCha20Poly1305(key).encrypt(nonce, plain, None)


def chacha20_poly1305_open(key: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
    """The plain bytes; None when the tag does not fit."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, None)
    except _invalid():
        return None


def hkdf_sha256(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """RFC 5869: 32 bytes."""
    import hmac

    extracted = hmac.digest(salt or bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\1", "sha256")


def scrypt(passphrase: bytes, salt: bytes, log_n: int) -> bytes:
    """RFC 7914 with r = 8 and p = 1: 32 bytes. Raises MemoryError when there is too little for this cost."""
    need = (1 << log_n) * 128 * SCRYPT_BLOCK
    try:
        return hashlib.scrypt(
            passphrase, salt=salt, n=1 << log_n, r=SCRYPT_BLOCK, p=1, maxmem=need + (1 << 20), dklen=32
        )
    except ValueError as error:  # how OpenSSL says that it got no memory
        raise MemoryError(f"scrypt at 2^{log_n} needs {need >> 20} MiB") from error


def x509_fields(data: bytes) -> dict[str, Any] | None:
    """Every field of a DER certificate in plain values, as another implementation than ours reads it; None for no
    certificate, or one with an extension twice. No signature is looked at.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        found = x509.load_der_x509_certificate(data)
        return _x509_fields(found, x509)
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        return None
    except (x509.DuplicateExtension, x509.ExtensionNotFound):
        return None


def _x509_fields(found: Any, x509: Any) -> dict[str, Any]:
    key, usage = found.public_key(), found.extensions.get_extension_for_class(x509.KeyUsage).value
    basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usages = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return {
        "tbs": found.tbs_certificate_bytes,
        "version": found.version.value + 1,
        "serial": found.serial_number,
        "algorithms": [found.signature_algorithm_oid.dotted_string, type(key).__name__.removesuffix("PublicKey")],
        "issuer": [(each.oid.dotted_string, each.value) for each in found.issuer],
        "subject": [(each.oid.dotted_string, each.value) for each in found.subject],
        "not_before": found.not_valid_before_utc.strftime("%Y%m%d%H%M%SZ"),
        "not_after": found.not_valid_after_utc.strftime("%Y%m%d%H%M%SZ"),
        "public_key": key.public_bytes_raw(),
        "critical": sorted(each.oid.dotted_string for each in found.extensions if each.critical),
        "not_critical": sorted(each.oid.dotted_string for each in found.extensions if not each.critical),
        "key_usage": [name for name in (*usages, "key_cert_sign", "crl_sign") if getattr(usage, name)],
        "authority": basic.ca,
        "path_length": basic.path_length,
        "subject_key_id": found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest,
        "authority_key_id": found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier,
        "uris": [each.value for each in names],
    }
