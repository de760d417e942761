"""Has the real sops encrypt the sample bundle, with new test keys: python -m support.sops_files SOPS FOLDER.

What it writes can't be made again byte for byte; so it is kept, with the private keys, and made anew only when the
sample changes. The folder FOLDER is for scratch.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from asl_authority.values.canonical import canonical_bytes
from asl_authority.values.sops_file import Form
from support.published import FOLDER

MADE = FOLDER / "sops"
WARNING = "# Test keys, published. Never use them for anything but tests.\n"


def encrypt(sops: str, config: bytes, plain: bytes, kind: str, folder: Path) -> bytes:
    """What sops makes of the bytes, as the ceremony calls it: no environment, and by a configuration that says all."""
    (folder / "config.yaml").write_bytes(config)
    argv = [sops, "--config", "config.yaml", "encrypt", "--input-type", kind, "--output-type", kind]
    env = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "LC_ALL": "C", "SOPS_DISABLE_VERSION_CHECK": "1"}
    argv += ["--filename-override", f"bundle.{kind}"]
    return subprocess.run(argv, cwd=folder, input=plain, env=env, capture_output=True, check=True).stdout


def decrypt(sops: str, name: str, kind: str, identities: Path, folder: Path) -> bytes:
    """What sops opens with these identities."""
    (folder / "empty.yaml").write_text("{}\n")
    argv = [sops, "--config", "empty.yaml", "decrypt", "--input-type", kind, "--output-type", kind, str(MADE / name)]
    env = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "SOPS_AGE_KEY_FILE": str(identities)}
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, check=True).stdout


def main(sops: str, folder: Path) -> None:
    """Write keys, then files."""
    MADE.mkdir(exist_ok=True)
    keys = [subprocess.run(["age-keygen"], capture_output=True, check=True, text=True).stdout for _ in range(3)]
    recipients = [key.split("public key: ")[1].split()[0] for key in keys]
    (MADE / "recipients.txt").write_text("".join(f"{recipient}\n" for recipient in recipients))
    (MADE / "identities.txt").write_text(WARNING + "".join(f"{key.splitlines()[-1]}\n" for key in keys))
    from support.samples import sops as sample

    for name, recipients_of, form in (
        ("two.json", sample.TWO_GROUPS, Form.DOCUMENT),
        ("one.json", sample.ONE_GROUP, Form.DOCUMENT),
        ("sealed.json", sample.TWO_GROUPS, Form.SEALED),
    ):
        plain, kind = (sample.BUNDLE.to_bytes(), "json") if form is Form.DOCUMENT else (sample.SEALED, "binary")
        (MADE / name).write_bytes(encrypt(sops, recipients_of.config(form), plain, kind, folder))
        opened = decrypt(sops, name, kind, MADE / "identities.txt", folder)
        again = canonical_bytes(json.loads(opened)) if form is Form.DOCUMENT else opened
        sys.stdout.write(f"{name}: opened again, {'the same' if again == plain else 'NOT THE SAME'}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
