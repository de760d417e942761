"""A checkout in which every known class of leak is planted: hooks that write down what they see, and a builder that
lets through what it should keep out."""

from __future__ import annotations

from pathlib import Path

from support.checkout import copy_checkout

# In the image's root; what each file tells is in its name.
INSIDE = """\
#!/bin/bash
set -eu
set -o pipefail
at=/usr/share/leaks
mkdir -p $at/many
for name in {1..60}; do
    : >$at/many/$name
done
date +%s >$at/clock
date +%Y-%m-%d >$at/clock-day
date +%Z >$at/zone
echo "$LC_ALL" >$at/locale
umask >$at/umask
uname -n >$at/hostname
cat /proc/self/uid_map >$at/user
nproc >$at/cpus
tr '\\0' '\\n' </proc/1/cmdline | grep -A 1 -e --build >$at/path
stat --file-system --format %T / >"$at/file system"
ls -U $at/many >$at/order
cat /proc/sys/kernel/random/uuid >$at/random
"""
# In the tools tree.
OUTSIDE = """\
#!/bin/bash
set -eu
set -o pipefail
date +%s >$TARGET_ROOT/usr/share/leaks/clock-outside
ls -U $TARGET_ROOT/usr/share/leaks/many >$TARGET_ROOT/usr/share/leaks/order-outside
"""

# Where the builder is made wrong, and how.
WRONG: tuple[tuple[str, str, str], ...] = (
    # programs get the time zone and the language of whoever started the builder,
    (
        "src/asl_image/runner.py",
        "_env={**CLEAN_ENVIRONMENT,",
        '_env={**CLEAN_ENVIRONMENT, **{key: os.environ[key] for key in ("TZ", "LC_ALL") if key in os.environ},',
    ),
    (
        "src/asl_image/building.py",
        '("TERM", "COLUMNS", "NO_COLOR")',
        '("TERM", "COLUMNS", "NO_COLOR", "TZ", "LC_ALL")',
    ),
    # and their umask
    ("src/asl_image/building.py", "    os.umask(0o022)\n", ""),
)


def plant(house: Path, at: Path) -> None:
    """Copy the checkout at `house` to `at`, and plant every leak in it and in its profile `smoke`."""
    copy_checkout(house, at)
    for name, right, wrong in WRONG:
        text = (at / name).read_text()
        assert text.count(right) == 1, f"{name} has no longer what is to be made wrong: {right}"
        (at / name).write_text(text.replace(right, wrong))
    element = at / "hooks/asl-leaks"
    for script, text in {"finalise.d/50-see": INSIDE, "cleanup.d/50-see-outside": OUTSIDE}.items():
        (element / script).parent.mkdir(parents=True)
        (element / script).write_text(text)
        (element / script).chmod(0o755)
    (element / "README.rst").write_text("=========\nasl-leaks\n=========\n\nWrites down what it sees.\n")
    (element / "element-deps").write_text("asl-debian\n")
    profile = at / "profiles/smoke.yaml"
    profile.write_text(profile.read_text() + "hooks: [asl-leaks]\n")
