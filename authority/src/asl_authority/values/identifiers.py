"""Names that several papers use: of domains, of requests, and of files."""

from __future__ import annotations

import re

# A domain's name is also that of its directory. The default of a new domain is the key id of its root key; what a
# person calls it is a label.
DOMAIN_ID = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9._-]{0,127}", re.ASCII)
# A UUID in its one lower-case form.
REQUEST_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
# A file's name below some root: no part of it begins with a dot or a dash, and no tool needs to quote it.
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
FILE_NAME_LIMIT = 255
# A time that a person or a requester states: it is shown, and nothing is ordered or decided by it.
STATED_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
# The name of a rule, as it stands in code, log and tests.
CHECK_ID = re.compile(r"[A-Z0-9]+(?:-[A-Z0-9]+){1,7}", re.ASCII)

U32 = 2**32 - 1
