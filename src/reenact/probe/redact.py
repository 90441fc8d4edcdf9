"""Secrets are taken out of variables and arguments before anything is written.

Found by name (``WANDB_API_KEY``, ``--password``) and by shape (``ghp_…``, a JSON web token, ``user:password@`` in a
URL). What replaces them is a constant, never a hash: a hash of a short secret gives the secret away.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

REDACTED = "<redacted>"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ALWAYS = ("SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "COOKIE", "SSHPASS")
_KEYS_TEXT = "API ACCESS PRIVATE SECRET AUTH ENCRYPTION SIGNING ACCOUNT LICENSE DEPLOY MASTER"
_KEYS = tuple(_KEYS_TEXT.split())
_KEYS_IN_ONE = tuple(f"{word}KEY" for word in _KEYS)
_PASS = {"DB", "SMTP", "MYSQL", "POSTGRES", "PG", "REDIS", "MONGO", "MAIL", "FTP", "SSH", "ADMIN", "ROOT", "PROXY"}
# Tokens of text, not of access: --pad-token, --max-token, image_token.
_TEXT_TOKENS_TEXT = """
    PAD EOS BOS UNK SEP CLS MASK SPECIAL ADDITIONAL MAX MIN NUM N PER NEXT LAST FIRST NEW IMAGE AUDIO VIDEO START
    END STOP EOT BOT PREFIX SUFFIX SINGLE
"""
_TEXT_TOKENS = set(_TEXT_TOKENS_TEXT.split())
# A name that ends so says something about a secret (where it is, how long it lives), and is not one.
_ABOUT_TEXT = """
    FILE PATH DIR URL URI HOST PORT TYPE KIND LENGTH LEN SIZE TTL TIMEOUT EXPIRY EXPIRES NAME ID ENABLED MODE METHOD
    PROVIDER BACKEND SOCK SOCKET REQUIRED HELPER PROMPT COUNT POLICY REGION SCOPE SCOPES
"""
_ABOUT = set(_ABOUT_TEXT.split())
_SWITCHES = {"USE", "WITH", "NO", "HAS", "ENABLE", "DISABLE", "ALLOW", "REQUIRE", "ADD", "SKIP"}
_PLAIN = re.compile(r"(?:true|false|yes|no|on|off|none|null|auto|enabled|disabled|)$", re.IGNORECASE)
_PATH = re.compile(r"(?:~|\.{1,2})?/[^\s]*$")
_DENSE = re.compile(r"[A-Za-z0-9+/_=.-]{16,}$")

# Repeats that can fail late are bounded: a long text must not cost quadratic time.
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        (
            "private key",
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]*?-----END [A-Z0-9 ]*-----|[\s\S]*)",
        ),
        ("AWS access key", r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])"),
        ("GitHub token", r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("GitLab token", r"(?<![A-Za-z0-9])gl(?:pat|ptt|rt|dt|cbt)-[A-Za-z0-9_-]{16,}"),
        (
            "API key",
            r"(?<![A-Za-z0-9])(?:sk-(?:proj|ant|or|svcacct|lf|admin)-[A-Za-z0-9_-]{16,}|sk-[a-f0-9]{32,}"
            r"|sk-(?=[A-Za-z_-]{0,64}[0-9])(?=[a-z0-9_-]{0,64}[A-Z])[A-Za-z0-9_-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"
            r"|nvapi-[A-Za-z0-9_-]{20,}|gsk_[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{30,}|AIza[0-9A-Za-z_-]{35}"
            r"|wandb_v1_[A-Za-z0-9_]{20,})",
        ),
        ("Hugging Face token", r"(?<![A-Za-z0-9])(?:hf|api_org)_[A-Za-z0-9]{30,}"),
        ("Slack token", r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("Slack webhook", r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}"),
        ("Google token", r"(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,}"),
        ("package index token", r"(?<![A-Za-z0-9])(?:pypi-[A-Za-z0-9_-]{32,}|npm_[A-Za-z0-9]{36}|dckr_pat_[\w-]{20,})"),
        ("JSON web token", r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,16384}\.[A-Za-z0-9_-]*"),
        ("bearer token", r"(?<=[Bb]earer )\s*[A-Za-z0-9._~+/=-]{16,}|(?<=Basic )[A-Za-z0-9+/]{12,}={0,2}(?![^\s\"'])"),
        ("password in a URL", r"(?<=://)[^\s/@:\"']*:[^\s/@\"']+(?=@)"),
    )
)
# name=value in DSNs, query strings and overrides; "name": "value" in JSON.
_PAIR = re.compile(r"(?:^|(?<=[?&;,\s{(]))([A-Za-z_+][\w.+-]*)=([^&;,\s\"']+)")
_QUOTED = re.compile(r"([\"'])([\w.-]+)\1\s*:\s*([\"'])((?:(?!\3).)+)\3")


def secret_name(name: str, value: str) -> bool:
    """Whether `value` must be kept back because of what it is called.

    Args:
        name: a variable, option or key, in any spelling (``HF_TOKEN``, ``--api-key``, ``db.password``, ``accountKey``).
        value: its value; paths, switches and empty values are not secrets whatever they are called.
    """
    if value == REDACTED or _PLAIN.match(value):
        return False
    words = [word.upper() for word in _WORDS.findall(name.rsplit(".", 1)[-1])]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[-1] in _ABOUT or (len(words) > 1 and words[0] in _SWITCHES):
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    path = bool(_PATH.match(value)) and not _dense(value)
    if path:
        return False
    joined = "_".join(words)
    if any(word in joined for word in _ALWAYS) or any(word in joined for word in _KEYS_IN_ONE):
        return True
    if last in ("TOKEN", "TOKENS") or (last.endswith("TOKEN") and len(last) > 5):
        return before not in _TEXT_TOKENS and (last != "TOKENS" or _dense(value))
    if last in ("PWD", "PASS", "PW"):
        return (last == "PWD" and bool(before)) or before in _PASS
    if last == "KEY" and before in _KEYS:
        return True
    if "AUTH" in words or last == "AUTHORIZATION":
        return len(value) > 3
    return bool({"KEY", "KEYS", "PAT", "SALT", "SIGNATURE", "SIG", "DSN", "TOKEN"} & set(words)) and _dense(value)


def redact_text(text: str) -> tuple[str, list[str]]:
    """`text` without the secrets that can be told by their shape, and what they were (``GitHub token``)."""
    found: list[str] = []
    for what, pattern in _SHAPES:
        text, count = pattern.subn(REDACTED, text)
        if count:
            found.append(what)

    def pair(match: re.Match[str]) -> str:
        if not secret_name(match[1].lstrip("+"), match[2]):
            return match[0]
        found.append(match[1])
        return f"{match[1]}={REDACTED}"

    def quoted(match: re.Match[str]) -> str:
        if not secret_name(match[2], match[4]):
            return match[0]
        found.append(match[2])
        return match[0][: match.start(4) - match.start()] + REDACTED + match[3]

    return _QUOTED.sub(quoted, _PAIR.sub(pair, text)), found


def redact_env(env: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The variables with every secret value replaced by ``<redacted>``, and the sorted names of those.

    A variable that holds a secret among other things is replaced as a whole: a replay takes it from its own
    environment, and half a value would be of no use there.
    """
    kept, names = {}, []
    for name, value in env.items():
        if value != REDACTED and (secret_name(name, value) or redact_text(value)[1]):
            value = REDACTED
            names.append(name)
        kept[name] = value
    return kept, sorted(names)


def redact_argv(argv: Iterable[str]) -> tuple[list[str], list[str]]:
    """The arguments without secrets, and for each one what it was (an option's name, or a kind such as ``API key``).

    Understands ``--password X``, ``--password=X``, ``name=X`` (Hydra) and a secret inside a longer argument, where
    only the secret is replaced.
    """
    kept: list[str] = []
    what: list[str] = []
    option: str | None = None
    for argument in argv:
        if (
            option is not None
            and not re.match(r"--[A-Za-z][\w-]*(?:=|$)|-[A-Za-z]$", argument)
            and secret_name(option, argument)
        ):
            kept.append(REDACTED)
            what.append(option)
            option = None
            continue
        head = re.match(r"(-{0,2}\+{0,2}[A-Za-z_][\w.-]*)(=|:\s+)(.+)$", argument, re.DOTALL)
        option = argument if re.match(r"--?[A-Za-z][\w.-]*$", argument) else None
        if head and secret_name(head[1].lstrip("-+"), head[3]):
            kept.append(head[1] + head[2] + REDACTED)
            what.append(head[1])
            continue
        argument, found = redact_text(argument)
        kept.append(argument)
        what.extend(found)
    return kept, what


def _dense(value: str) -> bool:
    """Whether `value` looks random: at least 16 characters of base64 or hex, mixed, more than 3 bits a character."""
    if not _DENSE.match(value) or not re.search(r"[0-9]", value) or not re.search(r"[A-Za-z]", value):
        return False
    if value.count("/") > 2 or value.startswith(("./", "../", "/")):
        return False
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) > 3.0
