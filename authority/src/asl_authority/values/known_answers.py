"""Published test vectors that the self-test holds this machine's cryptography, and our own forms, to."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

# FIPS 180-4: the examples of NIST's "SHA256" sheet, the empty message and a million times "a".
SHA256_ANSWERS: tuple[tuple[str, bytes, str], ...] = (
    ("empty", b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        "two blocks",
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    ("a million a", b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
)


@dataclass(frozen=True)
class Ed25519Answer:
    """One vector of RFC 8032, section 7.1; all in hexadecimal."""

    name: str
    secret: str
    public: str
    message: str
    signature: str


ED25519_ANSWERS: tuple[Ed25519Answer, ...] = (
    Ed25519Answer(
        "test 1",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    Ed25519Answer(
        "test 2",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    Ed25519Answer(
        "test 3",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


@dataclass(frozen=True)
class ScryptAnswer:
    """One vector of RFC 7914, section 12; 64 bytes of key in hexadecimal."""

    password: bytes
    salt: bytes
    n: int
    r: int
    p: int
    key: str


# The RFC's fourth vector (N = 2^20) needs 1 GiB: more than the smallest host has.
SCRYPT_ANSWERS: tuple[ScryptAnswer, ...] = (
    ScryptAnswer(
        b"",
        b"",
        16,
        1,
        1,
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
        "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
    ),
    ScryptAnswer(
        b"password",
        b"NaCl",
        1024,
        8,
        16,
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
        "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    ),
    ScryptAnswer(
        b"pleaseletmein",
        b"SodiumChloride",
        16384,
        8,
        1,
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    ),
)


@dataclass(frozen=True)
class Slip39Answer:
    """One of the vectors beside SLIP-0039: shares of which all are needed, and their secret in hexadecimal."""

    name: str
    passphrase: bytes
    shares: tuple[str, ...]
    secret: str


SLIP39_ANSWERS: tuple[Slip39Answer, ...] = (
    Slip39Answer(
        "vector 4",
        b"TREZOR",
        (
            "shadow pistol academic always adequate wildlife fancy gross oasis cylinder mustang wrist rescue view "
            "short owner flip making coding armed",
            "shadow pistol academic acid actress prayer class unknown daughter sweater depict flip twice unkind craft "
            "early superior advocate guest smoking",
        ),
        "b43ceb7e57a0ea8766221624d01b0864",
    ),
    Slip39Answer(
        "vector 43",
        b"TREZOR",
        (
            "enemy favorite academic acid cowboy phrase havoc level response walnut budget painting inside trash "
            "adjust froth kitchen learn tidy punish",
            "enemy favorite academic always academic sniff script carpet romp kind promise scatter center unfair "
            "training emphasis evening belong fake enforce",
        ),
        "48b1a4b80b8c209ad42c33672bdaa428",
    ),
)

# RFC 8785, section 3.2.3: names in the order of UTF-16 units, where code points would sort otherwise; and its one text.
CANONICAL_ANSWERS: tuple[tuple[str, Mapping[str, str], bytes], ...] = (
    (
        "sorted names",
        {
            "\u20ac": "Euro Sign",
            "\r": "Carriage Return",
            "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\U0001f600": "Emoji: Grinning Face",
            "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis",
        },
        (
            '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",'
            '"\u20ac":"Euro Sign","\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
        ).encode(),
    ),
)

# The test data of Certificate Transparency, whose tree is that of RFC 9162: entries, the roots of the first 0 to 8 of
# them, and that the tree of 8 extends that of 6.
TREE_ENTRIES: tuple[bytes, ...] = tuple(
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
)
TREE_ROOTS: tuple[str, ...] = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
TREE_EXTENDS: tuple[int, tuple[str, ...]] = (
    6,
    (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
)


@dataclass(frozen=True)
class AgeAnswer:
    """One of CCTV's age vectors: a file for a passphrase, and the SHA-256 of its content in hexadecimal."""

    name: str
    passphrase: str
    work: int
    file: bytes
    content_sha256: str


AGE_ANSWERS: tuple[AgeAnswer, ...] = (
    AgeAnswer(
        "scrypt",
        "password",
        10,
        base64.b64decode(
            "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCByRjAvTndibFVISFRwZ1FnUnBlNUNRIDEwCmdVakV5bUZLTVZYUUVLZE1NSEwyNG9Z"
            "ZXhqRTNUSUMwTzB6R1NxSjJhVVkKLS0tIElPWGlRWVN0a29UMW12WlcydEZPcVpkaFJWdmo1OGVnQUJ4L3NXZlpRYmMKGzXG5ofdANo6w3ms"
            "n3QsIf0YWhuePe1znRSsappQEk24Ztg="
        ),
        "013f54400c82da08037759ada907a8b864e97de81c088a182062c4b5622fd2ab",
    ),
)
